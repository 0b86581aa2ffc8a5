/** Where a run of lines gets its place among all that is sent. */

import type { Author, LineLog } from "./line-log.ts";

/** What takes runs; a room has one. */
export interface Order {
  /** How many bytes it has taken, ever. */
  readonly head: number;
  /** How many bytes it takes now. */
  readonly freeBytes: number;
  /** Why nobody can join at the moment; undefined while everybody can. */
  readonly refusal?: string | undefined;
  /** Whether all that it has taken is in the log. */
  readonly isIdle: boolean;
  /** Takes whole lines, at most `freeBytes`. */
  append(author: Author, run: Uint8Array): void;
  /** Calls back once all that it has taken before this moment is in the log. */
  after(done: () => void): void;
  /** Moves to the log what has its place, as far as there is room. */
  moveToLog(): void;
  /**
   * Whether something that has its place waits for room in the log.
   *
   * @param areSendersWaiting whether senders wait for room in this order
   */
  isHeldUp(areSendersWaiting: boolean): boolean;
  /** Does the work of a turn; returns when it is to be called again, on the clock of the room. */
  flush(now: number): number;
}

/** The order in which a log has its lines: each has its place at once. */
export class LogOrder implements Order {
  readonly isIdle = true;
  readonly #log: LineLog;

  constructor(log: LineLog) {
    this.#log = log;
  }

  get head(): number {
    return this.#log.head;
  }

  get freeBytes(): number {
    return this.#log.freeBytes;
  }

  append(author: Author, run: Uint8Array): void {
    this.#log.append(author, run);
  }

  after(done: () => void): void {
    done();
  }

  moveToLog(): void {}

  isHeldUp(areSendersWaiting: boolean): boolean {
    return areSendersWaiting;
  }

  flush(): number {
    return Number.POSITIVE_INFINITY;
  }
}
