/**
 * Lines on their way out. One that was typed is entered by Enter, then waits here, and is gone once
 * the system has taken it: only then does it look like one that was said.
 */

/** So many characters may wait. */
const LENGTH_MAX = 16 << 20;
const FORGOTTEN_AT_ONCE = 1000;

/** Lines that were entered and have not gone out, in order. */
export class Outbox {
  readonly #lines: string[] = [];
  /** How many of them have gone out, before they are forgotten. */
  #gone = 0;
  #length = 0;
  #ended = false;
  #wake: (() => void) | undefined;
  readonly #onSent: (line: string) => void;

  /** @param onSent told of each line once it has gone out */
  constructor(onSent: (line: string) => void) {
    this.#onSent = onSent;
  }

  /** How many lines have not gone out. */
  get count(): number {
    return this.#lines.length - this.#gone;
  }

  /** Whether so much waits that no more should be added. */
  get isFull(): boolean {
    return this.#length >= LENGTH_MAX;
  }

  /** The last of them, at most so many. */
  last(count: number): string[] {
    return this.#lines.slice(Math.max(this.#gone, this.#lines.length - count));
  }

  /** Adds a line, without LF. */
  add(line: string): void {
    this.#lines.push(line);
    this.#length += line.length;
    this.#wake?.();
  }

  /** Tells that no more will be added. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** One line after the other, with LF. That the next is asked for tells that one has gone out. */
  async *taken(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const line = this.#lines[this.#gone];
      if (line !== undefined) {
        yield Buffer.from(`${line}\n`);
        this.#length -= line.length;
        this.#gone++;
        this.#forget();
        this.#onSent(line);
      } else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Not one by one: all the others would have to move up for each. */
  #forget(): void {
    if (this.count > 0 && this.#gone < FORGOTTEN_AT_ONCE) return;
    this.#lines.splice(0, this.#gone);
    this.#gone = 0;
  }
}
