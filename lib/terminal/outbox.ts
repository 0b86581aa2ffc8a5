/** Lines that were entered and wait until the system has taken them. */
export class Outbox {
  #lines: string[] = [];
  /** How many of them have gone out: to take them away one by one would take long. */
  #sent = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  get count(): number {
    return this.#lines.length - this.#sent;
  }

  last(count: number): string[] {
    return this.#lines.slice(Math.max(this.#sent, this.#lines.length - count));
  }

  /** Adds a line, without LF. */
  add(line: string): void {
    this.#lines.push(line);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** One line after the other, with LF; `onSent` is told of it when the next one is asked for. */
  async *taken(onSent: (line: string) => void): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const line = this.#lines[this.#sent];
      if (line !== undefined) {
        yield Buffer.from(`${line}\n`);
        this.#sent++;
        onSent(line);
        if (this.count === 0) [this.#lines, this.#sent] = [[], 0];
      } else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
