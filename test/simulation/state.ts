/**
 * The room in the plainest way there is: the connections, the time, all that was sent, and for each
 * connection a list of the lines that it is still to get. What others send arrives whole, in one
 * order, without a gap, and then EOF (promises 1 to 3 and 6).
 */

import type { Rules } from "./rules.ts";
import type { Held, Line, Seat } from "./seat.ts";
import type { Sightings } from "./sightings.ts";

/** What a reader has to take, at least, in a given time. */
const PROGRESS_BYTES = 64 << 10;
/** The most that one is written in a turn. */
const TURN_BYTES = 256 << 10;

export class State {
  readonly seen: Sightings = {};
  /** How many steps there were; what happens in the same one happens at once. */
  steps = 0;
  /** The server's time. */
  now = 0;
  /** Those who are connected, or gone with lines still to be sent. */
  seats: Seat[] = [];
  /** All that was sent. */
  readonly sent: Line[] = [];
  sentBytes = 0;
  /** The last of all that was sent: what a newcomer receives first. */
  readonly history: Line[] = [];
  /** Those with unsent lines, in the order they may send. */
  waiting: Seat[] = [];
  held: Held = { atMost: 0, atLeast: 0 };
  stopAtMs: number | undefined;
  /** Whether it has done the work of a turn since then. */
  isOverdue = false;
  /** The connection that is just being accepted. */
  arriving: Seat | undefined;
  passPhrase: string | undefined;
  #stirred = 0;

  constructor(readonly rules: Rules) {
    this.passPhrase = rules.passPhrase;
  }

  /** Something has happened that a range of worlds should have in it. */
  saw(what: string, times = 1): void {
    this.seen[what] = (this.seen[what] ?? 0) + times;
  }

  /** Somebody was refused, or has left. */
  sawReason(reason: string): void {
    this.saw(
      reason.replace(/[:,].*| (?:from|within) .*/, "").replace(/ name .* (is|was)/, " name $1"),
    );
  }

  get stopping(): boolean {
    return this.stopAtMs !== undefined;
  }

  get heldUp(): boolean {
    return this.waiting.length > 0;
  }

  /** How many sockets are open, as the server can know it. */
  get open(): number {
    return this.count((seat) => !seat.known);
  }

  /** All seats: of those on their way in, of members, and of the gone with lines still to be sent. */
  get occupied(): number {
    return this.count((seat) => seat.hasSeat);
  }

  /** How many of the connections are of some kind. */
  count(which: (seat: Seat) => boolean): number {
    return this.seats.filter(which).length;
  }

  /** How far into all that was sent the member furthest behind is. */
  get tail(): number {
    return this.#tailOf(this.#members);
  }

  /** The same, without those whose connections are gone; the server may not know of that. */
  get tailOfReaders(): number {
    return this.#tailOf(this.#members.filter((seat) => !seat.lost));
  }

  position(seat: Seat): number {
    const [first] = seat.pending;
    return first ? placeIn(first, seat.offset) : this.sentBytes;
  }

  /** How far it has come, without what it still has to take that is for it alone. */
  reached(seat: Seat): number {
    const taken = seat.pending[0]?.isAside ? seat.offset : 0;
    return this.position(seat) + taken - bytesOf(seat.pending.filter(({ isAside }) => isAside));
  }

  /** A line was sent: all members but its sender are to get it. */
  append(sender: Seat, bytes: Uint8Array, isNotice = false): void {
    const { sentBytes: start, held: sentAt } = this;
    const { ringBytes } = this.rules;
    const line: Line = { sender, bytes, start, sentAt, isNotice };
    const end = start + bytes.length;
    this.sentBytes = end;
    if (Math.floor(end / ringBytes) > Math.floor(start / ringBytes)) this.saw("wraps");
    this.sent.push(line);
    this.#keepHistory(line);
    for (const seat of this.seats) {
      if (seat.state !== "member" || seat === sender || seat.leaving) continue;
      if (seat.pending.length === 0) this.#moved(seat, start);
      seat.pending.push(line);
    }
  }

  /** With history, a newcomer gets the last lines of members first, and then the mark at their end. */
  joins(seat: Seat): void {
    const { history, sentBytes, held } = this;
    const start = history[0]?.start ?? sentBytes;
    if (this.rules.history) {
      seat.pending = [...history];
      this.#pushAside(seat, Buffer.from("* end of history\n"));
    }
    seat.takenTo = start;
    seat.steps = [{ position: start, at: held }];
    if (history.length > 0) this.saw("histories");
  }

  /** One has come, has a name now, or has sent something: its time to be idle starts again. */
  stirs(seat: Seat): void {
    seat.stirredAtMs = this.now;
    seat.stirredNth = ++this.#stirred;
  }

  /** A socket was offered bytes and took the first `count` of them. */
  took(seat: Seat, bytes: Uint8Array, count: number): void {
    const isThere = seat.state === "member" || seat.state === "departing";
    seat.demand(isThere, "written to too early");
    seat.demand(bytes.length > 0, "written nothing to");
    seat.demand(bytes.length <= TURN_BYTES, `written ${bytes.length} bytes at once`);
    this.#compare(seat, bytes);
    this.tookOther(seat, false);
    this.#advance(seat, count);
    if (this.position(seat) !== this.tail) seat.passedOthersAt = this.held.atLeast;
    seat.blocked = count < bytes.length;
  }

  /** A socket was offered bytes that are no part of what is sent. */
  tookOther(seat: Seat, isShort: boolean): void {
    seat.demand(!seat.shut, "written to after its EOF");
    if (this.position(seat) === this.tailOfReaders) seat.inTheWayAtMs = this.now;
    seat.blocked ||= isShort;
    seat.isAnswered = !isShort;
    seat.writtenAtMs = this.now;
  }

  /** It is sent EOF. */
  shuts(seat: Seat): void {
    seat.demand(!seat.shut, "sent EOF twice");
    seat.demand(seat.state === "departing", `sent EOF while a ${seat.state}`);
    const [next] = seat.pending;
    seat.demand(next === undefined, `sent EOF before ${show(next?.bytes)}`);
    seat.demand(!seat.paused, "sent EOF and left paused");
    seat.shut = true;
    this.saw("clean ends");
  }

  /** A member receives no more than it is to get now. */
  leave(seat: Seat, reason: string, message?: string): void {
    seat.leaving = reason;
    seat.silentFor = reason;
    seat.end = this.sentBytes;
    this.expectProgress(seat, seat.takenTo - (this.position(seat) - this.reached(seat)));
    if (message !== undefined) seat.expectMessage(message);
  }

  /** The next part of what a leaver is to get has to be taken in time. */
  expectProgress(seat: Seat, fromAtLeast: number): void {
    seat.deadlineMs = this.#leaverDueAtMs;
    seat.goalLeast = Math.min(fromAtLeast + PROGRESS_BYTES, seat.end);
    seat.goal = Math.min(this.reached(seat) + PROGRESS_BYTES, seat.end);
  }

  /** Since when it has taken too little, if anything is pending for it. */
  tookTooLittle(seat: Seat): Held | undefined {
    const [next] = seat.pending;
    if (!next) return undefined;
    // Since when what it is to take next is there, and since when it has come no further than this.
    const from = this.position(seat) - PROGRESS_BYTES;
    const since = seat.steps.find((step) => step.position > from)?.at ?? this.held;
    return since.atMost > next.sentAt.atMost ? since : next.sentAt;
  }

  /** It has all that was pending for it, or will get nothing: only a last message and EOF are next. */
  depart(seat: Seat): void {
    seat.state = seat.known ? "gone" : "departing";
    seat.deadlineMs = this.now + this.rules.lingerMs;
    if (seat.message) this.#pushAside(seat, seat.message);
  }

  /** Nobody is forgotten: what can be written will be in this turn. */
  check(seat: Seat, turnDue: boolean): void {
    // With telnet, it may have been an answer that could not be written.
    const isNoticed = !seat.isRefusingWrites || seat.known || this.rules.telnet;
    seat.demand(isNoticed, "not known to be gone although a write has failed");
    const ready = seat.state === "member" && !seat.lost && !seat.blocked;
    const pending = seat.pending.length > 0 || seat.leaving !== undefined;
    seat.demand(!(ready && pending) || turnDue, "forgotten: nothing will be written");
    const lingers = seat.state === "departing" && !seat.lost && !seat.blocked;
    seat.demand(!lingers || seat.shut, "forgotten: it gets no EOF");
  }

  get #leaverDueAtMs(): number {
    return this.now + this.rules.patienceMs + this.rules.lingerMs;
  }

  get #members(): Seat[] {
    return this.seats.filter(({ state }) => state === "member");
  }

  #tailOf(readers: readonly Seat[]): number {
    return Math.min(this.sentBytes, ...readers.map((seat) => this.position(seat)));
  }

  /** It is to get bytes that are for it alone. */
  #pushAside(sender: Seat, bytes: Uint8Array): void {
    const { sentBytes: start, held: sentAt } = this;
    sender.pending.push({ sender, bytes, start, sentAt, isAside: true });
  }

  /** What is offered is what comes next, be it taken or not. */
  #compare(seat: Seat, bytes: Uint8Array): void {
    const all = Buffer.concat(seat.pending.map((line) => line.bytes));
    const expected = all.subarray(seat.offset, seat.offset + bytes.length);
    const isRight = expected.equals(bytes);
    seat.demand(isRight, `written ${show(bytes)} instead of ${show(expected)}`);
  }

  #advance(seat: Seat, count: number): void {
    const { pending } = seat;
    for (let left = count; left > 0;) {
      const line = pending[0] as Line; // more was offered than that
      const end = Math.min(seat.offset + left, line.bytes.length);
      left -= end - seat.offset;
      seat.takenTo = placeIn(line, end);
      seat.offset = end % line.bytes.length;
      if (seat.offset > 0) continue;
      pending.shift();
      this.saw("deliveries");
    }
    if (count > 0) this.#moved(seat, this.position(seat));
  }

  /** One has come further; what it takes in the moment in which it leaves is no progress yet, at the most. */
  #moved(seat: Seat, position: number): void {
    seat.steps.push({ position, at: this.held });
    if (seat.leaving === undefined || seat.deadlineMs !== this.#leaverDueAtMs) return;
    seat.goal = Math.min(this.reached(seat) + PROGRESS_BYTES, seat.end);
  }

  /** Whole lines of members, no more of them and no more bytes than may be, and not behind too many notices. */
  #keepHistory(line: Line): void {
    const { history } = this;
    const { bytes = 0, lines = Number.POSITIVE_INFINITY } = this.rules.history ?? {};
    const keptFrom = this.sentBytes - this.rules.keptBytes;
    if (!line.isNotice) history.push(line);
    const isTooMuch = () => history.length > lines || bytesOf(history) > bytes;
    while (isTooMuch() || (history[0] && history[0].start < keptFrom)) history.shift();
  }
}

function bytesOf(lines: readonly Line[]): number {
  return lines.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

/** Where a reader stands that has taken so many bytes of a line. */
function placeIn({ start, isAside }: Line, offset: number): number {
  return isAside ? start : start + offset;
}

/** Bytes as a trace shows them. */
export function show(bytes: Uint8Array | undefined): string {
  if (!bytes) return "nothing";
  const text = JSON.stringify(Buffer.from(bytes.subarray(0, 24)).toString("latin1"));
  return bytes.length > 24 ? `${text}… (${bytes.length} bytes)` : text;
}

/** A time as the server sends it, in text. */
export function inWords(ms: number): string {
  return ms % 1000 === 0 && ms > 0 ? `${ms / 1000}s` : `${ms}ms`;
}
