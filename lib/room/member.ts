/** A member: its own lines on their way in, a cursor for those of others, and how it leaves. */

import { Cursor, type CursorRoom } from "./cursor.ts";
import type { Lines, Sender } from "./fair-queue.ts";
import { LineBuffer } from "./line-buffer.ts";
import { type DisconnectReason, GONE, type Life, type RoomSocket } from "./socket.ts";

const END_OF_INPUT: DisconnectReason = { reason: "end of input" };
const CUT_OFF: DisconnectReason = { reason: "cut off" };

/** What a member needs of its room. */
export interface MemberRoom extends CursorRoom {
  readonly isStopping: boolean;
  readonly lineBytesMax: number;
  readonly loggedBytesMax: number;
  /** Appends its lines in its turn, and calls its `sentAll` when none is left, also if none was. */
  send(member: Member): void;
  /** Has it leave once those of its lines that were appended are in the log. */
  leaveAfterLines(member: Member, why: DisconnectReason): void;
  /** Its connection is closed, or it has left and has everything: it needs the log no more. */
  doneWithLog(member: Member, reason: string): void;
}

/** Each line that it sends is relayed to every other member. */
export class Member implements Life, Sender {
  /** What other members know it by, and what the event log knows it by. */
  readonly name: string;
  readonly label: string;
  /** Gives back its seat, which is one of as many as the server takes clients. */
  readonly releaseSeat: () => void;
  readonly cursor: Cursor;
  lines: Lines;
  isWaiting = false;
  /** Whether it has left: all that it has sent is in the log; part of the log may be pending for it. */
  hasLeft = false;
  readonly #room: MemberRoom;
  #isPaused = false;
  /** How its input has ended, once it has. */
  #end: DisconnectReason | undefined;
  /** Why it is to leave, at the next `sentAll`; nothing more is received then. */
  #leaves: DisconnectReason | undefined;

  constructor(
    room: MemberRoom,
    socket: RoomSocket,
    name: string,
    label: string,
    releaseSeat: () => void,
  ) {
    this.#room = room;
    this.name = name;
    this.label = label;
    this.releaseSeat = releaseSeat;
    this.cursor = new Cursor(room, socket);
    this.lines = new LineBuffer(room.lineBytesMax);
  }

  /** Whether it is to leave, or has left. */
  get isLeaving(): boolean {
    return this.#leaves !== undefined || this.cursor.socket.data !== this;
  }

  /**
   * Disconnects it, if it has not left: whole lines that it has sent already are still relayed, and
   * it gets what was sent until then.
   *
   * @param reason for the event log, and by default for the member, as `* message`; one line each
   * @throws {RangeError} if one of them is more than one line
   */
  disconnect(reason: string, message = reason): void {
    if (/\n/.test(reason + message)) throw new RangeError("a disconnect reason is one line");
    if (this.isLeaving) return;
    this.#leaves = { reason, message };
    this.#room.send(this);
  }

  /** Leaves without the lines that have no place yet, and tells of these, at least one at a time. */
  abandonLines(why: DisconnectReason, onRun: (run: Uint8Array) => void): void {
    this.#leaves = why;
    const take = () => this.lines.take(2 * this.#room.loggedBytesMax);
    for (let run = take(); run; run = take()) onRun(run);
    this.#room.send(this);
  }

  received(bytes: Uint8Array): void {
    if (this.#room.isStopping || this.#leaves) return;
    this.lines.push(bytes);
    this.#room.send(this);
  }

  drained(): void {
    this.cursor.drained();
  }

  /** Stage 5, dropping the client on its EOF: its last lines are relayed, then it leaves. */
  ended(isCutOff = false): void {
    if (this.#end) return;
    this.#resume(); // At a door, the end may have come with more lines than a turn of them.
    this.#end = isCutOff ? CUT_OFF : END_OF_INPUT;
    if (!isCutOff && !this.#room.isStopping && !this.#leaves) this.lines.end();
    this.#room.send(this);
  }

  /** Its connection is closed: whole lines that it has sent are still relayed, then it has left. */
  closed(reason = this.#end?.reason ?? "reset"): void {
    this.cursor.gone = true;
    this.cursor.socket.data = GONE;
    this.#leaves = { reason };
    this.#room.doneWithLog(this, reason);
    this.#room.send(this);
  }

  failed(reason = "reset"): void {
    this.closed(reason);
    this.cursor.socket.terminate();
  }

  pause(): void {
    if (this.#isPaused || this.cursor.gone || this.#end) return;
    this.#isPaused = true;
    this.cursor.socket.pause();
  }

  /** Leaves if it is to, or if that was all that it will send; else its socket is read again. */
  sentAll(): void {
    if (this.lines.isHeldBack) return this.pause();
    this.#resume();
    this.#leaves ??= this.lines.objection ?? this.#end;
    if (this.#leaves) this.#room.leaveAfterLines(this, this.#leaves);
  }

  #resume(): void {
    if (!this.#isPaused || this.cursor.gone || this.#end) return;
    this.#isPaused = false;
    this.cursor.socket.resume();
  }
}
