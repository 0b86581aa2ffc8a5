/**
 * Who has held the room up for too long. A reader that is a whole log behind
 * makes the talkers wait; while it does, it has to take at least 64 KiB, or all
 * that it is owed, in each patience.
 */

import { PROGRESS_BYTES } from "./leaver.ts";
import type { Room } from "./room.ts";

/** How often a room that is held up asks those behind whether they take more. */
const RETRY_MS = 100;
const NEVER = Number.POSITIVE_INFINITY;

/** Watches the readers of a room that is held up. */
export class Patience {
  readonly #patienceMs: number;
  /** How long talkers have waited, in all: a clock that runs only while the room is held up. */
  #heldUpMs = 0;
  #heldUpSinceMs: number | undefined;
  #retryAtMs = 0;

  /** @param patienceMs how long readers may hold up the room, in ms */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** When the readers are to be asked again. */
  dueAtMs(now: number): number {
    if (this.#heldUpSinceMs === undefined) return NEVER;
    return now + Math.min(RETRY_MS, this.#patienceMs);
  }

  /** Counts the time since `heldUp` was last told. */
  pass(now: number): void {
    if (this.#heldUpSinceMs !== undefined) this.#heldUpMs += now - this.#heldUpSinceMs;
    this.#heldUpSinceMs = undefined;
  }

  /** Tells that talkers wait from now on. */
  heldUp(now: number): void {
    this.#heldUpSinceMs = now;
  }

  /**
   * Asks the readers that are behind whether they take more, now and then, and
   * drops those in the way that have not moved on in time. Asks, because the
   * socket of a slow reader takes a little all the time, but drains rarely; and
   * all of them, because their time runs for all at once, so that many stopped
   * readers cost one patience together.
   *
   * @returns whether one that was in the way has moved or is gone
   */
  hurry(now: number, room: Room): boolean {
    const { tail, head } = room.log;
    const retry = now >= this.#retryAtMs;
    if (retry) this.#retryAtMs = now + RETRY_MS;
    let moved = false;
    for (const cursor of room.cursors) {
      if (!cursor.blocked) continue;
      if (cursor.position >= cursor.goal) {
        cursor.goal = Math.min(cursor.position + PROGRESS_BYTES, head);
        cursor.goalSetAtMs = this.#heldUpMs;
      }
      const isInTheWay = cursor.position === tail;
      const isOverdue = isInTheWay && this.#heldUpMs - cursor.goalSetAtMs >= this.#patienceMs;
      if (retry || isOverdue) room.serve(cursor);
      if (isOverdue && cursor.position < cursor.goal) cursor.socket.data.failed("too slow");
      if (isInTheWay && (cursor.position !== tail || cursor.gone)) moved = true;
    }
    return moved;
  }
}
