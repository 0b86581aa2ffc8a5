/** Latencies, millions of them, in little space: buckets that grow with the value, 2 % wide. */

const BUCKETS_PER_OCTAVE = 32;
const OCTAVES = 30;
/** The smallest value told apart, in ms. */
const LEAST_MS = 0.001;

export class Histogram {
  readonly #buckets = new Float64Array(BUCKETS_PER_OCTAVE * OCTAVES);
  #count = 0;

  add(valueMs: number): void {
    const bucket = Math.floor(
      Math.log2(Math.max(valueMs, LEAST_MS) / LEAST_MS) * BUCKETS_PER_OCTAVE,
    );
    const index = Math.min(bucket, this.#buckets.length - 1);
    this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
    this.#count++;
  }

  /** The value below which a share of all lies, in ms; 0 when there are none. */
  quantile(share: number): number {
    let left = share * this.#count;
    for (const [index, count] of this.#buckets.entries()) {
      left -= count;
      if (left <= 0 && count > 0) return LEAST_MS * 2 ** ((index + 0.5) / BUCKETS_PER_OCTAVE);
    }
    return 0;
  }
}
