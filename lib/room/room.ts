/**
 * The room: each line that one member sends is relayed to every other member. It is one log, and for
 * each member a cursor: how far into the log its socket has taken bytes. The room knows no network
 * and no clock: it talks to sockets it was given, and asks to be flushed.
 *
 * The way of a line: `Member.received` puts bytes into its `LineBuffer`; `send` has whole lines take
 * their place in the `LineLog`; `flush`, once a turn, has each cursor write up to the head of the log.
 */

import { Deadlines } from "./deadlines.ts";
import type { Extra } from "./extra.ts";
import { FairQueue, type Sender } from "./fair-queue.ts";
import { Leaver, type LeaverRoom } from "./leaver.ts";
import { assert } from "./line-buffer.ts";
import { LineLog } from "./line-log.ts";
import { Member, type MemberRoom } from "./member.ts";
import type { Order } from "./order.ts";
import { SlowReaders } from "./slow-readers.ts";
import type { DisconnectReason, RoomSocket } from "./socket.ts";

const NEVER = Number.POSITIVE_INFINITY;
/** More than this sent at once would make others late. */
const QUANTUM_BYTES = 64 << 10;
const STOPPING: DisconnectReason = { reason: "server stopping" };

export const DEFAULTS = {
  logBytes: 8 << 20,
  lineBytesMax: 64 << 10,
  patienceMs: 10_000,
  lingerMs: 2_000,
};

/** What a room is opened with. */
export interface RoomOptions {
  /** How far a reader may lag before senders are paused, in bytes up to 2 GiB; 8 MiB by default. */
  logBytes?: number | undefined;
  /** The longest line, in bytes, its LF included, at most the log; 64 KiB by default. */
  lineBytesMax?: number | undefined;
  /** How long a reader that holds the room up has for 64 KiB, in ms up to a day; 10 s by default. */
  patienceMs?: number | undefined;
  /** How long a connection is read on after its EOF, in ms up to a day; 2 s by default. */
  lingerMs?: number | undefined;
  /** How much the log keeps of what everybody has, in bytes; none by default. */
  keptBytes?: number;
  /** By how much extras make a line longer, in bytes; 0 by default. */
  addedBytesMax?: number;
  /** What the room does beside relaying lines. */
  extras?: readonly ((room: Room) => Extra)[];
  /** Where lines get their place; in this room's log by default. */
  order?: Order | undefined;
  /** The time, in ms, from any start; never goes back. */
  now: () => number;
  /** Asks for a `flush` after so many ms at the latest; 0 is once all that is ready was received. */
  wake: (delayMs: number) => void;
}

export class Room implements MemberRoom, LeaverRoom {
  /** Everything sent that somebody still has to take, and what is kept. */
  readonly log: LineLog;
  readonly order: Order;
  /** Those in the room, and those that leave and do not have everything yet, as they joined. */
  readonly members = new Set<Member>();
  /** Leavers that still have to get something, and those that linger. */
  readonly pending: Deadlines<Leaver>;
  readonly lingering: Deadlines<Leaver>;
  readonly lineBytesMax: number;
  /** The longest line in the log, in bytes. */
  readonly loggedBytesMax: number;
  readonly now: () => number;
  readonly wake: (delayMs: number) => void;
  /** Bytes that sockets have taken; how long senders have waited for readers. */
  readonly counters = { deliveredBytes: 0, heldUpMs: 0 };
  /** Whether no more lines are taken but those that were received. */
  isStopping = false;
  readonly #queue: FairQueue;
  readonly #slowReaders: SlowReaders;
  readonly #extras: readonly Extra[];

  /** @throws {Error} if the log could not hold the longest line */
  constructor(options: RoomOptions) {
    const { logBytes = DEFAULTS.logBytes, lineBytesMax = DEFAULTS.lineBytesMax } = options;
    const { patienceMs = DEFAULTS.patienceMs, lingerMs = DEFAULTS.lingerMs } = options;
    const { keptBytes = 0, addedBytesMax = 0, extras = [], now, wake } = options;
    this.now = now;
    this.wake = wake;
    this.lineBytesMax = lineBytesMax;
    this.loggedBytesMax = lineBytesMax + addedBytesMax;
    assert(this.loggedBytesMax <= logBytes, "the log holds the longest line");
    this.log = new LineLog(logBytes, keptBytes);
    this.order = options.order ?? this.log;
    this.pending = new Deadlines(patienceMs + lingerMs, now);
    this.lingering = new Deadlines(lingerMs, now);
    this.#slowReaders = new SlowReaders(this, this.members, patienceMs);
    const quantumBytes = Math.min(QUANTUM_BYTES, Math.floor(logBytes / 16));
    this.#queue = new FairQueue(this, quantumBytes, this.loggedBytesMax);
    this.#extras = extras.map((extra) => extra(this));
  }

  /** How many are in the room, without those that leave. */
  get size(): number {
    return this.members.size - this.pending.size;
  }

  /** Whether nothing waits to be taken, or to come into the log. */
  get isSettled(): boolean {
    return this.#queue.senders.length === 0 && this.order.isSettled;
  }

  /** A connection becomes a member, which gets all that is sent from now on; see `Member`. */
  join(socket: RoomSocket, name: string, label = name, releaseSeat = () => {}): void {
    const { refusal } = this.order;
    if (this.isStopping || refusal !== undefined) releaseSeat();
    if (this.isStopping) return void new Leaver(this, socket, STOPPING);
    if (refusal !== undefined) return this.refuse(socket, label, refusal);
    const member = new Member(this, socket, name, label, releaseSeat);
    for (const extra of this.#extras)
      member.lines = extra.linesOf?.(member, member.lines) ?? member.lines;
    socket.data = member;
    this.members.add(member);
    for (const extra of this.#extras) extra.joined?.(member);
  }

  /** Tells a connection why it is refused, and closes it; see `DisconnectReason`. */
  refuse(socket: RoomSocket, label: string, reason: string, message = reason): void {
    this.reportRefusal(label, reason);
    new Leaver(this, socket, { reason, message });
  }

  reportRefusal(label: string, reason: string): void {
    for (const extra of this.#extras) extra.refused?.(label, reason);
  }

  /** Has a sender's whole lines get their place, as far as there is space, in turn with all others. */
  send(sender: Sender): void {
    this.#queue.send(sender);
  }

  sent(sender: Sender, run: Uint8Array): void {
    if (!(sender instanceof Member)) return;
    for (const extra of this.#extras) extra.sent?.(sender, run);
  }

  leaveAfterLines(member: Member, why: DisconnectReason): void {
    this.order.after(() => this.#leave(member, why));
  }

  doneWithLog(member: Member, reason: string): void {
    this.members.delete(member);
    const { end, position } = member.cursor;
    for (const extra of this.#extras) extra.gone?.(member, reason, end - position);
    // Its seat is free once it has left and needs the log no more: now, or at the end of `#leave`.
    if (member.isSilent) member.releaseSeat();
    this.wake(0);
  }

  /** Takes no more lines; hands everybody what is pending, then EOF. */
  stop(): void {
    this.isStopping = true;
    for (const extra of this.#extras) extra.stopped?.();
    this.wake(0);
  }

  /** The time for a stop is over: resets those that still have to get something, closes the others. */
  abort(): void {
    for (const leaver of this.pending.over()) leaver.failed();
    for (const leaver of this.lingering.over()) leaver.late();
    for (const { cursor } of this.members) cursor.socket.data.failed(STOPPING.reason);
  }

  /** For an order that is out of sync: disconnects all members, and tells which lines are lost. */
  restart(why: DisconnectReason, onLost: (run: Uint8Array) => void): void {
    for (const extra of this.#extras) extra.restarted?.();
    for (const sender of new Set([...this.#queue.senders, ...this.members]))
      if (sender instanceof Member) sender.abandonLines(why, onLost);
    this.#queue.takeTurns();
    for (const member of this.members) if (!member.isWaiting) this.#leave(member, why);
  }

  /** Does the work of a turn of the event loop: writes what is pending, ends what is overdue. */
  flush(): void {
    const now = this.now();
    this.order.moveToLog?.();
    this.#writeToAll();
    this.#moveTail();
    let isHeldUp = this.#goOn();
    // A reader that moves on, or is dropped, makes space, which senders may fill up again.
    while (isHeldUp && this.#slowReaders.hurry(now)) {
      this.#moveTail();
      isHeldUp = this.#goOn();
    }
    if (this.isStopping && this.isSettled)
      for (const member of this.members) this.#leave(member, STOPPING);
    const heldUpDueAtMs = this.#slowReaders.noteHeldUp(now, isHeldUp);
    let dueAtMs = Math.min(heldUpDueAtMs, this.order.flush?.(now) ?? NEVER);
    for (const extra of this.#extras) dueAtMs = Math.min(dueAtMs, extra.flush?.(now) ?? NEVER);
    for (const due of [this.pending, this.lingering]) {
      for (const leaver of due.over(now)) leaver.late();
      dueAtMs = Math.min(dueAtMs, due.dueAtMs);
    }
    if (dueAtMs !== NEVER) this.wake(Math.max(1, dueAtMs - now));
  }

  /** Lets those go on that wait for space in the log; returns whether readers hold some of them up. */
  #goOn(): boolean {
    this.order.moveToLog?.();
    this.#queue.takeTurns();
    return this.order.isHeldUp(this.#queue.senders.length > 0);
  }

  #writeToAll(): void {
    const { head } = this.log;
    for (const { cursor } of this.members)
      if (!cursor.blocked && (cursor.position < head || cursor.backlog || cursor.leaver))
        cursor.write();
  }

  #moveTail(): void {
    let tail = this.log.head;
    for (const { cursor } of this.members) if (cursor.position < tail) tail = cursor.position;
    this.log.release(tail);
  }

  /** Has a member leave, all of whose lines are in the log, once it has what was sent until now. */
  #leave(member: Member, why: DisconnectReason): void {
    if (member.isSilent) return;
    assert(!member.isWaiting, "a member that leaves has sent everything");
    member.isSilent = true;
    for (const extra of this.#extras) extra.left?.(member, why.reason);
    const { socket, gone } = member.cursor;
    if (gone) member.releaseSeat();
    else new Leaver(this, socket, why, member);
  }
}
