/**
 * Slow readers: one that is a whole log behind makes the senders wait; while it does, it has to take
 * at least 64 KiB, or all that is pending, in each `patienceMs`, or it is disconnected.
 */

import type { CursorRoom } from "./cursor.ts";
import type { Member } from "./member.ts";

/** How often those behind are offered more. */
const RETRY_MS = 100;
/** If there is more time between two looks, the server has slept, and readers perhaps too. */
const SLEEP_MS = 1000;

export class SlowReaders {
  readonly #room: CursorRoom;
  readonly #members: ReadonlySet<Member>;
  readonly #patienceMs: number;
  #heldUpSinceMs: number | undefined;
  #retryAtMs = 0;

  constructor(room: CursorRoom, members: ReadonlySet<Member>, patienceMs: number) {
    this.#room = room;
    this.#members = members;
    this.#patienceMs = patienceMs;
  }

  /** Notes whether senders wait for readers from now on; returns when to look at these again. */
  noteHeldUp(now: number, isHeldUp: boolean): number {
    this.#room.counters.heldUpMs = this.#clockMs(now);
    this.#heldUpSinceMs = isHeldUp ? now : undefined;
    return isHeldUp ? now + Math.min(RETRY_MS, this.#patienceMs) : Number.POSITIVE_INFINITY;
  }

  /**
   * Offers more to all readers that are behind, now and then: a slow one takes a little all the time,
   * but drains rarely. Resets those in the way, at the tail, that have not moved on in time; returns
   * whether one in the way has moved on, or is gone.
   */
  hurry(now: number): boolean {
    const { tail } = this.#room.log;
    const clockMs = this.#clockMs(now);
    const retry = now >= this.#retryAtMs;
    if (retry) this.#retryAtMs = now + RETRY_MS;
    let moved = false;
    for (const { cursor } of this.#members) {
      if (!cursor.blocked) continue;
      if (cursor.reached >= cursor.goal) {
        cursor.goal = cursor.nextGoal;
        cursor.goalSetAtMs = clockMs;
      }
      const isInTheWay = cursor.position === tail;
      const isOverdue = isInTheWay && clockMs - cursor.goalSetAtMs >= this.#patienceMs;
      if (retry || isOverdue) cursor.write();
      if (isOverdue && cursor.reached < cursor.goal) cursor.socket.data.failed("too slow");
      if (isInTheWay && (cursor.position !== tail || cursor.gone)) moved = true;
    }
    return moved;
  }

  /** A clock that runs only while the room is held up, and stands while the server sleeps. */
  #clockMs(now: number): number {
    const { heldUpMs } = this.#room.counters;
    if (this.#heldUpSinceMs === undefined) return heldUpMs;
    return heldUpMs + Math.min(now - this.#heldUpSinceMs, SLEEP_MS);
  }
}
