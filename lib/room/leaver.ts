/**
 * A connection on its way out: `close`, so that nothing is lost by it. While part of the log is pending
 * for a leaver, it is in `pending`. Then it is in `lingering`: it gets the server's message if there is
 * one, and EOF, and stays until its peer closes too; what it sends is read and discarded, as closing a
 * socket with unread bytes resets it, and may destroy what was sent.
 */

import type { Deadlines } from "./deadlines.ts";
import type { Member, MemberRoom } from "./member.ts";
import { close, type DisconnectReason, GONE, type Life, type RoomSocket } from "./socket.ts";

/** What a leaver needs of its room. */
export interface LeaverRoom extends Pick<MemberRoom, "wake" | "doneWithLog"> {
  readonly pending: Deadlines<Leaver>;
  readonly lingering: Deadlines<Leaver>;
}

/** A member that has left, or a connection that was refused. */
export class Leaver implements Life {
  /** Where in the log it stops. */
  readonly end: number;
  readonly #room: LeaverRoom;
  readonly #socket: RoomSocket;
  readonly #reason: string;
  /** Undefined once nothing of the log is pending for it, or if it was no member. */
  #member: Member | undefined;
  /** What its cursor has to have `reached` in time, to get more time. */
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

  /** Nothing of the log is pending: the message and EOF are next. */
  done(): void {
    this.#room.lingering.start(this);
    this.#settle(this.#reason);
    if (this.#socket.data === this) this.#sendMessage();
  }

  /** Its time is over: it gets more if it has moved on; with everything, it is closed in order; else reset. */
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
