/** Latencies, up to some millions of them, and what a share of them lies below. */
export class Histogram {
  readonly #valuesMs: number[] = [];

  add(valueMs: number): void {
    this.#valuesMs.push(valueMs);
  }

  /** The value below which a share of all lies, in ms; 0 when there are none. */
  quantile(share: number): number {
    const sorted = Float64Array.from(this.#valuesMs).sort();
    return sorted[Math.min(Math.floor(share * sorted.length), sorted.length - 1)] ?? 0;
  }
}
