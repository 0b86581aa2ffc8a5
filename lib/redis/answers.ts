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
  /** The clock, in ms, and how much of that this server has heard the others, or heard that they said nothing. */
  nowMs = 0;
  listenedMs = 0;
  #lookedAtMs: number | undefined;
  #joinedAtMs = NEVER;
  #readAtMs = NEVER;
  /** Whether it has slept while it was reading: what the others have said meanwhile is still to be read. */
  #hasSlept = false;
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
    const elapsedMs = now - (this.#lookedAtMs ?? now);
    this.#lookedAtMs = now;
    this.#hasSlept ||= elapsedMs > 2 * TICK_MS;
    this.nowMs += Math.min(TICK_MS, elapsedMs);
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
    this.#hasSlept = false;
  }

  answeredJoining(): void {
    this.#joinedAtMs = NEVER;
  }

  /** Returns the number of what was said. */
  answeredSaid(): number {
    return this.#said.shift()?.number ?? 0;
  }

  answeredRead(): void {
    if (!this.#hasSlept) this.listenedMs += Math.min(TICK_MS, this.nowMs - this.#readAtMs);
    this.#readAtMs = NEVER;
  }

  /** The connection is gone, and with it all that would have been answered. */
  clear(): void {
    this.#joinedAtMs = this.#readAtMs = NEVER;
    this.#said = [];
  }
}
