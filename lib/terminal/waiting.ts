/** Lines that were entered: they wait until they have gone out; and those that just have may be lost. */

/** So many of the lines that wait are shown, the last ones. */
const SHOWN_MAX = 3;
/** So many that have gone out are remembered. */
const SENT_MAX = 100;

/** What a person sends. */
export class Waiting {
  readonly #onSent: (line: string) => void;
  /** The first may be on its way. */
  readonly #lines: string[] = [];
  #sentAtMs: number[] = [];
  #ended = false;
  #wake: (() => void) | undefined;
  /** One after the other, with LF; it has gone out when the next one is asked for. */
  readonly bytes = this.#take();

  /** @param onSent told of each line once it has gone out */
  constructor(onSent: (line: string) => void) {
    this.#onSent = onSent;
  }

  /** How many wait, in words; empty if none does. */
  get count(): string {
    return this.#lines.length > 0 ? countOf(this.#lines.length) : "";
  }

  get last(): string[] {
    return this.#lines.slice(-SHOWN_MAX);
  }

  add(line: string): void {
    this.#lines.push(line);
    this.#wake?.();
  }

  /** No more will be added. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** What may be lost if it has gone out in the last `sinceMs` ms, in words; empty if nothing. */
  lost(sinceMs: number): string {
    const fromMs = performance.now() - sinceMs;
    const { length } = this.#sentAtMs.filter((at) => at > fromMs);
    this.#sentAtMs = [];
    const [lines, them] = length === 1 ? ["line", "it"] : [countOf(length), "them"];
    return length > 0 ? `the last ${lines} you sent may be lost; Up brings ${them} back` : "";
  }

  async *#take(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const [line] = this.#lines;
      if (line !== undefined) {
        yield Buffer.from(`${line}\n`);
        this.#lines.shift();
        this.#sentAtMs = [...this.#sentAtMs.slice(1 - SENT_MAX), performance.now()];
        this.#onSent(line);
      } else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

const countOf = (count: number) => (count === 1 ? "1 line" : `${count} lines`);
