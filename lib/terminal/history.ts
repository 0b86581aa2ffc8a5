/**
 * The history that a room may send first. It ends with a mark; without that, nothing but that it comes
 * at once tells it from what is sent now. After a lost connection most of it is known already.
 */

import { HISTORY_END } from "../program/server-messages.ts";

/** What comes so long after what came before it, in ms, is no history. */
const PAUSE_MS = 300;
/** How long to wait for the mark, in ms; and where the room is known to have a history. */
const LONGEST_MS = 1000;
const LONGEST_SURE_MS = 10_000;
/** How much of what was shown is known again, and is held back until the history ends; in UTF-16. */
const KNOWN_LENGTH = 1 << 20;
const HELD_LENGTH_MAX = 4 << 20;
/** So many of the lines that this client has sent are known again. */
const OWN_MAX = 1000;

/** Holds back what may be history until that is known, and finds what of it was not shown before. */
export class History {
  readonly #show: (lines: string, isHistory: boolean) => void;
  /** The end of what others have sent, and what this client has. */
  #known = "";
  readonly #own = new Set<string>();
  /** Up to when what is received may be history. */
  #openUntilMs = 0;
  /** Whether this room has ended a history with the mark. */
  #isSure = false;
  #held = "";
  readonly #after: (() => void)[] = [];
  #pause: Timer | undefined;

  /** @param show given whole lines, and whether they are history */
  constructor(show: (lines: string, isHistory: boolean) => void) {
    this.#show = show;
  }

  /** The client has joined, and receives something at once, which may be history. */
  joined(): void {
    this.flush();
    this.#openUntilMs = performance.now() + (this.#isSure ? LONGEST_SURE_MS : LONGEST_MS);
    this.#pause = setTimeout(() => this.flush(), PAUSE_MS);
  }

  /**
   * @param line without its LF, as others receive it
   * @param show shows it: at once, or after what is held back, which was sent before
   */
  sent(line: string, show: () => void): void {
    if (this.#held === "") show();
    else this.#after.push(show);
    this.#own.delete(`${line}\n`);
    this.#own.add(`${line}\n`);
    for (const first of this.#own) if (this.#own.size > OWN_MAX) this.#own.delete(first);
  }

  /** Takes whole lines, and shows them as soon as it is known what they are. */
  receive(lines: string): void {
    const all = this.#held + lines;
    const isOpen = performance.now() < this.#openUntilMs;
    const end = isOpen ? `\n${all}`.indexOf(`\n${HISTORY_END}`) : -1;
    this.#held = all;
    if (!isOpen || all.length > HELD_LENGTH_MAX) return this.flush();
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => this.flush(), PAUSE_MS);
    if (end < 0) return;
    this.#isSure = true;
    const missed = this.#missed(linesOf(all.slice(0, end)));
    if (missed !== "") this.#showNew(missed + HISTORY_END, true);
    this.#held = all.slice(end + HISTORY_END.length);
    this.flush();
  }

  /** Shows what is held back: there is no history, or no more of it. */
  flush(): void {
    clearTimeout(this.#pause);
    this.#openUntilMs = 0;
    const held = this.#held;
    this.#held = "";
    if (held !== "") this.#showNew(held, false);
    for (const show of this.#after.splice(0)) show();
  }

  #showNew(lines: string, isHistory: boolean): void {
    this.#known += lines;
    if (this.#known.length > 2 * KNOWN_LENGTH) this.#known = this.#known.slice(-KNOWN_LENGTH);
    this.#show(lines, isHistory);
  }

  /** What of a history follows the last line that is known, without what this client has sent. */
  #missed(history: string[]): string {
    // Where its own lines stand among those of others it does not know; server messages are in none.
    const isOther = (line: string) => !this.#own.has(line) && !line.startsWith("* ");
    const known = linesOf(this.#known).filter(isOther);
    const others = history.flatMap((line, at) => (isOther(line) ? [{ line, at }] : []));
    /** Whether the last known lines are those before `end`, as far as both go back. */
    const isKnown = (end: number) => {
      for (let back = 1; back <= Math.min(end, known.length); back++)
        if (others[end - back]?.line !== known[known.length - back]) return false;
      return known.length > 0;
    };
    const last = others.findIndex((_, at) => isKnown(at + 1));
    if (last < 0) return history.join("");
    const after = history.slice((others[last]?.at ?? 0) + 1);
    return after.filter((line) => !this.#own.has(line)).join("");
  }
}

const linesOf = (text: string) => text.match(/.*\n|.+$/g) ?? [];
