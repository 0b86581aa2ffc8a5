/** Progress on stderr: one line that changes on a terminal, and nothing else to read in a log. */

export class Progress {
  readonly #steps: number;
  readonly #startMs = performance.now();
  readonly #changes = process.stderr.isTTY;
  #step = 0;

  /** @param steps how many there will be */
  constructor(steps: number) {
    this.#steps = steps;
  }

  /** Says what is being done now. */
  step(what: string): void {
    this.#step++;
    if (!this.#changes) return;
    const seconds = ((performance.now() - this.#startMs) / 1000).toFixed(0);
    this.#write(`${seconds.padStart(4)} s  ${this.#step}/${this.#steps}  ${what}`);
  }

  /** Says something that stays. */
  note(what: string): void {
    this.#write(`${what}\n`);
  }

  end(): void {
    if (this.#changes) this.#write("");
  }

  #write(text: string): void {
    process.stderr.write(this.#changes ? `\r\x1b[K${text}` : text);
  }
}
