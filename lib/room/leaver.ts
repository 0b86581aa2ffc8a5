/**
 * A connection on its way out: `close`, so that nothing is lost by it. A leaver gets what is
 * pending, then the server's message if there is one, then EOF. Then it lingers for a moment until
 * its peer closes too, and what it sends is read and discarded: closing a socket with unread bytes
 * resets it, and may destroy what was sent.
 */

import type { Cursor } from "./cursor.ts";
import type { Deadlines } from "./deadlines.ts";
import { close, type DisconnectReason, GONE, type Life, type RoomSocket } from "./socket.ts";

/** What a leaver needs of its room: those that still have to get something, and those that linger. */
export interface LeaverRoom {
  readonly pending: Deadlines<Leaver>;
  readonly lingering: Deadlines<Leaver>;
  wake(delayMs: number): void;
}

/** One that leaves; what it sends goes nowhere. */
export class Leaver implements Life {
  /** Where in the log that ends which it is to get. */
  readonly end: number;
  readonly #room: LeaverRoom;
  readonly #socket: RoomSocket;
  readonly #reason: string;
  readonly #onDone: ((reason: string) => void) | undefined;
  /** Undefined once it has everything, or of one that never was a member. */
  #cursor: Cursor | undefined;
  /** Which position in the log it has to reach in time, to get more time. */
  #goal = 0;
  #message: Uint8Array;

  /** @param onDone told once the cursor, of a member, needs the log no more, and why it has left */
  constructor(
    room: LeaverRoom,
    socket: RoomSocket,
    { reason, message }: DisconnectReason,
    cursor?: Cursor,
    onDone?: (reason: string) => void,
  ) {
    this.#room = room;
    this.#socket = socket;
    this.#reason = reason;
    this.#message = new TextEncoder().encode(message === undefined ? "" : `* ${message}\n`);
    this.#cursor = cursor;
    this.#onDone = onDone;
    this.end = cursor?.end ?? 0;
    socket.data = this;
    room.wake(0);
    if (cursor) {
      cursor.last = this;
      this.#expectProgress(cursor);
    } else this.done();
  }

  received(): void {}
  ended(): void {}

  drained(): void {
    if (this.#cursor) this.#cursor.drained();
    else if (this.#message.length > 0) this.#sendMessage();
  }

  closed(reason = this.#reason): void {
    if (this.#cursor) this.#cursor.gone = true;
    this.#socket.data = GONE;
    this.#room.lingering.stop(this);
    this.#settle(reason);
  }

  failed(reason?: string): void {
    this.closed(reason);
    this.#socket.terminate();
  }

  /** Nothing is pending any more: the message and EOF are next. */
  done(): void {
    this.#room.lingering.start(this);
    this.#settle(this.#reason);
    if (this.#socket.data === this) this.#sendMessage();
  }

  /** It has had its time; closed in order if it has taken everything, else by a reset. */
  late(): void {
    const cursor = this.#cursor;
    if (cursor) return this.#demandProgress(cursor);
    if (this.#message.length > 0) this.failed();
    else close(this.#socket);
  }

  /** Gives it time to take the next part of what is pending. */
  #expectProgress(cursor: Cursor): void {
    this.#goal = cursor.nextGoal;
    this.#room.pending.start(this);
  }

  /** Offers it more first, as the socket of a slow reader takes a little all the time, but drains rarely. */
  #demandProgress(cursor: Cursor): void {
    cursor.exhaust();
    this.#room.wake(0);
    if (this.#cursor === undefined) return;
    if (cursor.reached >= this.#goal) this.#expectProgress(cursor);
    else this.failed("too slow");
  }

  #sendMessage(): void {
    if (this.#message.length > 0) {
      const taken = this.#socket.write(this.#message, 0, this.#message.length);
      if (taken < 0) this.failed();
      if (this.#socket.data !== this) return;
      this.#message = this.#message.subarray(taken);
      if (this.#message.length > 0) return;
    }
    this.#socket.shutdown();
  }

  #settle(reason: string): void {
    this.#room.pending.stop(this);
    if (this.#cursor === undefined) return;
    this.#cursor = undefined;
    this.#onDone?.(reason);
  }
}
