/** Stage 3 on the way out: how far a member has come in the log, and its next bytes. */

import { assert } from "./line-buffer.ts";
import type { LineLog } from "./line-log.ts";
import type { Author } from "./order.ts";
import type { RoomSocket } from "./socket.ts";

/** What a reader has to take, at least, in a given time. */
const PROGRESS_BYTES = 64 << 10;
/** The most that one is written in a turn, so that one far behind makes nobody late. */
const TURN_BYTES = 256 << 10;

/** What a cursor needs of its room; the counters only grow. */
export interface CursorRoom {
  readonly log: LineLog;
  readonly counters: { deliveredBytes: number; heldUpMs: number };
  wake(delayMs: number): void;
}

/** What a newcomer gets before all that is sent from now on, such as a history. */
export interface Backlog {
  /** How many bytes of it are not in the log. */
  readonly asideBytes: number;
  /** Writes a part, up to a position in the log at most; returns whether the member has all of it. */
  write(turnEnd: number): boolean;
}

/** A member's place in the log, which stays with it while it leaves. */
export class Cursor implements Author {
  readonly socket: RoomSocket;
  /** How far into the log the socket has taken bytes. */
  position: number;
  lastRun = -1;
  /** Whether the socket took less than it was offered and has not drained; whether it is closed. */
  blocked = false;
  gone = false;
  backlog: Backlog | undefined;
  /** Once its member leaves: where in the log it stops, and what is next then. */
  leaver: { readonly end: number; done(): void } | undefined;
  /** Set by `SlowReaders`: how far it has to come, and since when on their clock. */
  goal = Number.NEGATIVE_INFINITY;
  goalSetAtMs = 0;
  readonly #room: CursorRoom;

  constructor(room: CursorRoom, socket: RoomSocket) {
    this.#room = room;
    this.socket = socket;
    this.position = room.log.head;
  }

  /** Where it stops: at the head, or where its leaver does. */
  get end(): number {
    return this.leaver?.end ?? this.#room.log.head;
  }

  /** How far it has come, less what its backlog has beside the log: that counts as progress too. */
  get reached(): number {
    return this.position - (this.backlog?.asideBytes ?? 0);
  }

  /** How far it has to come in a given time, at the least: by 64 KiB, or to the end. */
  get nextGoal(): number {
    return Math.min(this.reached + PROGRESS_BYTES, this.end);
  }

  drained(): void {
    this.blocked = false;
    this.#room.wake(0);
  }

  /**
   * Writes the next part of what others sent, as `rio_writen` does for a descriptor, but without
   * waiting: a short count stops the cursor, `drained` starts it again.
   */
  write(): void {
    const { end } = this;
    const turnEnd = this.position + TURN_BYTES;
    if (this.backlog?.write(turnEnd)) this.backlog = undefined;
    const hasAll = !this.backlog && this.writeUpTo(Math.min(end, turnEnd)) && this.position === end;
    if (hasAll) this.leaver?.done();
    else if (!this.blocked && !this.gone) this.#room.wake(0);
  }

  /** Writes until the socket takes no more, even if it is blocked: before a goal is set or judged. */
  exhaust(): void {
    do this.write();
    while (this.position < this.end && !this.blocked && !this.gone);
  }

  /** Writes up to a position; returns whether the socket has taken all of it. */
  writeUpTo(end: number): boolean {
    const { log } = this.#room;
    while (this.position < end) {
      const { position } = this;
      const { bytes, offset, length, next } = log.read(this, position, end);
      const taken = length > 0 ? this.offer(bytes, offset, length) : 0;
      if (this.gone) return false;
      this.position = this.blocked ? log.advance(this, position, taken) : next;
      if (this.blocked) return false;
    }
    return true;
  }

  /** Offers bytes to the socket; returns how many it has taken, 0 if it is found closed. */
  offer(bytes: Uint8Array, offset: number, length: number): number {
    const taken = this.socket.write(bytes, offset, length);
    assert(taken <= length, "a socket takes no more than it was offered");
    if (taken < 0) this.socket.data.failed();
    this.blocked = taken < length;
    this.#room.counters.deliveredBytes += Math.max(0, taken);
    return Math.max(0, taken);
  }
}
