/** Lines that were entered, for Up and Down: remembered as long as the program runs. */

const LINES_MAX = 1000;

/** The lines, and which of them is shown. */
export class History {
  readonly #lines: string[] = [];
  /** The line that is shown, counted from the end; 0 is the one that was being typed. */
  #back = 0;
  #typed = "";

  /** Remembers a line that was entered. */
  add(line: string): void {
    this.#back = 0;
    if (line.trim() === "" || line === this.#lines.at(-1)) return;
    this.#lines.push(line);
    if (this.#lines.length > LINES_MAX) this.#lines.shift();
  }

  /** Goes a line back, or on with `by` -1; returns what to show instead of `line`. */
  go(by: 1 | -1, line: string): string {
    if (this.#back === 0) this.#typed = line;
    this.#back = Math.max(0, Math.min(this.#lines.length, this.#back + by));
    return this.#back === 0 ? this.#typed : (this.#lines.at(-this.#back) ?? "");
  }
}
