/**
 * What was asked of a connection to the stream, and since when an answer is due; on
 * a clock that does not count the time in which this server slept: others did not
 * keep it waiting meanwhile.
 */

const NEVER = Number.POSITIVE_INFINITY;
/** A longer time between two looks at the clock counts as no more. */
export const TICK_MS = 1_000;
/** An answer that is so late is given up. */
const LATE_MS = 5_000;

export class Answers {
  /** The clock, in ms. */
  nowMs = 0;
  #lookedAtMs: number | undefined;
  #joinedAtMs = NEVER;
  #readAtMs = NEVER;
  #said: { readonly number: number; readonly atMs: number }[] = [];

  get isReading(): boolean {
    return this.#readAtMs !== NEVER;
  }

  get areLate(): boolean {
    const oldestMs = this.#said[0]?.atMs ?? NEVER;
    // What is read may take its time: there may be nothing.
    return this.nowMs - Math.min(this.#joinedAtMs, oldestMs, this.#readAtMs + TICK_MS) >= LATE_MS;
  }

  passTo(now: number): void {
    this.nowMs += Math.min(TICK_MS, now - (this.#lookedAtMs ?? now));
    this.#lookedAtMs = now;
  }

  /** It connects, and joins. */
  joins(): void {
    this.#joinedAtMs = this.nowMs;
  }

  said(number: number): void {
    this.#said.push({ number, atMs: this.nowMs });
  }

  reads(): void {
    this.#readAtMs = this.nowMs;
  }

  answeredJoining(): void {
    this.#joinedAtMs = NEVER;
  }

  /** Returns the number of what was said. */
  answeredSaid(): number {
    return this.#said.shift()?.number ?? 0;
  }

  answeredRead(): void {
    this.#readAtMs = NEVER;
  }

  /** The connection is gone, and with it all that would have been answered. */
  clear(): void {
    this.#joinedAtMs = this.#readAtMs = NEVER;
    this.#said = [];
  }
}
