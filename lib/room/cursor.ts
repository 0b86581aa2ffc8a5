/** How far a reader has come: a position in the log, and the socket that gets what follows it. */

import { assert } from "./assert.ts";
import type { Leaver } from "./leaver.ts";
import type { LineLog, Speaker } from "./line-log.ts";
import type { RoomSocket } from "./socket.ts";

/** A member's place in the log, which stays with it while it leaves. */
export class Cursor implements Speaker {
  readonly socket: RoomSocket;
  /** How far into the log the socket has taken bytes. */
  position: number;
  lastRun = -1;
  /** Whether the socket took less than it was offered and has not drained since. */
  blocked = false;
  /** Whether the connection is gone. */
  gone = false;
  /** Whoever leaves with it; undefined for a member. */
  leaver: Leaver | undefined;
  /** Kept by `Patience`: which position it has to reach, and since when on its clock. */
  goal = 0;
  goalSetAtMs = 0;

  constructor(socket: RoomSocket, position: number) {
    this.socket = socket;
    this.position = position;
  }

  /**
   * Writes what others said up to `end`, as `rio_writen` does for a descriptor,
   * but without waiting: a short count stops the cursor, `drained` starts it again.
   *
   * @returns whether the socket has taken all of it
   */
  write(log: LineLog, end: number): boolean {
    while (this.position < end) {
      const { position } = this;
      const { bytes, offset, length, next } = log.read(this, position, end);
      if (length > 0) {
        const taken = this.socket.write(bytes, offset, length);
        assert(taken <= length, "a socket takes no more than it was offered");
        if (taken < 0) this.socket.data.failed();
        if (this.gone) return false;
        this.blocked = taken < length;
        if (this.blocked) {
          this.position = log.advance(this, position, taken);
          return false;
        }
      }
      this.position = next;
    }
    return true;
  }
}
