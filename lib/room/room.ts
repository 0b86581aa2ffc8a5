/**
 * The room: each line of a member is relayed to every other one, by way of one log. It has no network
 * and no clock: it is given sockets and the time, and calls `wake` to be flushed.
 *
 * `Member.received` puts a line into its `LineBuffer`, `send` into the `LineLog`; `flush`, at the end of
 * a turn of the event loop, has each cursor write it. A member leaves, once its own lines are in the log,
 * by `Member.sentAll`, `leaveAfterLines` and `#leave`; a `Leaver` gets the rest, and is `doneWithLog`.
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
/** The most that one sender sends before it is the next one's turn, if the log is not small. */
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
  /** How long a reader that makes senders wait has for 64 KiB, in ms up to a day; 10 s by default. */
  patienceMs?: number | undefined;
  /** How long a leaver is read on after its EOF, in ms up to a day; 2 s by default. */
  lingerMs?: number | undefined;
  /** How much the log keeps, for a history, of what everybody has, in bytes; none by default. */
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
  /** As they joined; those that have left stay until nothing of the log is pending for them. */
  readonly members = new Set<Member>();
  /** Leavers by what they get next, see `Leaver`; for 64 KiB they have `lingerMs` more than others. */
  readonly pending: Deadlines<Leaver>;
  readonly lingering: Deadlines<Leaver>;
  readonly lineBytesMax: number;
  /** The longest line in the log, in bytes. */
  readonly loggedBytesMax: number;
  readonly now: () => number;
  readonly wake: (delayMs: number) => void;
  /** Bytes that sockets have taken; how long senders have waited for readers. */
  readonly counters = { deliveredBytes: 0, heldUpMs: 0 };
  /** Whether what members send now is discarded; what was received before is still relayed. */
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

  /** Whether no line waits in the queue, or in the order, for its place in the log. */
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

  /** Appends a sender's whole lines, as far as there is space, or has it wait; see `FairQueue`. */
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
    // Its seat is free once this and `#leave` have happened; after a reset, `#leave` comes second.
    if (member.hasLeft) member.releaseSeat();
    this.wake(0);
  }

  /** Takes no more lines; the next flushes send everybody what is pending, then EOF. */
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

  /** Called by an order that is out of sync: disconnects all members, tells which lines are lost. */
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

  /** Lets senders go on that wait for space; returns whether some still wait, as readers are behind. */
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

  /** All lines of a member are in the log: it becomes a leaver, unless its connection is closed. */
  #leave(member: Member, why: DisconnectReason): void {
    if (member.hasLeft) return;
    assert(!member.isWaiting, "a member that leaves has sent everything");
    member.hasLeft = true;
    for (const extra of this.#extras) extra.left?.(member, why.reason);
    const { socket, gone } = member.cursor;
    if (gone) member.releaseSeat();
    else new Leaver(this, socket, why, member);
  }
}
