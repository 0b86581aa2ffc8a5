/** Waiting for something to become true, by looking again whenever something has changed, or may have. */

const LOOK_AGAIN_MS = 5;
/** No wait is bound to less: a busy or slow machine is no failure. Who looks for failures waits less. */
export const LONGEST_MS = Number(process.env["LINECHAT_LONGEST_MS"] ?? 60_000);

/** What a check gives: something once it is true, and nothing before. */
export type Found<Value> = Value | undefined | false;

export class Watched {
  readonly #watchers = new Set<() => void>();
  readonly #state: () => string;
  #ending: string | undefined;

  /** @param state what there is by now, for the message of a wait in vain */
  constructor(state = () => "") {
    this.#state = state;
  }

  /** Has everybody who waits look again. */
  changed(): void {
    for (const look of this.#watchers) look();
  }

  /** There will be no more changes, and why: whoever still waits then waits in vain. */
  end(why: string): void {
    this.#ending ??= why;
    this.changed();
  }

  /**
   * Waits until `check` gives something; returns that.
   *
   * @param what for the message, as it goes on from "waited in vain for"
   * @param withinMs for how long; `Infinity` has no end
   * @throws {Error} after `withinMs`, or as soon as there is nothing to wait for
   */
  until<Value>(what: string, check: () => Found<Value>, withinMs = LONGEST_MS): Promise<Value> {
    return new Promise((resolve, reject) => {
      const settle = (settled: () => void) => {
        clearTimeout(deadline);
        this.#watchers.delete(look);
        settled();
      };
      const fail = (why: string) =>
        settle(() => reject(new Error(`waited in vain for ${what}: ${why}${this.#state()}`)));
      const look = () => {
        const value = check();
        if (value !== undefined && value !== false) settle(() => resolve(value));
        else if (this.#ending) fail(this.#ending);
      };
      const giveUp = () => fail(`not within ${withinMs} ms`);
      const deadline = withinMs < Infinity ? setTimeout(giveUp, withinMs) : undefined;
      this.#watchers.add(look);
      look();
    });
  }
}

/** Looks again every few ms until a check gives something, for what sends no event. */
export async function eventually<Value>(
  what: string,
  check: () => Found<Value> | Promise<Found<Value>>,
  withinMs = LONGEST_MS,
): Promise<Value> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const value = await check();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`waited ${withinMs} ms for ${what}`);
    await Bun.sleep(LOOK_AGAIN_MS);
  }
}
