/** Names in a conversation: the user's own, lines that mention it, and those that Tab completes. */

import { isName } from "../program/name.ts";

const NAMES_MAX = 200;
const LETTER = String.raw`[\p{L}\p{N}\p{M}_]`;
/** A name at the start of a line. */
export const SENDER = /^([^\s:\p{C}]{1,32}):(?= |$)/gmu;

/** The login name; empty when there is none that `--name` takes. */
export function loginName(): string {
  const { USER, LOGNAME, USERNAME } = process.env;
  // By id(1); `os.userInfo` of Bun knows no more than `$USER`.
  const byId = () => `${Bun.spawnSync(["sh", "-c", "id -un"], { stderr: "ignore" }).stdout}`.trim();
  const name = USER || LOGNAME || USERNAME || byId();
  return isName(name) ? name : "";
}

/**
 * Tells lines that mention a name from others: they have it as a word, in capitals or not. The name
 * before a line is that of its sender; a server message mentions nobody, and no line an empty name.
 */
export function mentions(name: string): (line: string) => boolean {
  if (name === "") return () => false;
  const written = RegExp.escape(name.normalize());
  const word = new RegExp(`(?<!${LETTER})${written}(?!${LETTER})`, "iu");
  const sender = new RegExp(`^${written}:(?= |$)`, "iu");
  return (line) => !line.startsWith("* ") && word.test(line.normalize().replace(sender, ""));
}

/** Completes names that were seen lately, those that have sent last first. */
export class Completion {
  /** In the order in which they have sent, the last at the end. */
  readonly #names = new Set<string>();
  /** What the last Tab has made of the text, and what further ones make of that: round and round. */
  #shown: string | undefined;
  #further: string[] = [];

  /** Sees who has sent some lines; the name `own` is not to be completed. */
  see(lines: string, own: string): void {
    for (const [, name = ""] of lines.matchAll(SENDER)) {
      this.#names.delete(name);
      if (name !== own) this.#names.add(name);
    }
    for (const name of this.#names) if (this.#names.size > NAMES_MAX) this.#names.delete(name);
  }

  /**
   * What Tab makes of the text before the cursor: its last word becomes a name that begins so, and
   * with the next Tab, given what the last one has made, another one.
   */
  complete(before: string): string {
    if (before !== this.#shown) {
      const start = before.slice(0, before.lastIndexOf(" ") + 1);
      const word = before.slice(start.length).toLowerCase();
      this.#further = [...this.#names]
        .filter((name) => name.toLowerCase().startsWith(word))
        .map((name) => `${start}${name}${start === "" ? ": " : " "}`);
    }
    this.#shown = this.#further.pop();
    if (this.#shown !== undefined) this.#further.unshift(this.#shown);
    return this.#shown ?? before;
  }
}
