/**
 * Lines on their way out. One that was typed is entered by Enter, then waits here, and is gone once
 * the system has taken it: only then is it shown as one that was sent.
 */

/** So many characters may wait. */
const LENGTH_MAX = 16 << 20;

/** Lines that were entered and have not gone out, in order. */
export class Outbox {
  /** By number, from `#first` to before `#next`. */
  readonly #lines = new Map<number, string>();
  #first = 0;
  #next = 0;
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
    return this.#lines.size;
  }

  /** Whether so much waits that no more should be added. */
  get isFull(): boolean {
    return this.#length >= LENGTH_MAX;
  }

  /** The last lines that have not gone out, at most so many. */
  last(count: number): string[] {
    const numbers = Array.from({ length: count }, (_, index) => this.#next - count + index);
    return numbers.flatMap((number) => this.#lines.get(number) ?? []);
  }

  /** Adds a line, without LF. */
  add(line: string): void {
    this.#lines.set(this.#next++, line);
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
      const line = this.#lines.get(this.#first);
      if (line !== undefined) {
        yield Buffer.from(`${line}\n`);
        this.#lines.delete(this.#first++);
        this.#length -= line.length;
        this.#onSent(line);
      } else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
