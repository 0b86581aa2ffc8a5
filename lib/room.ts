/**
 * The room: whatever one member says, line by line, every other member hears.
 *
 * It is one log of lines; a member owns only a cursor, how far into the log its
 * socket has taken bytes. The room knows no network: it talks to small socket
 * objects, is told what happened to them, and asks to be flushed.
 */

import { assert } from "./assert.ts";
import { countLines, LineBuffer } from "./line-buffer.ts";
import { LineLog, type Speaker } from "./line-log.ts";
import { Pace } from "./pace.ts";
import { formatTime } from "./program/units.ts";

/** How often a room that is held up asks those in the way whether they take more. */
const RETRY_MS = 100;
/** The most one talker says before it is the next one's turn, or its longest line; more would make others late. */
const SHARE_BYTES = 64 << 10;
const NEVER = Number.POSITIVE_INFINITY;
const NOTHING = new Uint8Array(0);

/** What the room needs of a connection; a socket of `Bun.listen` is one. */
export interface RoomSocket {
  /**
   * Hands over bytes[offset, offset + length), without waiting.
   *
   * @returns how many bytes were taken, from the first on; fewer than `length`
   *   promise a later `Room.drain`; −1 once the socket is closed
   */
  write(bytes: Uint8Array, offset: number, length: number): number;
  /** Half-closes: after all that was written, the peer gets EOF. */
  shutdown(): void;
  /** Closes; what was written still goes out, unless the peer goes on sending. */
  end(): void;
  /** Closes at once, by a reset: what was written may be lost. */
  terminate(): void;
  /** Stops reading: `Room.hear` and `Room.end` come no more until `resume`. */
  pause(): void;
  resume(): void;
}

/** Why a member left. */
export type Leaving =
  "end of input" | "reset" | "line too long" | "too slow" | "idle" | "server stopping";

export interface RoomOptions {
  /** The size of the shared log, in bytes; 8 MiB by default. */
  logBytes?: number;
  /** The longest line, in bytes, its LF included; 64 KiB by default. */
  lineBytesMax?: number;
  /** How long one reader that has stopped may hold up the room, in ms; 10 s by default. */
  patienceMs?: number;
  /** How long a connection is read on after the room's last word to it, in ms; 2 s by default. */
  lingerMs?: number;
  /** How many members there may be; any number by default. */
  membersMax?: number;
  /** How many lines a second a member may say before it is read later; any number by default. */
  linesPerSecond?: number | undefined;
  /** How long a member may say nothing, in ms; for ever by default. */
  idleMs?: number | undefined;
  /** How many connections may linger after the room's last word; 64 by default. */
  lingerersMax?: number;
  /** The time, in ms, from any start; never goes back. */
  now: () => number;
  /**
   * Asks for a call of `flush` after so many ms at the latest; 0 is the end of
   * this turn of the event loop, once all that is ready has been heard. A
   * `flush` that comes for another reason also answers it.
   */
  wake: (delayMs: number) => void;
  onJoin?: (member: Member) => void;
  /** @param behindBytes how much of the log the member had not taken */
  onLeave?: (member: Member, reason: Leaving, behindBytes: number) => void;
  /** A connection was let go before it was a member. */
  onRefuse?: (name: string, why: string) => void;
}

/**
 * One connection, as the room sees it. First it is a member; once it has left
 * and has all it is owed, its socket may linger, heard no more, until the peer
 * closes it.
 */
export class Member implements Speaker {
  /** Where it stands among the members; −1 when it is none. */
  place = -1;
  /** How far into the log its socket has taken bytes. */
  cursor: number;
  lastRun = -1;
  /** Whether its socket took less than it was offered and has not drained since. */
  blocked = false;
  /** Whether it had all that was said when it was last written to. */
  caughtUp = true;
  /** When it last took something or was caught up, on the clock of `Room.#heldUpMs`. */
  movedAtMs = 0;
  /** Why lines of it wait, if some do: for room in the log, or by its rate. Its socket is paused then. */
  hold: "room" | "rate" | undefined;
  pace: Pace | undefined;
  /** When it last said a line; kept only in a room that minds. */
  saidAtMs = 0;
  /** Whether its peer has sent its last byte. */
  ended = false;
  /** Whether its connection is gone. */
  closed = false;
  /** Why it leaves, once it has all that was said `until` then. */
  leaving: Leaving | undefined;
  until = NEVER;
  /** What remains of the room's last line to it. */
  lastWord = NOTHING;
  /** When its connection is ended in any case. */
  deadlineMs = NEVER;

  constructor(
    /** What it is called in reports. */
    readonly name: string,
    readonly socket: RoomSocket,
    readonly lines: LineBuffer,
    position: number,
  ) {
    this.cursor = position;
  }
}

/**
 * The way of a line: `hear` puts bytes into the member's `LineBuffer`; `#say`
 * moves whole lines to the `LineLog`, as far as there is room, and makes a talker
 * that has more wait; `flush`, once a turn, writes to each member from its cursor
 * to the head, forgets what everybody has, and lets waiting talkers go on.
 */
export class Room {
  readonly #options: RoomOptions;
  readonly #log: LineLog;
  readonly #lineBytesMax: number;
  readonly #patienceMs: number;
  readonly #lingerMs: number;
  readonly #membersMax: number;
  readonly #lingerersMax: number;
  readonly #idleMs: number;
  /** The most bytes one talker says before it is the next one's turn. */
  readonly #shareBytes: number;

  readonly #members: Member[] = [];
  /** Talkers whose lines the log has no room for, in the order they speak next. */
  readonly #waiting: Member[] = [];
  /** How many of them are gone already, their lines still to be said. */
  #waitingClosed = 0;
  /** Talkers that are over their rate. */
  readonly #paced = new Set<Member>();
  /** Seats taken by connections that are not members yet. */
  #seatsReserved = 0;
  /** No member is idle for too long before this. */
  #nextIdleMs = NEVER;
  /** Connections that are no members, or no members any more, in the order of their deadlines. */
  readonly #departing = new Set<Member>();
  /** No deadline is before this, of those or of members that are being sent away. */
  #nextDeadlineMs = NEVER;

  /** How long talkers have waited, in all: a clock that runs only while the room is held up. */
  #heldUpMs = 0;
  #heldUpSinceMs: number | undefined;
  /** When those in the way are next asked whether they take more. */
  #retryAtMs = 0;

  #stopping = false;
  /** When the room, having been told to stop, does so in any case. */
  #stopAtMs = NEVER;
  #onStopped: (() => void) | undefined;

  /** @throws {Error} if the log could not hold the longest line */
  constructor(options: RoomOptions) {
    this.#options = options;
    this.#log = new LineLog(options.logBytes ?? 8 << 20);
    this.#lineBytesMax = options.lineBytesMax ?? 64 << 10;
    this.#patienceMs = options.patienceMs ?? 10_000;
    this.#lingerMs = options.lingerMs ?? 2_000;
    this.#membersMax = options.membersMax ?? NEVER;
    this.#lingerersMax = options.lingerersMax ?? 64;
    this.#idleMs = options.idleMs ?? NEVER;
    this.#shareBytes = Math.max(this.#lineBytesMax, Math.min(SHARE_BYTES, this.#log.bytesMax >> 4));
    assert(this.#lineBytesMax <= this.#log.bytesMax, "the log holds the longest line");
  }

  /** How many members there are. */
  get size(): number {
    return this.#members.length;
  }

  /** How many bytes of what was said somebody still has to take. */
  get owedBytes(): number {
    return this.#log.head - this.#log.tail;
  }

  /** How many connections are on their way out. */
  get departing(): number {
    return this.#departing.size;
  }

  /** Keeps a seat for a connection that is not a member yet; returns whether there is one. */
  reserveSeat(): boolean {
    if (!this.#hasSeat) return false;
    this.#seatsReserved++;
    return true;
  }

  /** Gives a reserved seat back: to the connection that joins next, or to anybody. */
  releaseSeat(): void {
    assert(this.#seatsReserved > 0, "a seat is released once");
    this.#seatsReserved--;
  }

  /**
   * Takes in a connection, which hears all that is said from now on; or tells it
   * that the room is full and lets it go.
   *
   * @param name what to call it in reports
   */
  join(socket: RoomSocket, name: string): Member {
    if (!this.#hasSeat) return this.refuse(socket, name, "room is full");
    const member = this.#newMember(socket, name);
    if (this.#stopping) {
      this.#linger(member);
      return member;
    }
    member.place = this.#members.push(member) - 1;
    if (this.#options.linesPerSecond)
      member.pace = new Pace(this.#options.linesPerSecond, this.#options.now());
    if (this.#idleMs !== NEVER) {
      member.saidAtMs = this.#options.now();
      this.#nextIdleMs = Math.min(this.#nextIdleMs, member.saidAtMs + this.#idleMs);
      this.#options.wake(0);
    }
    this.#options.onJoin?.(member);
    return member;
  }

  /**
   * Tells a connection why it does not get in, and lets it go.
   *
   * @param name what to call it in reports
   * @param word the reason, which it gets as `* word`
   */
  refuse(socket: RoomSocket, name: string, word: string): Member {
    const member = this.#newMember(socket, name);
    this.#options.onRefuse?.(name, word);
    this.#setLastWord(member, word);
    this.#linger(member);
    return member;
  }

  /** A member's bytes have arrived. */
  hear(member: Member, bytes: Uint8Array): void {
    if (member.place < 0 || member.leaving || member.ended || this.#stopping) return;
    member.lines.push(bytes);
    if (member.hold === undefined) this.#say(member);
  }

  /** A member's peer has sent its last byte; it may still receive. */
  end(member: Member): void {
    if (member.ended || member.closed) return;
    member.ended = true;
    if (member.place < 0 || member.leaving) return;
    if (!this.#stopping) member.lines.end();
    if (member.hold === undefined) this.#say(member);
  }

  /** A member's socket takes bytes again. */
  drain(member: Member): void {
    if (!member.blocked || member.closed) return;
    member.blocked = false;
    if (member.place >= 0) this.#options.wake(0);
    else this.#finish(member);
  }

  /** A member's connection is gone. What it has said in whole lines is still said. */
  close(member: Member): void {
    if (member.closed) return;
    member.closed = true;
    if (member.hold === "room") this.#waitingClosed++;
    this.#departing.delete(member);
    this.#remove(member, member.leaving ?? (member.ended ? "end of input" : "reset"));
    if (member.hold === "rate") this.#say(member);
    this.#options.wake(0);
  }

  /** Ends a member's connection at once. */
  terminate(member: Member, reason: Leaving): void {
    if (member.closed) return;
    this.#remove(member, reason);
    this.close(member);
    member.socket.terminate();
  }

  /**
   * Says no more; hands everybody what they are owed, then EOF, and lets them go.
   *
   * @param graceMs how long to wait for those who read slowly, in ms
   * @param onStopped called once, when everybody is gone
   */
  stop(graceMs: number, onStopped: () => void): void {
    assert(!this.#stopping, "a room is stopped once");
    this.#stopping = true;
    this.#stopAtMs = this.#options.now() + graceMs;
    this.#onStopped = onStopped;
    for (const member of this.#paced) this.#say(member);
    this.#options.wake(0);
  }

  /**
   * Does the work of a turn: writes to everybody what they are owed and take,
   * makes room in the log, lets waiting talkers go on, ends what is overdue.
   */
  flush(): void {
    const now = this.#options.now();
    for (const member of this.#paced) if (this.#linesNow(member) >= 1) this.#say(member);
    if (this.#heldUpSinceMs !== undefined) this.#heldUpMs += now - this.#heldUpSinceMs;
    this.#writeToAll();
    this.#release();
    while (!this.#letWaitingSpeak() && this.#moveThoseInTheWay(now)) this.#release();
    this.#heldUpSinceMs = this.#waiting.length > 0 ? now : undefined;
    if (this.#stopping) this.#stopFurther(now);
    if (now >= this.#nextIdleMs) this.#sendIdleAway(now);
    if (now >= this.#nextDeadlineMs) this.#endOverdue(now);
    this.#planNextFlush(now);
  }

  get #hasSeat(): boolean {
    return this.#members.length + this.#waitingClosed + this.#seatsReserved < this.#membersMax;
  }

  #newMember(socket: RoomSocket, name: string): Member {
    const [oldest] = this.#departing;
    if (oldest && this.#departing.size >= this.#lingerersMax) this.#endDeparture(oldest);
    return new Member(name, socket, new LineBuffer(this.#lineBytesMax), this.#log.head);
  }

  /** Lets a talker say what it may, and holds it when it has more to say. */
  #say(member: Member): void {
    const first = this.#waiting[0];
    // Nobody overtakes those who wait.
    if (first === undefined || first === member) this.#moveShareToLog(member);
    if (member.lines.hasLine)
      return this.#hold(member, this.#linesNow(member) < 1 ? "rate" : "room");
    if (member.hold !== undefined) this.#unhold(member);
    if (member.lines.tooLong) this.#refuseLine(member);
    else if (member.ended) this.#leave(member, "end of input");
  }

  /** Moves a talker's whole lines to the log: at most its share, as its rate and the log allow. */
  #moveShareToLog(member: Member): void {
    const log = this.#log;
    const lines = member.lines;
    let shareBytes = this.#shareBytes;
    while (lines.hasLine) {
      const bytesMax = Math.min(shareBytes, log.freeBytes);
      const run = member.pace ? lines.take(bytesMax, this.#linesNow(member)) : lines.take(bytesMax);
      if (run === undefined) return;
      shareBytes -= run.length;
      log.append(member, run);
      member.pace?.spend(countLines(run));
      if (this.#idleMs !== NEVER) member.saidAtMs = this.#options.now();
      this.#options.wake(0);
    }
  }

  /** How many lines a member may say now by its rate, which ends with its connection and with the room. */
  #linesNow(member: Member): number {
    if (member.pace === undefined || member.closed || this.#stopping) return NEVER;
    return member.pace.linesNow(this.#options.now());
  }

  /** Makes a talker wait, reading nothing more from it. */
  #hold(member: Member, why: "room" | "rate"): void {
    if (member.hold === why) return;
    if (member.hold === undefined && !member.closed && !member.ended) member.socket.pause();
    this.#dequeue(member);
    member.hold = why;
    if (why === "rate") this.#paced.add(member);
    else this.#waiting.push(member);
    if (why === "room" && member.closed) this.#waitingClosed++;
    this.#options.wake(0);
  }

  #unhold(member: Member): void {
    this.#dequeue(member);
    member.hold = undefined;
    if (!member.closed && !member.ended) member.socket.resume();
  }

  #dequeue(member: Member): void {
    if (member.hold === "rate") this.#paced.delete(member);
    if (member.hold !== "room") return;
    assert(this.#waiting[0] === member, "who waits is served in turn");
    this.#waiting.shift();
    if (member.closed) this.#waitingClosed--;
  }

  #refuseLine(member: Member): void {
    this.#sendAway(member, `line longer than ${this.#lineBytesMax} bytes`, "line too long");
  }

  /** Lets a member go that has to, once it has what it is owed and knows why. */
  #sendAway(member: Member, word: string, reason: Leaving): void {
    if (member.place < 0 || member.leaving) return;
    this.#setLastWord(member, word);
    this.#leave(member, reason);
    this.#setDeadline(member, this.#patienceMs + this.#lingerMs);
  }

  /** Lets a member go once it has all that was said until now. */
  #leave(member: Member, reason: Leaving): void {
    if (member.place < 0 || member.leaving) return;
    member.leaving = reason;
    member.until = this.#log.head;
    this.#options.wake(0);
  }

  #writeToAll(): void {
    const head = this.#log.head;
    // Backwards, because whoever leaves is replaced by the last.
    for (let place = this.#members.length - 1; place >= 0; place--) {
      const member = this.#members[place] as Member; // only places behind this one have gone
      if (member.blocked) continue;
      if (member.cursor < head || member.leaving !== undefined) this.#serve(member);
    }
  }

  /** Writes what others said, from the member's cursor on, until its socket takes no more; lets it go when it has everything. */
  #serve(member: Member): void {
    const log = this.#log;
    const end = Math.min(log.head, member.until);
    while (member.cursor < end) {
      const { cursor } = member;
      const piece = log.read(member, cursor, end);
      const { length, next } = piece;
      if (length > 0) {
        const taken = this.#hand(member, piece.bytes, piece.offset, length);
        if (member.closed) return;
        if (taken < length) {
          member.cursor = log.advance(member, cursor, taken);
          return;
        }
      }
      member.cursor = next;
    }
    member.caughtUp = true;
    if (member.leaving === undefined || member.place < 0) return;
    this.#remove(member, member.leaving);
    this.#linger(member);
  }

  /** One `write`; notes whether the member moves. Returns how many bytes were taken. */
  #hand(member: Member, bytes: Uint8Array, offset: number, length: number): number {
    const taken = member.socket.write(bytes, offset, length);
    if (taken < 0) this.terminate(member, member.leaving ?? "reset");
    assert(taken <= length, "a socket takes no more than it was offered");
    if (taken > 0 || member.caughtUp) member.movedAtMs = this.#heldUpMs;
    member.caughtUp = false;
    member.blocked = taken < length;
    return taken;
  }

  /** Forgets what everybody has. */
  #release(): void {
    let tail = this.#log.head;
    for (const member of this.#members) if (member.cursor < tail) tail = member.cursor;
    this.#log.release(tail);
  }

  /** Lets waiting talkers speak, a share each in turn; returns whether the log had room for all. */
  #letWaitingSpeak(): boolean {
    for (;;) {
      const talker = this.#waiting[0];
      if (talker === undefined) return true;
      const before = this.#log.head;
      this.#say(talker);
      if (this.#waiting[0] !== talker) continue;
      if (this.#log.head === before) return false;
      this.#waiting.push(talker);
      this.#waiting.shift();
    }
  }

  /**
   * Asks the members furthest behind whether they take more, now and then, and
   * drops those the room has had patience with for long enough. Asks, because
   * the socket of a slow reader takes a little all the time, but drains rarely.
   *
   * @returns whether any of them moved or was dropped
   */
  #moveThoseInTheWay(now: number): boolean {
    const { tail } = this.#log;
    const retry = now >= this.#retryAtMs;
    if (retry) this.#retryAtMs = now + RETRY_MS;
    let moved = false;
    for (let place = this.#members.length - 1; place >= 0; place--) {
      const member = this.#members[place] as Member; // only places behind this one have gone
      if (member.cursor !== tail || !member.blocked) continue;
      const overdue = this.#heldUpMs - member.movedAtMs >= this.#patienceMs;
      if (overdue || retry) this.#serve(member);
      if (member.cursor === tail && overdue) this.terminate(member, "too slow");
      if (member.cursor !== tail || member.place < 0) moved = true;
    }
    return moved;
  }

  #stopFurther(now: number): void {
    if (this.#waiting.length === 0)
      for (const member of this.#members) this.#leave(member, "server stopping");
    if (now >= this.#stopAtMs) {
      for (const member of this.#members.slice())
        this.terminate(member, member.leaving ?? "server stopping");
      for (const member of this.#departing) this.#endDeparture(member);
    }
    if (this.#members.length > 0 || this.#departing.size > 0) return;
    this.#onStopped?.();
    this.#onStopped = undefined;
  }

  #sendIdleAway(now: number): void {
    this.#nextIdleMs = NEVER;
    for (const member of this.#members) {
      if (member.leaving) continue;
      if (member.hold !== undefined) member.saidAtMs = now;
      const idleAtMs = member.saidAtMs + this.#idleMs;
      if (now >= idleAtMs) this.#sendAway(member, `idle for ${formatTime(this.#idleMs)}`, "idle");
      else this.#nextIdleMs = Math.min(this.#nextIdleMs, idleAtMs);
    }
  }

  #endOverdue(now: number): void {
    this.#nextDeadlineMs = NEVER;
    for (const member of [...this.#members, ...this.#departing]) {
      if (now >= member.deadlineMs) this.#endDeparture(member);
      else this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, member.deadlineMs);
    }
  }

  /** Closes a connection that has had its time: in order if it has taken all it was owed, else by a reset. */
  #endDeparture(member: Member): void {
    const tookAll = member.place < 0 && member.lastWord.length === 0;
    if (!tookAll) return this.terminate(member, member.leaving ?? "reset");
    this.close(member);
    member.socket.end();
  }

  #planNextFlush(now: number): void {
    const retryAtMs = this.#waiting.length > 0 ? now + Math.min(RETRY_MS, this.#patienceMs) : NEVER;
    const stopAtMs = this.#onStopped ? this.#stopAtMs : NEVER;
    let nextMs = Math.min(retryAtMs, stopAtMs, this.#nextDeadlineMs, this.#nextIdleMs);
    for (const { pace } of this.#paced)
      nextMs = Math.min(nextMs, now + (pace?.msToNextLine(now) ?? 0));
    if (nextMs !== NEVER) this.#options.wake(Math.max(1, nextMs - now));
  }

  /** Takes a member out of the room; its connection may go on. */
  #remove(member: Member, reason: Leaving): void {
    const place = member.place;
    if (place < 0) return;
    const last = this.#members.pop() as Member; // `member` is there
    if (last !== member) {
      this.#members[place] = last;
      last.place = place;
    }
    member.place = -1;
    this.#options.onLeave?.(member, reason, this.#log.head - member.cursor);
  }

  /** Ends a connection so that nothing sent on it is lost: last word, EOF, and a moment for the peer to close. */
  #linger(member: Member): void {
    this.#setDeadline(member, this.#lingerMs);
    this.#finish(member);
  }

  /** Sends what remains of the last word, then EOF. */
  #finish(member: Member): void {
    const { lastWord } = member;
    if (lastWord.length > 0) {
      const taken = this.#hand(member, lastWord, 0, lastWord.length);
      if (member.closed) return;
      member.lastWord = lastWord.subarray(taken);
    }
    if (member.lastWord.length === 0) member.socket.shutdown();
  }

  #setLastWord(member: Member, word: string): void {
    member.lastWord = new TextEncoder().encode(`* ${word}\n`);
  }

  #setDeadline(member: Member, delayMs: number): void {
    member.deadlineMs = this.#options.now() + delayMs;
    this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, member.deadlineMs);
    if (member.place < 0) this.#departing.add(member);
    this.#options.wake(0);
  }
}
