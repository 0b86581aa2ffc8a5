/** How fast one client may talk. */

/**
 * A token bucket that holds a second's worth of lines: so many may be said at
 * once, and then so many a second.
 */
export class TokenBucket {
  readonly #linesPerSecond: number;
  #lines: number;
  #atMs: number;

  /** @param nowMs the time, on the clock of all later calls */
  constructor(linesPerSecond: number, nowMs: number) {
    this.#linesPerSecond = linesPerSecond;
    this.#lines = linesPerSecond;
    this.#atMs = nowMs;
  }

  /** How many lines may be said now. */
  linesNow(nowMs: number): number {
    const earned = ((nowMs - this.#atMs) / 1000) * this.#linesPerSecond;
    this.#lines = Math.min(this.#linesPerSecond, this.#lines + earned);
    this.#atMs = nowMs;
    return Math.floor(this.#lines);
  }

  /** Notes that lines were said, no more than `linesNow`. */
  spend(lines: number): void {
    this.#lines -= lines;
  }

  /** In how many ms the next line may be said; 0 if now. */
  msToNextLine(nowMs: number): number {
    if (this.linesNow(nowMs) >= 1) return 0;
    return Math.ceil(((1 - this.#lines) / this.#linesPerSecond) * 1000);
  }
}
