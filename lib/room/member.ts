/** A member: its lines on their way in, its cursor on their way out, and how it leaves. */

import { Cursor, type CursorRoom } from "./cursor.ts";
import type { Lines, Sender } from "./fair-queue.ts";
import { countLines, LineBuffer } from "./line-buffer.ts";
import { type DisconnectReason, GONE, type Life, type RoomSocket } from "./socket.ts";

const MANY_BYTES = 1 << 20;

/** Who joins. */
export interface Newcomer {
  /** What other members know it by. */
  readonly name: string;
  /** What the log knows it by. */
  readonly label: string;
  /** Told once it needs its seat no more. */
  readonly seat?: { release(): void } | undefined;
}

/** What a member needs of its room. */
export interface MemberRoom extends CursorRoom {
  readonly isStopping: boolean;
  readonly lineBytesMax: number;
  send(member: Member): void;
  sent(member: Member, run: Uint8Array): void;
  /** All of its lines have been taken, and it leaves. */
  leaveAfterLines(member: Member, why: DisconnectReason): void;
  /** Its connection is gone. */
  lost(member: Member, reason: string): void;
}

/** One that is in the room: each line that it sends is relayed to every other member. */
export class Member implements Life, Sender, Newcomer {
  readonly name: string;
  readonly label: string;
  readonly seat: Newcomer["seat"];
  readonly cursor: Cursor;
  lines: Lines;
  isWaiting = false;
  /** Whether nothing of it is still to come. */
  isSilent = false;
  readonly #room: MemberRoom;
  #isPaused = false;
  /** Whether its peer has sent its last byte. */
  #hasEnded = false;
  /** Why it leaves, once all that it has sent is taken. */
  #leaves: DisconnectReason | undefined;
  #isLeaving = false;

  constructor(room: MemberRoom, socket: RoomSocket, { name, label, seat }: Newcomer) {
    this.#room = room;
    this.name = name;
    this.label = label;
    this.seat = seat;
    this.cursor = new Cursor(room, socket);
    this.lines = new LineBuffer(room.lineBytesMax);
  }

  /** Whether it is to leave, or has left. */
  get isLeaving(): boolean {
    return this.#leaves !== undefined || this.cursor.socket.data !== this;
  }

  /**
   * Disconnects it. Whole lines that it has sent already are still relayed, it gets what was sent
   * until then, and `* message` as a server message. Nothing happens if it has left.
   *
   * @param reason for the log, one line
   * @param message for the member, one line; the same by default
   * @throws {RangeError} if one of them is more than one line
   */
  disconnect(reason: string, message = reason): void {
    if (/\n/.test(reason + message)) throw new RangeError("a disconnect reason is one line");
    if (this.isLeaving) return;
    this.#leaves = { reason, message };
    if (!this.isWaiting) this.#room.send(this);
  }

  /** Leaves without the lines that are not taken yet; returns how many these are. */
  abandonLines(why: DisconnectReason): number {
    this.#leaves ??= why;
    let lines = 0;
    for (let run = this.lines.take(MANY_BYTES); run; run = this.lines.take(MANY_BYTES))
      lines += countLines(run);
    if (!this.isWaiting) this.#room.send(this);
    return lines;
  }

  received(bytes: Uint8Array): void {
    if (this.#room.isStopping || this.#leaves) return;
    this.lines.push(bytes);
    if (!this.isWaiting) this.#room.send(this);
  }

  drained(): void {
    this.cursor.drained();
  }

  /** Stage 5, dropping the client on its EOF: its last lines are relayed, then it leaves. */
  ended(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (!this.#room.isStopping && !this.#leaves) this.lines.end();
    if (!this.isWaiting) this.#room.send(this);
  }

  /** Whole lines that it has sent are still relayed. */
  closed(reason = this.#hasEnded ? "end of input" : "reset"): void {
    this.cursor.gone = true;
    this.cursor.socket.data = GONE;
    this.#leaves = { reason };
    this.#room.lost(this, reason);
    if (!this.isWaiting) this.#room.send(this);
  }

  failed(reason = "reset"): void {
    this.closed(reason);
    this.cursor.socket.terminate();
  }

  pause(): void {
    if (this.#isPaused || this.cursor.gone || this.#hasEnded) return;
    this.#isPaused = true;
    this.cursor.socket.pause();
  }

  sent(run: Uint8Array): void {
    this.#room.sent(this, run);
  }

  /** Leaves if that was all that it will send; else more may come. */
  sentAll(): void {
    if (this.lines.isHeldBack) return this.pause();
    if (this.#isLeaving && !this.cursor.gone) return;
    const objection = this.#leaves ?? this.lines.objection;
    const why = objection ?? (this.#hasEnded ? { reason: "end of input" } : undefined);
    this.#resume();
    if (why === undefined) return;
    this.#isLeaving = true;
    this.#room.leaveAfterLines(this, why);
  }

  #resume(): void {
    if (!this.#isPaused || this.cursor.gone || this.#hasEnded) return;
    this.#isPaused = false;
    this.cursor.socket.resume();
  }
}
