/** Promises 1 to 3 and 6: what others send arrives whole, in one order, without a gap, and then EOF. */

import type { Line, Seat } from "./seat.ts";
import { placeIn, show, type State } from "./state.ts";

/** The most that one is written in a turn. */
const TURN_BYTES = 256 << 10;

export class Receiving {
  /** Told when one that is asked for its name does not take the greeting. */
  onNotGreeted: (seat: Seat) => void = () => {};

  constructor(private readonly state: State) {}

  /** A line was sent: all members but its sender are to get it. */
  append(sender: Seat, bytes: Uint8Array, isNotice = false): void {
    const { sent, seats, ringBytes, sentBytes: start, held: sentAt } = this.state;
    const line: Line = { sender, bytes, start, sentAt, isNotice };
    const end = start + bytes.length;
    this.state.sentBytes = end;
    if (Math.floor(end / ringBytes) > Math.floor(start / ringBytes)) this.state.saw("wraps");
    sent.push(line);
    this.#keepHistory(line);
    for (const seat of seats) {
      if (seat.state !== "member" || seat === line.sender || seat.leaving) continue;
      if (seat.pending.length === 0) this.state.moved(seat, line.start);
      seat.pending.push(line);
    }
  }

  /** With history, a newcomer gets the last lines of members first, and then the mark at their end. */
  joins(seat: Seat): void {
    const { history, sentBytes, held, rules } = this.state;
    const start = history[0]?.start ?? sentBytes;
    const bytes = Buffer.from("* end of history\n");
    const mark = { sender: seat, bytes, start: sentBytes, sentAt: held, isAside: true };
    seat.pending = rules.history ? [...history, mark] : [];
    seat.takenTo = start;
    seat.steps = [{ position: start, at: held }];
    if (history.length > 0) this.state.saw("histories");
  }

  /** A socket was offered bytes and took the first `count` of them. */
  took(seat: Seat, bytes: Uint8Array, count: number): void {
    const { state } = this;
    if (seat.state === "arrival" || seat.greeting) return this.#isGreeted(seat, bytes, count);
    const isThere = seat.state === "member" || seat.state === "departing";
    seat.demand(isThere, "written to too early");
    seat.demand(bytes.length > 0, "written nothing to");
    seat.demand(bytes.length <= TURN_BYTES, `written ${bytes.length} bytes at once`);
    this.#compare(seat, bytes);
    this.tookOther(seat, false);
    seat.takenBefore = seat.takenTo;
    this.#advance(seat, count);
    if (state.position(seat) !== state.tail) seat.passedOthersAt = state.held.atLeast;
    seat.blocked = count < bytes.length;
  }

  /** One that is asked for its name takes all of the greeting, or is reset. */
  #isGreeted(seat: Seat, bytes: Uint8Array, count: number): void {
    const isRight = seat.greeting && Buffer.compare(seat.greeting, bytes) === 0;
    seat.demand(Boolean(isRight), `greeted with ${show(bytes)}`);
    seat.greeting = undefined;
    if (count < bytes.length) this.onNotGreeted(seat);
  }

  /** A socket was offered bytes that are no part of what is sent. */
  tookOther(seat: Seat, isShort: boolean): void {
    const { state } = this;
    seat.demand(!seat.shut, "written to after its EOF");
    if (state.position(seat) === state.tailOfReaders) seat.inTheWayAtMs = state.now;
    seat.wasAsked ||= seat.blocked;
    seat.blocked ||= isShort;
    seat.isAnswered = !isShort;
    seat.writtenAtMs = state.now;
  }

  /** A socket tells that it takes bytes again. */
  drained(seat: Seat): void {
    seat.blocked = false;
    seat.wasAsked = false;
  }

  /** A socket that is closed was written to, or sent EOF. */
  misses(seat: Seat): void {
    seat.demand(!seat.known, "used although it is known to be gone");
  }

  /** It is sent EOF. */
  shuts(seat: Seat): void {
    const { state } = this;
    seat.demand(!seat.shut, "sent EOF twice");
    seat.demand(seat.state === "departing", `sent EOF while a ${seat.state}`);
    const [next] = seat.pending;
    seat.demand(next === undefined, `sent EOF before ${show(next?.bytes)}`);
    seat.demand(!seat.paused, "sent EOF and left paused");
    seat.shut = true;
    state.saw("clean ends");
  }

  /** The room tells how much a member had not taken when it left. */
  checkBehind(seat: Seat, behindBytes: number): void {
    const end = seat.leaving === undefined ? this.state.sentBytes : seat.end;
    // Its own lines count or not, depending on whether it was written to since.
    const isSure = seat.pending.length > 0 && !seat.lost;
    const least = isSure ? end - this.state.position(seat) : 0;
    // With telnet, a write may be two, and the connection lost in the second.
    const most = end - (this.state.rules.telnet && seat.lost ? seat.takenBefore : seat.takenTo);
    const isRight = behindBytes >= least && behindBytes <= most;
    seat.demand(isRight, `${behindBytes} bytes behind instead of ${least}`);
  }

  /** Nobody is forgotten: what can be written will be in this turn. */
  check(seat: Seat, turnDue: boolean): void {
    // With telnet, it may have been an answer that could not be written.
    const isNoticed = !seat.isRefusingWrites || seat.known || this.state.rules.telnet;
    seat.demand(isNoticed, "not known to be gone although a write has failed");
    const ready = seat.state === "member" && !seat.lost && !seat.blocked;
    const pending = seat.pending.length > 0 || seat.leaving !== undefined;
    seat.demand(!(ready && pending) || turnDue, "forgotten: nothing will be written");
    const lingers = seat.state === "departing" && !seat.lost && !seat.blocked;
    seat.demand(!lingers || seat.shut, "forgotten: it gets no EOF");
  }

  /** Nothing is left to happen: everything sent has arrived. */
  checkRest(seat: Seat): void {
    const [next] = seat.pending;
    seat.demand(next === undefined, `never gets ${show(next?.bytes)}`);
    seat.demand(!seat.leaving || seat.shut, "never gets its EOF");
  }

  /** What is offered is what comes next, be it taken or not. */
  #compare(seat: Seat, bytes: Uint8Array): void {
    let rest = bytes;
    let at = seat.offset;
    for (const line of seat.pending) {
      if (rest.length === 0) return;
      const expected = line.bytes.subarray(at, at + rest.length);
      if (Buffer.compare(rest.subarray(0, expected.length), expected) !== 0)
        throw seat.violation(`written ${show(rest)} instead of ${show(line.bytes.subarray(at))}`);
      rest = rest.subarray(expected.length);
      at = 0;
    }
    if (rest.length > 0) throw seat.violation(`also written ${show(rest)}`);
  }

  #advance(seat: Seat, count: number): void {
    seat.offset += count;
    let done = 0;
    for (const line of seat.pending) {
      if (seat.offset < line.bytes.length) break;
      seat.offset -= line.bytes.length;
      seat.takenTo = placeIn(line, line.bytes.length);
      done++;
    }
    seat.pending.splice(0, done);
    this.state.saw("deliveries", done);
    const [next] = seat.pending;
    if (next && seat.offset > 0) seat.takenTo = placeIn(next, seat.offset);
    if (count > 0) this.state.moved(seat);
  }

  /** Whole lines of members, no more of them and no more bytes than may be, and not behind too many notices. */
  #keepHistory(line: Line): void {
    const { history, rules, sentBytes, keptBytes } = this.state;
    const { bytes = 0, lines = Number.POSITIVE_INFINITY } = rules.history ?? {};
    if (!line.isNotice) history.push(line);
    const bytesOf = (some: readonly Line[]) => some.reduce((sum, one) => sum + one.bytes.length, 0);
    const isTooOld = ({ start }: Line) => start < sentBytes - keptBytes;
    while (
      history[0] &&
      (history.length > lines || bytesOf(history) > bytes || isTooOld(history[0]))
    )
      history.shift();
  }
}
