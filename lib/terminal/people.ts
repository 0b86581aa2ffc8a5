/**
 * Who the user is, and who else is in the room, as far as lines, notices and the greeting of a room
 * with names tell; for Tab too.
 */

import { ASK_FOR_NAME, isName } from "../program/server-messages.ts";
import { SENDER } from "./transcript.ts";

/** So many names are known. */
const NAMES_MAX = 200;

/** How a room that asks for a name tells who is here, at the start of what a client receives. */
export const GREETING = new RegExp(`^${ASK_FOR_NAME}(?:\\n|$)`);
/** What `--announce` tells. */
const NOTICE = /^\* (?:(\S+) (joined|left)|\d.* more .*?)(?: \(([\d,]+) here\))?$/;

/** The names that were told and seen, those that have sent last at the end. */
export class People {
  readonly #own: string;
  /** In the order in which they were seen last. */
  readonly #seen = new Set<string>();
  readonly #here = new Set<string>();
  /** How many are here, with the user; undefined where nobody tells. */
  #count: number | undefined;
  /** What the last Tab has made of the text, and what further ones make of that: round and round. */
  #shown: string | undefined;
  #further: string[] = [];

  /** @param own the user's name, which is not to be completed */
  constructor(own: string) {
    this.#own = own;
  }

  /** Another connection: who is here is not known any more. */
  joined(): void {
    this.#here.clear();
    this.#count = undefined;
  }

  /** Sees who has sent some lines; those of the history need not be here any more. */
  see(lines: string, isHistory: boolean): void {
    for (const [, name = ""] of lines.matchAll(SENDER)) this.#see(name, !isHistory);
  }

  /** Takes what the server tells in some lines. */
  told(lines: string): void {
    for (const [line] of lines.matchAll(/^\* .*/gm)) this.#told(line);
  }

  /** What `/who` shows. */
  get list(): string {
    const names = [...this.#here];
    if (this.#own) names.unshift(`${this.#own} (you)`);
    const more = (this.#count ?? 0) - names.length;
    const all =
      names.join(", ") + (more > 0 ? `${names.length > 0 ? " and " : ""}${more} more` : "");
    // Without names, notices do not tell which of them has left.
    if (this.#count !== undefined)
      return `${this.#count} here${more < 0 ? ", some of" : ""}: ${all}`;
    return `here, as far as is known: ${all || "nobody"}`;
  }

  /**
   * What Tab makes of the text before the cursor: its last word becomes a name that begins so, and
   * with the next Tab, given what the last one has made, another one.
   */
  complete(before: string): string {
    if (before !== this.#shown) {
      const start = before.slice(0, before.search(/\S*$/));
      const word = before.slice(start.length).toLowerCase();
      this.#further = [...this.#seen]
        .filter((name) => name.toLowerCase().startsWith(word))
        .map((name) => `${start}${name}${start === "" ? ": " : " "}`);
    }
    this.#shown = this.#further.pop();
    if (this.#shown !== undefined) this.#further.unshift(this.#shown);
    return this.#shown ?? before;
  }

  #told(line: string): void {
    const greeting = GREETING.exec(line);
    if (greeting) {
      const names = greeting[1]?.split(", ") ?? [];
      for (const name of names) this.#see(name, true);
      this.#count = names.length + countOf(greeting[2] ?? "0") + 1;
    }
    const notice = NOTICE.exec(line);
    if (!notice) return;
    const [, name = "", what, count] = notice;
    // Without names, they are told by their addresses.
    if (isName(name)) this.#see(name, what === "joined");
    if (what === "left") this.#here.delete(name);
    this.#count = count === undefined ? undefined : countOf(count);
  }

  #see(name: string, isHere: boolean): void {
    this.#seen.delete(name);
    if (name === this.#own) return;
    this.#seen.add(name);
    if (isHere) this.#here.add(name);
    for (const names of [this.#seen, this.#here])
      for (const first of names) if (names.size > NAMES_MAX) names.delete(first);
  }
}

const countOf = (digits: string) => Number(digits.replaceAll(",", ""));

/** The login name; empty when there is none that `--name` takes. */
export function loginName(): string {
  const { USER, LOGNAME, USERNAME } = process.env;
  // By id(1); `os.userInfo` of Bun knows no more than `$USER`.
  const byId = () => `${Bun.spawnSync(["sh", "-c", "id -un"], { stderr: "ignore" }).stdout}`.trim();
  const name = USER || LOGNAME || USERNAME || byId();
  return isName(name) ? name : "";
}
