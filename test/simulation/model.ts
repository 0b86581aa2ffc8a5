/**
 * What the room has promised, kept in the plainest way there is: for each
 * connection a list of the lines it is owed. The model shares no code with
 * `lib/`; it is told what goes into the room and what comes out, and throws a
 * `Violation` at the first difference.
 */

import { type Line, Seat } from "./seat.ts";
import { Sightings } from "./sightings.ts";

const LF = 0x0a;
/** How often a room that is held up looks after those in the way, at the least. */
const RETRY_MS = 100;
/** The most a talker says in one turn, unless the log is small or its line long. */
const SHARE_BYTES = 64 << 10;
/** How many changes of speaker the log can note, at the least. */
const RUNS_MIN = 64;

/** The options of the room, all of them given. */
export interface Rules {
  readonly logBytes: number;
  readonly lineBytesMax: number;
  readonly patienceMs: number;
  readonly lingerMs: number;
  readonly membersMax: number;
  readonly lingerersMax: number;
  readonly linesPerSecond: number | undefined;
  readonly idleMs: number | undefined;
  /** The most bytes that arrive at once. */
  readonly readBytesMax: number;
}

/** What adding up fractions of lines may be off. */
const ROUNDING = 1e-6;

/** A promise that was not kept. */
export class Violation extends Error {}

/** What the model asks of the room itself; all of it is public. */
export interface RoomView {
  readonly size: number;
  readonly owedBytes: number;
}

export class Model {
  readonly rules: Rules;
  readonly seen = new Sightings();
  /** The room's time. */
  now = 0;
  /** Those who are connected, or gone with lines still to be said. */
  seats: Seat[] = [];
  /** Those with unsaid lines, in the order they may speak. */
  #waiting: Seat[] = [];
  /** All that was said and is still owed to somebody. */
  #said: Line[] = [];
  #saidBytes = 0;
  /** How long talkers have waited: counting, or not, the time in which a flush was due and did not come. */
  #heldAtMost = 0;
  #heldAtLeast = 0;
  #stopAtMs: number | undefined;
  stopped = false;
  /** Whether somebody is just being taken in. */
  joining = false;
  /** Seats taken by connections that are not members yet. */
  reserved = 0;
  /** Whose turn it is to speak while others wait, and how much it has said in it. */
  #turn: Seat | undefined;
  #turnBytes = 0;

  constructor(rules: Rules) {
    this.rules = rules;
  }

  get stopping(): boolean {
    return this.#stopAtMs !== undefined;
  }

  reserves(granted: boolean): void {
    if (granted !== this.#occupied < this.rules.membersMax)
      throw new Violation("a wrong answer to who asked for a seat");
    if (granted) this.reserved++;
  }

  releases(): void {
    this.reserved--;
  }

  /** Somebody connects; `join` follows. */
  arrive(name: string): Seat {
    const seat = new Seat(name, this.now, this.rules.linesPerSecond ?? Number.POSITIVE_INFINITY);
    this.seats.push(seat);
    this.seen.connections++;
    return seat;
  }

  /** The room says it has let somebody in. */
  joined(seat: Seat): void {
    this.#demand(seat.state === "arriving", seat, "joined twice");
    this.#demand(!this.stopping, seat, "joined a room that stops");
    this.#demand(this.#occupied < this.rules.membersMax, seat, "joined a full room");
    seat.state = "member";
  }

  /** The room says it has refused somebody. */
  refused(seat: Seat, word: string): void {
    this.#demand(seat.state === "arriving", seat, "refused after it was let in");
    const mayJoin = word === "room is full" && this.#occupied < this.rules.membersMax;
    this.#demand(!mayJoin, seat, "refused although there is a place");
    this.#expectWord(seat, word);
    this.#depart(seat);
    this.seen.refused++;
  }

  /** `join` is over. */
  arrived(seat: Seat): void {
    if (seat.state !== "arriving") return;
    this.#demand(this.stopping, seat, "neither let in nor refused");
    this.#demand(seat.shut || seat.lost, seat, "not sent away by a room that stops");
    this.#depart(seat);
  }

  /** Bytes arrive. */
  hears(seat: Seat, bytes: Uint8Array): void {
    const ignored = seat.state !== "member" || seat.leaving || seat.ended || this.stopping;
    if (ignored || seat.tooLong) return;
    for (const byte of bytes) {
      seat.unfinished.push(byte);
      if (byte === LF) this.#finishLine(seat);
      else if (seat.unfinished.length === this.rules.lineBytesMax) seat.tooLong = true;
      if (seat.tooLong) break;
    }
    if (seat.tooLong) seat.unfinished = [];
    this.#settle(seat);
  }

  /** What holds once the room has heard it: all that a client can make the room keep is counted. */
  checkHeld(seat: Seat, heldBytes: number): void {
    const heldMax = this.rules.lineBytesMax + this.rules.readBytesMax;
    this.#demand(heldBytes <= heldMax, seat, `${heldBytes} of its bytes are held`);
    const counted = this.stopping || seat.state !== "member" || heldBytes === seat.heldBytes;
    this.#demand(counted, seat, `${heldBytes} bytes are held instead of ${seat.heldBytes}`);
  }

  /** The end of input arrives. */
  ends(seat: Seat): void {
    if (seat.ended) return;
    seat.ended = true;
    if (seat.state !== "member" || seat.leaving) return;
    if (!this.stopping && seat.unfinished.length > 0) {
      seat.unfinished.push(LF);
      this.#finishLine(seat);
    }
    this.#settle(seat);
  }

  /** A handler of its socket throws. */
  fails(seat: Seat): void {
    seat.failed = true;
    seat.dropped = true;
  }

  /** The connection is gone. */
  lose(seat: Seat): void {
    seat.lost = true;
    seat.paused = false;
    seat.blocked = false;
  }

  /** The room is told that it is gone. */
  closes(seat: Seat): void {
    seat.known = true;
  }

  /** The room has put a run into its log: that is the one order. */
  said(speaker: Seat, run: Uint8Array): void {
    this.#takeTurn(speaker, run.length);
    speaker.saidAtMs = this.now;
    let at = 0;
    while (at < run.length) {
      const bytes = speaker.unsaid.shift();
      if (!bytes || !startsWith(run, at, bytes))
        throw this.#violation(speaker, `said ${show(run.subarray(at))} instead of ${show(bytes)}`);
      at += bytes.length;
      this.#owe({ speaker, bytes, start: this.#saidBytes });
      this.#saidBytes += bytes.length;
      this.seen.lines++;
      this.#spendAllowance(speaker);
    }
    if (speaker.unsaid.length === 0) this.#waiting.splice(this.#waiting.indexOf(speaker), 1);
    this.#settle(speaker);
  }

  /** Those who wait speak in turn, a share at a time; without rates it is clear who waits for what. */
  #takeTurn(speaker: Seat, bytes: number): void {
    if (this.rules.linesPerSecond !== undefined) return;
    const next = this.#waiting[0];
    if (this.#waiting.length === 1) {
      this.#turn = undefined;
    } else if (speaker !== this.#turn) {
      this.#demand(speaker === next, speaker, `speaks although it is the turn of ${next?.name}`);
      this.#turn = speaker;
      this.#turnBytes = 0;
      this.#waiting.push(...this.#waiting.splice(0, 1));
    }
    this.#turnBytes += bytes;
    const part = Math.min(SHARE_BYTES, Math.floor(this.rules.logBytes / 16));
    const share = Math.max(this.rules.lineBytesMax, part);
    const longer = this.#turn === speaker && this.#turnBytes > share;
    this.#demand(!longer, speaker, `speaks ${this.#turnBytes} bytes while ${next?.name} waits`);
  }

  /** The rate is a bucket of a second's worth of lines; it ends with the connection and with the room. */
  #allowance(seat: Seat): number {
    const { linesPerSecond } = this.rules;
    const limited = linesPerSecond !== undefined && seat.state === "member" && !seat.lost;
    if (!limited || this.stopping) return Number.POSITIVE_INFINITY;
    const earned = ((this.now - seat.allowedAtMs) * linesPerSecond) / 1000;
    seat.allowedAtMs = this.now;
    seat.allowance = Math.min(linesPerSecond, seat.allowance + earned);
    return seat.allowance;
  }

  #spendAllowance(seat: Seat): void {
    this.#demand(this.#allowance(seat) > 1 - ROUNDING, seat, "speaks faster than it may");
    seat.allowance--;
  }

  /** A socket was offered bytes and took the first `count` of them. */
  took(seat: Seat, bytes: Uint8Array, offset: number, offered: number, count: number): void {
    this.#demand(!seat.shut, seat, "written to after its EOF");
    this.#demand(offered > 0, seat, "written nothing to");
    // What is offered has to be right too, be it taken or not.
    this.#compare(seat, bytes, offset, offered);
    this.#advance(seat, count);
    seat.blocked = count < offered;
    seat.writtenAtMs = this.now;
    seat.taken = count;
    if (count > 0) this.#moved(seat);
  }

  /** A socket that is closed was written to. */
  misses(seat: Seat): void {
    this.#demand(!seat.known, seat, "written to although it is known to be gone");
  }

  /** The room sends EOF. */
  shuts(seat: Seat): void {
    this.#demand(!seat.shut, seat, "sent EOF twice");
    this.#demand(seat.state !== "member", seat, "sent EOF while a member");
    this.#demand(seat.owed.length === 0, seat, `sent EOF while owed ${show(seat.owed[0]?.bytes)}`);
    this.#demand(!seat.word, seat, `sent EOF before ${show(seat.word)}`);
    this.#demand(!seat.paused, seat, "sent EOF and left paused");
    seat.shut = true;
    this.seen.cleanEnds++;
  }

  /** The room resets a connection. */
  terminates(seat: Seat): void {
    const hasAll = seat.shut && !seat.lost && !seat.dropped;
    this.#demand(!hasAll, seat, "reset although it has taken everything");
    this.#closedByRoom(seat);
  }

  /** The room closes a connection that has had its EOF and does not go. */
  closesOff(seat: Seat): void {
    this.#demand(seat.shut || seat.lost, seat, "closed before its EOF");
    this.#closedByRoom(seat);
  }

  #closedByRoom(seat: Seat): void {
    const departed = seat.state === "gone" || seat.state === "departing";
    this.#demand(departed, seat, "closed without a reason");
    const lingering = this.#lingering;
    seat.known = true;
    if (seat.state !== "departing" || seat.lost) return;
    const latestMs = Math.min(seat.deadlineMs, this.#stopAtMs ?? Number.POSITIVE_INFINITY);
    const forANewcomer = this.joining && lingering >= this.rules.lingerersMax;
    const mayClose = seat.dropped || this.now >= latestMs || forANewcomer;
    this.#demand(mayClose, seat, "closed before its deadline");
  }

  /** The socket has told the room that it takes bytes again. */
  drained(seat: Seat): void {
    seat.blocked = false;
  }

  pauses(seat: Seat): void {
    this.#demand(!seat.paused && !seat.lost, seat, "paused for nothing");
    seat.paused = true;
    this.seen.holds++;
  }

  resumes(seat: Seat): void {
    this.#demand(seat.paused && !seat.lost, seat, "resumed for nothing");
    seat.paused = false;
  }

  /** The room says that a member has left. */
  left(seat: Seat, reason: string): void {
    this.#demand(seat.state === "member", seat, "left without being there");
    if (reason === "idle" && this.#isIdle(seat)) this.#sendIdleAway(seat);
    this.#demand(this.#isReason(seat, reason), seat, `left for a wrong reason, "${reason}"`);
    seat.dropped = reason === "too slow" || seat.failed || this.now >= seat.deadlineMs;
    if (reason === "too slow") this.seen.evictions++;
    if (reason === "reset") this.seen.resets++;
    this.#depart(seat);
  }

  stop(graceMs: number): void {
    this.#stopAtMs = this.now + graceMs;
    this.seen.stops++;
  }

  /** Time goes on; `due` tells whether the room has asked for a flush before. */
  pass(delayMs: number, due: boolean): void {
    this.now += delayMs;
    if (!this.#heldUp) return;
    this.#heldAtMost += delayMs;
    if (!due && this.rules.linesPerSecond === undefined) this.#heldAtLeast += delayMs;
  }

  /** What holds after every step. */
  checkStep(room: RoomView, turnDue: boolean): void {
    this.seen.steps++;
    this.#forgetGone();
    const { rules } = this;
    const members = this.#count("member");
    if (room.size !== members) throw new Violation(`${room.size} members instead of ${members}`);
    if (room.owedBytes > rules.logBytes) throw new Violation("the log holds more than it may");
    const open = this.seats.reduce((sum, seat) => sum + (seat.lost ? 0 : 1), 0);
    if (open > rules.membersMax + rules.lingerersMax)
      throw new Violation(`${open} connections are open`);
    for (const seat of this.seats) this.#checkSeat(seat, turnDue);
  }

  /** What holds before time goes on: the room has asked to be woken early enough. */
  checkAlarm(wakeAtMs: number): void {
    let latestMs = this.stopped
      ? Number.POSITIVE_INFINITY
      : (this.#stopAtMs ?? Number.POSITIVE_INFINITY);
    for (const seat of this.seats) {
      if (seat.lost) continue;
      latestMs = Math.min(
        latestMs,
        seat.deadlineMs,
        this.#idleAtMs(seat),
        this.#pacedUntilMs(seat),
      );
    }
    if (this.#waiting.some((seat) => this.#allowance(seat) >= 1)) {
      const patienceMs = Math.max(0, this.rules.patienceMs - this.#heldForMs());
      latestMs = Math.min(latestMs, this.now + patienceMs + RETRY_MS);
    }
    if (wakeAtMs > Math.max(latestMs, this.now) + 1 + ROUNDING)
      throw new Violation(`sleeps until ${wakeAtMs} ms, but is needed at ${latestMs} ms`);
  }

  #idleAtMs(seat: Seat): number {
    const stays = seat.state === "member" && !seat.leaving && seat.unsaid.length === 0;
    const { idleMs = Number.POSITIVE_INFINITY } = this.rules;
    return stays && !this.stopping ? seat.saidAtMs + idleMs : Number.POSITIVE_INFINITY;
  }

  #pacedUntilMs(seat: Seat): number {
    const { linesPerSecond } = this.rules;
    if (linesPerSecond === undefined || seat.unsaid.length === 0) return Number.POSITIVE_INFINITY;
    return this.now + Math.max(RETRY_MS, ((1 - this.#allowance(seat)) * 1000) / linesPerSecond);
  }

  /** What holds once the room has done the work of a turn. */
  checkFlush(turnDue: boolean): void {
    const { now } = this;
    const stopOverdue = this.#stopAtMs !== undefined && now >= this.#stopAtMs;
    if (stopOverdue && !this.stopped) throw new Violation("goes on after its time to stop");
    for (const seat of this.seats) {
      if (this.#isIdle(seat)) this.#sendIdleAway(seat);
      const overdue = !seat.lost && now >= seat.deadlineMs;
      this.#demand(!overdue, seat, "still connected after its deadline");
    }
    // When somebody spoke or was dropped in this flush, the next one is due at once.
    if (this.#heldUp && !turnDue && !this.stopped) this.#checkHold();
  }

  /** What holds when nothing is left to happen: everything said has arrived. */
  checkRest(reads: (seat: Seat) => boolean): void {
    for (const seat of this.seats) {
      this.#demand(seat.unsaid.length === 0, seat, "its lines are never said");
      this.#demand(!seat.paused, seat, "stays paused");
      if (seat.lost || !reads(seat)) continue;
      this.#demand(seat.owed.length === 0, seat, `never gets ${show(seat.owed[0]?.bytes)}`);
      this.#demand(!seat.leaving || seat.shut, seat, "never gets its EOF");
    }
  }

  /** What holds when the room says that it has stopped. */
  checkStopped(): void {
    if (this.stopped) throw new Violation("stops twice");
    if (!this.stopping) throw new Violation("stops without being told to");
    this.stopped = true;
    for (const seat of this.seats) this.#demand(seat.lost, seat, "still connected after the stop");
  }

  /** A member that waits has unsaid lines; only then may it wait. */
  #checkSeat(seat: Seat, turnDue: boolean): void {
    const waits = seat.unsaid.length > 0;
    const canPause = !seat.lost && !seat.ended;
    this.#demand(seat.paused === (waits && canPause), seat, waits ? "not paused" : "left paused");
    const ready = seat.state === "member" && !seat.lost && !seat.blocked;
    const pending = seat.owed.length > 0 || seat.leaving !== undefined;
    this.#demand(!(ready && pending) || turnDue, seat, "forgotten: nothing will be written to it");
    const lingers = seat.state === "departing" && !seat.lost && !seat.blocked;
    this.#demand(!lingers || seat.shut, seat, "forgotten: it gets no EOF");
  }

  /** Lines wait only when the log has no room for the one whose turn it is, and not for too long. */
  #checkHold(): void {
    const tail = this.#tail;
    for (const seat of this.seats) {
      const inTheWay = seat.state === "member" && seat.blocked && this.#position(seat) === tail;
      const overdue = this.#heldAtLeast - seat.movedAtLeast >= this.rules.patienceMs;
      const clear = this.rules.linesPerSecond === undefined;
      this.#demand(!(clear && inTheWay && overdue), seat, "holds the room up beyond the patience");
    }
    const freeBytes = this.rules.logBytes - (this.#saidBytes - tail);
    const fits = ({ unsaid: [line] }: Seat) => (line?.length ?? 0) <= freeBytes;
    const waiting = this.#waiting.filter((seat) => this.#allowance(seat) >= 1 - ROUNDING);
    const forRoom = waiting.some((seat) => this.#allowance(seat) >= 1 + ROUNDING);
    if (!forRoom) return void this.seen.paced++;
    const inTurn = this.rules.linesPerSecond === undefined ? waiting.slice(0, 1) : waiting;
    if (!inTurn.every(fits) || this.#changesOfSpeaker() >= RUNS_MIN) return;
    throw new Violation(`${waiting[0]?.name} waits although ${freeBytes} bytes are free`);
  }

  #changesOfSpeaker(): number {
    const tail = this.#tail;
    let changes = 0;
    let speaker: Seat | undefined;
    for (const line of this.#said) {
      if (line.start + line.bytes.length <= tail) continue;
      if (line.speaker !== speaker) changes++;
      speaker = line.speaker;
    }
    return changes;
  }

  #finishLine(seat: Seat): void {
    if (seat.unsaid.length === 0) this.#waiting.push(seat);
    seat.unsaid.push(Uint8Array.from(seat.unfinished));
    seat.unfinished = [];
  }

  /** Once all its lines are said, a member that has ended or gone too far hears no more. */
  #settle(seat: Seat): void {
    if (seat.state !== "member" || seat.leaving || seat.unsaid.length > 0) return;
    if (seat.tooLong) {
      seat.leaving = "line too long";
      this.#sendAway(seat, `line longer than ${this.rules.lineBytesMax} bytes`);
      this.seen.tooLong++;
    } else if (seat.ended) {
      seat.leaving = "end of input";
    }
  }

  #isIdle(seat: Seat): boolean {
    const { idleMs } = this.rules;
    const stays = seat.state === "member" && !seat.leaving && seat.unsaid.length === 0;
    if (idleMs === undefined || !stays || (this.stopping && !this.#heldUp)) return false;
    return this.now - seat.saidAtMs >= idleMs;
  }

  #sendIdleAway(seat: Seat): void {
    const { idleMs = 0 } = this.rules;
    seat.leaving = "idle";
    this.#sendAway(seat, `idle for ${idleMs % 1000 === 0 ? `${idleMs / 1000}s` : `${idleMs}ms`}`);
    this.seen.idle++;
  }

  #sendAway(seat: Seat, word: string): void {
    this.#expectWord(seat, word);
    seat.deadlineMs = this.now + this.rules.patienceMs + this.rules.lingerMs;
  }

  #expectWord(seat: Seat, word: string): void {
    seat.word = new TextEncoder().encode(`* ${word}\n`);
  }

  #owe(line: Line): void {
    const { logBytes } = this.rules;
    const end = line.start + line.bytes.length;
    if (Math.floor(end / logBytes) > Math.floor(line.start / logBytes)) this.seen.wraps++;
    this.#said.push(line);
    for (const seat of this.seats) {
      if (seat.state !== "member" || seat === line.speaker || seat.leaving) continue;
      if (seat.owed.length === 0) this.#moved(seat);
      seat.owed.push(line);
    }
  }

  #moved(seat: Seat): void {
    seat.movedAtMost = this.#heldAtMost;
    seat.movedAtLeast = this.#heldAtLeast;
  }

  /** A member is owed lines; the last word comes by itself, once it has left. */
  #compare(seat: Seat, bytes: Uint8Array, offset: number, length: number): void {
    const end = offset + length;
    const { owed, word } = seat;
    let at = offset;
    let skip = seat.offset;
    for (let index = 0; index <= owed.length && at < end; index++) {
      const last = seat.state === "departing" ? word : undefined;
      const expected = owed[index]?.bytes ?? last;
      if (!expected) break;
      const count = Math.min(expected.length - skip, end - at);
      for (let step = 0; step < count; step++)
        if (bytes[at + step] !== expected[skip + step])
          throw this.#violation(
            seat,
            `written ${show(bytes.subarray(at + step, end))} instead of ${show(expected.subarray(skip + step))}`,
          );
      at += count;
      skip = 0;
    }
    if (at < end)
      throw this.#violation(seat, `written ${show(bytes.subarray(at, end))} that it is not owed`);
  }

  #advance(seat: Seat, count: number): void {
    seat.offset += count;
    let done = 0;
    for (const line of seat.owed) {
      if (seat.offset < line.bytes.length) break;
      seat.offset -= line.bytes.length;
      done++;
    }
    if (done > 0) seat.owed.splice(0, done);
    this.seen.deliveries += done;
    if (seat.owed.length > 0 || !seat.word || seat.state !== "departing") return;
    seat.word = seat.offset < seat.word.length ? seat.word.subarray(seat.offset) : undefined;
    seat.offset = 0;
  }

  #isReason(seat: Seat, reason: string): boolean {
    switch (reason) {
      case "reset":
        return seat.lost || seat.failed;
      case "too slow":
        return this.#isTooSlow(seat);
      case "server stopping":
        return this.stopping;
      default:
        return seat.leaving === reason || (reason === "end of input" && seat.ended && seat.lost);
    }
  }

  /** It was asked just now and took nothing, as for all the time the room had patience. */
  #isTooSlow(seat: Seat): boolean {
    const askedNow = seat.blocked && seat.writtenAtMs === this.now && seat.taken === 0;
    const inTheWay = this.#heldUp && this.#position(seat) === this.#tail;
    return askedNow && inTheWay && this.#heldAtMost - seat.movedAtMost >= this.rules.patienceMs;
  }

  #depart(seat: Seat): void {
    const lingers = !seat.lost;
    seat.state = lingers ? "departing" : "gone";
    if (lingers) seat.deadlineMs = this.now + this.rules.lingerMs;
  }

  /** Forgets connections that are over and lines that everybody has. */
  #forgetGone(): void {
    this.seats = this.seats.filter((seat) => !seat.known || seat.unsaid.length > 0);
    const tail = this.#tail;
    const over = this.#said.findIndex((line) => line.start + line.bytes.length > tail);
    this.#said.splice(0, over < 0 ? this.#said.length : over);
  }

  /** How far into all that was said the member furthest behind is. */
  get #tail(): number {
    let tail = this.#saidBytes;
    for (const seat of this.seats)
      if (seat.state === "member") tail = Math.min(tail, this.#position(seat));
    return tail;
  }

  #position(seat: Seat): number {
    const first = seat.owed[0];
    return first ? first.start + seat.offset : this.#saidBytes;
  }

  /** How long those in the way have not moved. */
  #heldForMs(): number {
    const tail = this.#tail;
    let heldMs = 0;
    for (const seat of this.seats)
      if (seat.state === "member" && seat.owed.length > 0 && this.#position(seat) === tail)
        heldMs = Math.max(heldMs, this.#heldAtLeast - seat.movedAtLeast);
    return heldMs;
  }

  get #heldUp(): boolean {
    return this.#waiting.length > 0;
  }

  /** Members, those who are gone with lines still to be said, and those still to come. */
  get #occupied(): number {
    return this.seats.reduce(
      (sum, seat) => sum + (seat.state === "member" || seat.unsaid.length > 0 ? 1 : 0),
      this.reserved,
    );
  }

  /** Connections that are no members, or no members any more. */
  get #lingering(): number {
    return this.seats.filter((seat) => seat.state === "departing" && !seat.known).length;
  }

  #count(state: Seat["state"]): number {
    return this.seats.reduce((sum, seat) => sum + (seat.state === state ? 1 : 0), 0);
  }

  #demand(condition: boolean, seat: Seat, what: string): void {
    if (!condition) throw this.#violation(seat, what);
  }

  #violation(seat: Seat, what: string): Violation {
    return new Violation(`${seat.name}: ${what}`);
  }
}

function startsWith(bytes: Uint8Array, offset: number, part: Uint8Array): boolean {
  return part.every((byte, index) => bytes[offset + index] === byte);
}

/** Bytes as a trace shows them. */
export function show(bytes: Uint8Array | undefined): string {
  if (!bytes) return "nothing";
  const text = JSON.stringify(Buffer.from(bytes.subarray(0, 24)).toString("latin1"));
  return bytes.length > 24 ? `${text}… (${bytes.length} bytes)` : text;
}
