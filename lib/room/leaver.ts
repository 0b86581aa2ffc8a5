/**
 * A connection on its way out: `close`, so that nothing is lost by it. A leaver gets what is
 * pending, then the server's message if there is one, then EOF. Then it lingers for a moment until
 * its peer closes too, and what it sends is read and discarded: closing a socket with unread bytes
 * resets it, and may destroy what was sent.
 */

import type { Deadlines } from "./deadlines.ts";
import type { Member, MemberRoom } from "./member.ts";
import { close, type DisconnectReason, GONE, type Life, type RoomSocket } from "./socket.ts";

/** What a leaver needs of its room: those that still have to get something, and those that linger. */
export interface LeaverRoom extends Pick<MemberRoom, "wake" | "doneWithLog"> {
  readonly pending: Deadlines<Leaver>;
  readonly lingering: Deadlines<Leaver>;
}

/** One that leaves; what it sends goes nowhere. */
export class Leaver implements Life {
  /** Where in the log it stops. */
  readonly end: number;
  readonly #room: LeaverRoom;
  readonly #socket: RoomSocket;
  readonly #reason: string;
  /** Undefined once it has everything, or if it never was one. */
  #member: Member | undefined;
  /** Which position in the log it has to reach in time, to get more time. */
  #goal = 0;
  #message: Uint8Array;

  constructor(room: LeaverRoom, socket: RoomSocket, why: DisconnectReason, member?: Member) {
    const { reason, message } = why;
    const isWhole = message === undefined || message.endsWith("\n");
    this.#room = room;
    this.#socket = socket;
    this.#reason = reason;
    this.#message = new TextEncoder().encode(isWhole ? message : `* ${message}\n`);
    this.#member = member;
    this.end = member?.cursor.end ?? 0;
    socket.data = this;
    room.wake(0);
    if (member) {
      member.cursor.leaver = this;
      if (member.cursor.blocked) member.cursor.exhaust();
      if (this.#member) this.#expectProgress(member);
    } else this.done();
  }

  received(): void {}
  ended(): void {}

  drained(): void {
    if (this.#member) this.#member.drained();
    else if (this.#message.length > 0) this.#sendMessage();
  }

  closed(reason = this.#reason): void {
    if (this.#member) this.#member.cursor.gone = true;
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
    if (this.#member) this.#demandProgress(this.#member);
    else if (this.#message.length > 0) this.failed();
    else close(this.#socket);
  }

  /** Gives it time to take the next part of what is pending. */
  #expectProgress({ cursor }: Member): void {
    this.#goal = cursor.nextGoal;
    this.#room.pending.start(this);
  }

  /** Offers it more first, as the socket of a slow reader takes a little all the time, but drains rarely. */
  #demandProgress(member: Member): void {
    member.cursor.exhaust();
    this.#room.wake(0);
    if (this.#member === undefined) return;
    if (member.cursor.reached >= this.#goal) this.#expectProgress(member);
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
    const member = this.#member;
    this.#member = undefined;
    if (member) this.#room.doneWithLog(member, reason);
  }
}
