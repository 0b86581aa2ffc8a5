/**
 * What the parts of the model share: the connections, the time, all that was
 * sent, and the few moves that more than one of them makes.
 */

import { HTTP_ANSWER, speaks } from "./first-line.ts";
import { PREFIX_BYTES_MAX, type Rules } from "./rules.ts";
import type { Held, Line, Seat } from "./seat.ts";
import type { Sightings } from "./sightings.ts";

/** What a reader has to take, at least, in a given time. */
const PROGRESS_BYTES = 64 << 10;

export class State {
  readonly rules: Rules;
  readonly seen: Sightings = {};
  /** How many steps there were; what happens in the same one happens at once. */
  steps = 0;
  /** The server's time. */
  now = 0;
  /** Those who are connected, or gone with lines still to be sent. */
  seats: Seat[] = [];
  /** All that was sent and is still pending to somebody. */
  sent: Line[] = [];
  sentBytes = 0;
  /** The last of all that was sent: what a newcomer receives first. */
  history: Line[] = [];
  /** Those with unsent lines, in the order they may send. */
  waiting: Seat[] = [];
  held: Held = { atMost: 0, atLeast: 0 };
  stopAtMs: number | undefined;
  /** Whether it has done the work of a turn since then. */
  isOverdue = false;
  /** The connection that is just being accepted. */
  arriving: Seat | undefined;
  /** Members that send no more, all that they have sent being in the log, until extras are told. */
  silent: { readonly seat: Seat; readonly reason: string }[] = [];
  passPhrase: string | undefined;
  #tailBefore = 0;
  #stirred = 0;

  constructor(rules: Rules) {
    this.rules = rules;
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
    return this.count((seat) => this.#hasSeat(seat));
  }

  /** The seats that clients of an address have. */
  occupiedFrom(address: string): number {
    const isFrom = (seat: Seat) => seat.address === address && seat.awaits !== "address";
    return this.count((seat) => isFrom(seat) && this.#hasSeat(seat));
  }

  /** How many of the connections are of some kind. */
  count(which: (seat: Seat) => boolean): number {
    return this.seats.reduce((sum, seat) => sum + (which(seat) ? 1 : 0), 0);
  }

  /** How far into all that was sent the member furthest behind is. */
  get tail(): number {
    return this.#tailOf(() => true);
  }

  /** The same, without those whose connections are gone; the server may not know of that. */
  get tailOfReaders(): number {
    return this.#tailOf((seat) => !seat.lost);
  }

  position(seat: Seat): number {
    const first = seat.pending[0];
    return first ? placeIn(first, seat.offset) : this.sentBytes;
  }

  /** How far it has come, without what it still has to take that is for it alone. */
  reached(seat: Seat): number {
    let aside = seat.pending[0]?.isAside ? -seat.offset : 0;
    for (const line of seat.pending) if (line.isAside) aside += line.bytes.length;
    return this.position(seat) - aside;
  }

  /** The longest line that can be sent. */
  get loggedBytesMax(): number {
    const { lineBytesMax, names } = this.rules;
    // Each byte may be a control character, which is shown as two.
    return names ? 2 * lineBytesMax + PREFIX_BYTES_MAX : lineBytesMax;
  }

  /** How much the log keeps of what everybody has. */
  get keptBytes(): number {
    const { bytes = 0, passingBytes = 0 } = this.rules.history ?? {};
    return bytes + passingBytes;
  }

  /** How much the log holds in all. */
  get ringBytes(): number {
    return this.rules.logBytes + this.keptBytes;
  }

  /** A member receives no more than it is to get now. */
  leave(seat: Seat, reason: string, message?: string): void {
    seat.leaving = reason;
    this.silent.push({ seat, reason });
    seat.end = this.sentBytes;
    this.expectProgress(seat, seat.takenTo - (this.position(seat) - this.reached(seat)));
    if (message !== undefined) this.expectMessage(seat, message);
  }

  /** One has come, has a name now, or has sent something: its time to be idle starts again. */
  stirs(seat: Seat): void {
    seat.stirredAtMs = this.now;
    seat.stirredNth = ++this.#stirred;
  }

  /** The next part of what a leaver is to get has to be taken in time. */
  expectProgress(seat: Seat, fromAtLeast: number): void {
    const { patienceMs, lingerMs } = this.rules;
    seat.deadlineMs = this.now + patienceMs + lingerMs;
    seat.goalLeast = Math.min(fromAtLeast + PROGRESS_BYTES, seat.end);
    seat.goal = Math.min(this.reached(seat) + PROGRESS_BYTES, seat.end);
  }

  /** One has come further; what it takes in the moment in which it leaves is no progress yet, at the most. */
  moved(seat: Seat, position = this.position(seat)): void {
    seat.steps.push({ position, at: this.held });
    const { patienceMs, lingerMs } = this.rules;
    if (seat.leaving === undefined || seat.deadlineMs !== this.now + patienceMs + lingerMs) return;
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
    const { message: bytes } = seat;
    const aside = { sender: seat, start: this.sentBytes, sentAt: this.held, isAside: true };
    if (bytes) seat.pending.push({ ...aside, bytes });
  }

  expectMessage(seat: Seat, message: string): void {
    const told = message === speaks("HTTP") ? HTTP_ANSWER : `* ${message}\n`;
    seat.message = new TextEncoder().encode(told);
  }

  /** Forgets lines that everybody has had since the flush before, as the server must have too. */
  forgetSent(): void {
    const over = this.sent.findIndex((line) => line.start + line.bytes.length > this.#tailBefore);
    this.sent.splice(0, over < 0 ? this.sent.length : over);
    this.#tailBefore = this.tail;
  }

  #hasSeat({ state, isSeatless, unsent }: Seat): boolean {
    if (state === "arrival") return !isSeatless;
    return state === "member" || (state === "gone" && unsent.length > 0);
  }

  #tailOf(which: (seat: Seat) => boolean): number {
    let tail = this.sentBytes;
    for (const seat of this.seats)
      if (seat.state === "member" && which(seat)) tail = Math.min(tail, this.position(seat));
    return tail;
  }
}

/** Where a reader stands that has taken so many bytes of a line. */
export function placeIn({ start, isAside }: Line, offset: number): number {
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
