/** When to connect again, and how long a connection has been away. */

const RETRY_MS = { first: 50, max: 1_000 };

export class Absence {
  #sinceMs: number | undefined;
  #retryMs = RETRY_MS.first;
  /** When to try again. */
  retryAtMs = 0;

  get lasts(): boolean {
    return this.#sinceMs !== undefined;
  }

  /** It is away, again or still; returns whether it was not before. */
  begin(now: number): boolean {
    const isNew = this.#sinceMs === undefined;
    this.#sinceMs ??= now;
    this.retry(now);
    return isNew;
  }

  /** It is to be tried again, each time a little later. */
  retry(now: number): void {
    this.retryAtMs = now + this.#retryMs;
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS.max);
  }

  /** It is back for sure; returns after how long, in ms, if it was away. */
  end(now: number): number | undefined {
    const sinceMs = this.#sinceMs;
    this.#sinceMs = undefined;
    this.#retryMs = RETRY_MS.first;
    return sinceMs === undefined ? undefined : now - sinceMs;
  }
}
