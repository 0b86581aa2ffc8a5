/** Stage 3 on the way out: how far a member has come in the log, and its next bytes. */

import { assert } from "./assert.ts";
import type { Leaver } from "./leaver.ts";
import type { Speaker } from "./line-log.ts";
import type { Past } from "./newcomers.ts";
import type { Room } from "./room.ts";
import type { RoomSocket } from "./socket.ts";

/** What a reader has to take, at least, in a given time. */
export const PROGRESS_BYTES = 64 << 10;

/** A member's place in the log, which stays with it while it leaves. */
export class Cursor implements Speaker {
  readonly socket: RoomSocket;
  /** What it is called in reports. */
  name: string;
  /** As what its coming was announced. */
  announcedAs: string | undefined;
  /** How far into the log the socket has taken bytes. */
  position: number;
  lastRun = -1;
  /** Whether the socket took less than it was offered and has not drained, or it is not its turn. */
  blocked = false;
  /** Whether the connection is gone. */
  gone = false;
  /** What only newcomers get, and first; undefined once it has. */
  past: Past | undefined;
  /** Whoever leaves with it; undefined for a member. */
  leaver: Leaver | undefined;
  /** Kept by `Patience`: how far it has to come, and since when on its clock. */
  goal = 0;
  goalSetAtMs = 0;
  readonly #room: Room;

  /** One that hears all that is said from now on. */
  constructor(room: Room, socket: RoomSocket, name: string) {
    this.#room = room;
    this.socket = socket;
    this.name = name;
    this.position = room.log.head;
  }

  /** Where that ends in the log which it is owed. */
  get end(): number {
    return this.leaver?.end ?? this.#room.log.head;
  }

  /** How far it has come, as a position; before its own while there is something else to take. */
  get reached(): number {
    return this.past === undefined ? this.position : this.position - this.past.asideBytes;
  }

  /** How far it has to come in a given time, at the least: by 64 KiB, or to the end. */
  get nextGoal(): number {
    return Math.min(this.reached + PROGRESS_BYTES, this.end);
  }

  /** Its socket takes bytes again. */
  drained(): void {
    if (!this.blocked) return;
    this.blocked = false;
    this.past?.drained();
    this.#room.settings.wake(0);
  }

  /**
   * Writes what others said and it is owed, as `rio_writen` does for a descriptor,
   * but without waiting: a short count stops the cursor, `drained` starts it again.
   * A leaver that has everything goes on to its last word.
   */
  write(): void {
    if (this.past !== undefined && !this.past.write()) return;
    if (this.writeUpTo(this.end)) this.leaver?.linger();
  }

  /** Writes up to a position; returns whether the socket has taken all of it. */
  writeUpTo(end: number): boolean {
    const { log } = this.#room;
    while (this.position < end) {
      const { position } = this;
      const { bytes, offset, length, next } = log.read(this, position, end);
      const taken = length > 0 ? this.offer(bytes, offset, length) : 0;
      if (this.gone) return false;
      this.blocked = taken < length;
      this.position = this.blocked ? log.advance(this, position, taken) : next;
      if (this.blocked) return false;
    }
    return true;
  }

  /** Offers bytes to the socket; returns how many it has taken, if it is not gone then. */
  offer(bytes: Uint8Array, offset: number, length: number): number {
    const taken = this.socket.write(bytes, offset, length);
    assert(taken <= length, "a socket takes no more than it was offered");
    if (taken < 0) this.socket.data.failed();
    this.#room.tally.deliveredBytes += Math.max(0, taken);
    return taken;
  }
}
