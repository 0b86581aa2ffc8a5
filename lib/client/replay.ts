/**
 * What is heard at first after connecting again. A server with `--history` repeats what was said
 * before, and only the line behind that, which one with `--announce` says, tells that it was that.
 */

import { asksForName, HISTORY_END } from "../program/server-messages.ts";

/** For how long lines are held back, in ms: history comes at once, if it comes. */
const HOLD_MS = 500;
/** So many characters are not held back any longer. */
const HELD_LENGTH_MAX = 16 << 20;

/** Tells history from what is said now; does not guess. */
export class Replay {
  readonly #show: (history: string, lines: string) => void;
  #held = "";
  /** Runs while lines are held back. */
  #timer: Timer | undefined;

  /** @param show is given history up to the line that ends it, or nothing, and lines after it */
  constructor(show: (history: string, lines: string) => void) {
    this.#show = show;
  }

  /** It is connected again. */
  begin(): void {
    this.release();
    this.#timer = setTimeout(() => this.release(), HOLD_MS);
  }

  /** @param lines whole ones, each with its LF */
  heard(lines: string): void {
    if (this.#timer === undefined) return this.#show("", lines);
    const from = Math.max(0, this.#held.length - HISTORY_END.length);
    this.#held += lines;
    const end = this.#endOfHistory(from);
    if (end >= 0) this.release(end);
    else if (this.#held.length > HELD_LENGTH_MAX) this.release();
  }

  /** Holds nothing back any longer, of which so much is history. */
  release(historyLength = 0): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const held = this.#held;
    this.#held = "";
    if (held === "") return;
    // A greeting comes before history, and is said now.
    const firstLength = held.indexOf("\n") + 1;
    const start = asksForName(held.slice(0, firstLength - 1)) ? firstLength : 0;
    const end = Math.max(start, historyLength);
    if (start > 0) this.#show("", held.slice(0, start));
    this.#show(held.slice(start, end), held.slice(end));
  }

  #endOfHistory(from: number): number {
    if (this.#held.startsWith(HISTORY_END)) return HISTORY_END.length;
    const at = this.#held.indexOf(`\n${HISTORY_END}`, from);
    return at < 0 ? -1 : at + 1 + HISTORY_END.length;
  }
}
