/**
 * Who has held the room up for too long. A reader that is a whole log behind
 * makes the talkers wait; while it does, it has to take at least 64 KiB, or all
 * that it is owed, in each patience.
 */

import type { Room } from "./room.ts";

/** How often a room that is held up asks those behind whether they take more. */
const RETRY_MS = 100;
/** A longer time between two looks is one in which the server has slept, and readers perhaps too. */
const SLEEP_MS = 1000;

/** Watches the readers of a room that is held up. */
export class Patience {
  readonly #room: Room;
  /** How long talkers have waited, in all: a clock that runs only while the room is held up. */
  #heldUpMs = 0;
  #heldUpSinceMs: number | undefined;
  #retryAtMs = 0;

  constructor(room: Room) {
    this.#room = room;
  }

  /** When the readers are to be asked again. */
  dueAtMs(now: number): number {
    if (this.#heldUpSinceMs === undefined) return Number.POSITIVE_INFINITY;
    return now + Math.min(RETRY_MS, this.#room.settings.patienceMs);
  }

  /** Tells whether talkers wait from now on. */
  heldUp(now: number, isHeldUp: boolean): void {
    this.#heldUpMs = this.#room.tally.heldUpMs = this.#clockMs(now);
    this.#heldUpSinceMs = isHeldUp ? now : undefined;
  }

  /**
   * Asks the readers that are behind, now and then, whether they take more, and
   * drops those in the way that have not moved on in time. Asks, because a slow
   * reader takes a little all the time, but drains rarely; and all, because many
   * stopped readers are to cost one patience together.
   *
   * @returns whether one that was in the way has moved or is gone
   */
  hurry(now: number): boolean {
    const { cursors, settings } = this.#room;
    const { tail } = this.#room.log;
    const clockMs = this.#clockMs(now);
    const retry = now >= this.#retryAtMs;
    if (retry) this.#retryAtMs = now + RETRY_MS;
    let moved = false;
    for (const cursor of cursors) {
      if (!cursor.blocked) continue;
      if (cursor.reached >= cursor.goal) {
        cursor.goal = cursor.nextGoal;
        cursor.goalSetAtMs = clockMs;
      }
      const isInTheWay = cursor.position === tail;
      const isOverdue = isInTheWay && clockMs - cursor.goalSetAtMs >= settings.patienceMs;
      if (retry || isOverdue) cursor.write();
      if (isOverdue && cursor.reached < cursor.goal) cursor.socket.data.failed("too slow");
      if (isInTheWay && (cursor.position !== tail || cursor.gone)) moved = true;
    }
    return moved;
  }

  #clockMs(now: number): number {
    if (this.#heldUpSinceMs === undefined) return this.#heldUpMs;
    return this.#heldUpMs + Math.min(now - this.#heldUpSinceMs, SLEEP_MS);
  }
}
