/**
 * Who is on the way out: `close`, so that nothing is lost by it. A leaver gets
 * what it is still owed, then the server's last word if there is one, then EOF.
 * Then it lingers for a moment until its peer closes too, and what it says is
 * read and discarded: closing a socket with unread bytes resets it, and may
 * destroy what was sent.
 */

import type { Cursor } from "./cursor.ts";
import { serverMessage } from "../program/server-messages.ts";
import type { Room } from "./room.ts";
import { close, GONE, type Life, type RoomSocket } from "./socket.ts";

/** One that leaves, heard no more. */
export class Leaver implements Life {
  /** Where in the log that ends which it is owed. */
  readonly end: number;
  readonly #room: Room;
  readonly #socket: RoomSocket;
  readonly #reason: string;
  /** Undefined once it has everything, or of one that never was a member. */
  #cursor: Cursor | undefined;
  /** Which position in the log it has to reach in time, to get more time. */
  #goal = 0;
  /** What remains of the server's last word to it. */
  #word: Uint8Array;

  constructor(room: Room, socket: RoomSocket, word?: string, cursor?: Cursor, reason = "") {
    this.#room = room;
    this.#socket = socket;
    this.#word = new TextEncoder().encode(word === undefined ? "" : serverMessage(word));
    this.#cursor = cursor;
    this.#reason = reason;
    this.end = room.log.head;
    socket.data = this;
    room.settings.wake(0);
  }

  received(): void {}

  drained(): void {
    if (this.#cursor) this.#cursor.drained();
    else if (this.#word.length > 0) this.#sayLastWord();
  }

  ended(): void {}

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

  /** Gives it time to take the next part of what it is owed. */
  expectProgress(cursor: Cursor): void {
    this.#goal = cursor.nextGoal;
    this.#room.owed.start(this);
  }

  /** It is owed nothing more: last word and EOF are next. */
  linger(): void {
    this.#settle(this.#reason);
    this.#room.lingering.start(this);
    this.#sayLastWord();
  }

  /** It has had its time; closed in order if it has taken everything, else by a reset. */
  late(): void {
    const cursor = this.#cursor;
    if (cursor) return this.#demandProgress(cursor);
    if (this.#word.length > 0) this.failed();
    else close(this.#socket);
  }

  /** Asks it first, because the socket of a slow reader takes a little all the time, but drains rarely. */
  #demandProgress(cursor: Cursor): void {
    cursor.write();
    this.#room.settings.wake(0);
    if (this.#cursor === undefined) return;
    if (cursor.reached >= this.#goal) this.expectProgress(cursor);
    else this.failed("too slow");
  }

  #sayLastWord(): void {
    if (this.#word.length > 0) {
      const taken = this.#socket.write(this.#word, 0, this.#word.length);
      if (taken < 0) this.failed();
      if (this.#socket.data !== this) return;
      this.#word = this.#word.subarray(taken);
      if (this.#word.length > 0) return;
    }
    this.#socket.shutdown();
  }

  /** It is owed nothing any more. */
  #settle(reason: string): void {
    this.#room.owed.stop(this);
    const cursor = this.#cursor;
    this.#cursor = undefined;
    if (cursor) this.#room.remove(cursor, reason);
  }
}
