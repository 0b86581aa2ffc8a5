/**
 * What the server has promised, kept in the plainest way there is: for each
 * connection a list of the lines it is to get. The model shares no code with
 * `lib/`; it is told what goes in and what comes out, and throws a `Violation`
 * at the first difference. Its parts each watch over some of the promises; here
 * is what they are told.
 */

import type { Connections } from "../../lib/server/connections.ts";
import { Deadlines } from "./deadlines.ts";
import { Entrance } from "./entrance.ts";
import { Presence } from "./presence.ts";
import type { Rules } from "./rules.ts";
import { type Seat, Violation } from "./seat.ts";
import { Sending } from "./sending.ts";
import { show, State } from "./state.ts";

export class Model {
  readonly state: State;
  readonly entrance: Entrance;
  readonly presence: Presence;
  readonly sending: Sending;
  readonly deadlines: Deadlines;
  /** Whether the server is doing the work of a turn. */
  isFlushing = false;

  constructor(rules: Rules) {
    this.state = new State(rules);
    this.presence = new Presence(this.state);
    this.sending = new Sending(this.state, this.presence);
    this.entrance = new Entrance(this.state, this.sending);
    this.deadlines = new Deadlines(this.state, this.sending, this.entrance, this.presence);
  }

  /** Whether the server was told to stop, nobody is left, and all that they have sent has its place. */
  get stopped(): boolean {
    const { stopping, open, heldUp, isOverdue } = this.state;
    return stopping && open === 0 && (!heldUp || isOverdue);
  }

  /** The server decides about one that found nothing free when it came. */
  decides(decide: () => void): void {
    const seat = this.entrance.decides();
    if (seat && !this.entrance.waiting.includes(seat)) {
      if (seat.refusal === undefined) this.state.saw("waited well");
      const { ended } = seat;
      seat.ended = false; // It has sent this before.
      if (seat.early.length > 0) this.receives(seat, seat.early);
      if (ended) this.ends(seat);
    }
    decide();
    if (seat) this.entrance.answered(seat);
  }

  /** Bytes arrive. */
  receives(seat: Seat, bytes: Uint8Array): void {
    const isArrival = seat.state === "arrival";
    const sent = isArrival ? this.entrance.receives(seat, bytes) : bytes;
    if (sent && (isArrival || seat.state === "member")) this.sending.receives(seat, sent);
  }

  /** The end of input arrives, or what was cut off there. */
  ends(seat: Seat, isCutOff = false): void {
    if (seat.ended) return;
    seat.ended = true;
    if (isCutOff) seat.endedBy = "cut off";
    if (seat.state === "member" || seat.outcome === "joins") this.sending.ends(seat);
    else if (seat.state === "arrival" && seat.outcome === undefined) this.entrance.ends(seat);
  }

  /** A handler of its socket throws. */
  fails(seat: Seat): void {
    seat.failed = true;
    seat.dropped = true;
    if (seat.state === "arrival") this.entrance.expects(seat, "is reset", "reset");
  }

  /** The connection is gone. */
  lose(seat: Seat): void {
    seat.lost = true;
    seat.paused = false;
    seat.blocked = false;
  }

  /** The server is told that it is gone. */
  closes(seat: Seat): void {
    seat.demand(!seat.known, "closed twice");
    seat.known = true;
    if (seat.state !== "member") seat.state = "gone";
  }

  /** The room has put a run into its log: that is the one order. */
  sent(sender: Seat | undefined, run: Uint8Array): void {
    const { presence } = this;
    if (sender) this.entrance.isTakenOver(sender);
    if (sender || !presence.isNotice(run)) return this.sending.sent(sender, run);
    // Members that leave because the room stops do so before notices that do not wait.
    if (this.isFlushing && !presence.isWaiting) this.deadlines.leaveStopping();
    presence.wait();
    this.sending.sent(presence.sender, run);
  }

  joined(seat: Seat): void {
    this.entrance.joined(seat);
    this.state.joins(seat);
    this.presence.joined(seat);
    this.sending.tells(`${seat.ownName ?? seat.name} joined`);
  }

  /** A socket was offered bytes and took the first `count` of them. */
  took(seat: Seat, bytes: Uint8Array, count: number): void {
    if (seat.state === "arrival" || seat.greeting) this.entrance.greets(seat, bytes, count);
    else this.state.took(seat, bytes, count);
  }

  /** The server reads from its socket no more, or again. */
  pauses(seat: Seat, isPaused: boolean): void {
    seat.isUsed();
    if (seat.lost) return;
    seat.demand(seat.paused !== isPaused, isPaused ? "paused twice" : "resumed for nothing");
    seat.paused = isPaused;
    if (isPaused) this.state.saw("holds");
  }

  /** The room tells that a member has left. */
  left(seat: Seat, reason: string): void {
    const { state, deadlines } = this;
    seat.demand(seat.state === "member", "left without being there");
    if (reason === "idle") deadlines.leaveIdle(seat);
    const isRight = deadlines.isReason(seat, reason);
    seat.demand(isRight, `left for a wrong reason, "${reason}"`);
    const isAborted = state.stopAtMs !== undefined && state.now >= state.stopAtMs;
    seat.dropped = reason === "too slow" || seat.failed || isAborted;
    state.sawReason(reason);
    state.depart(seat);
    if (seat.leaving !== undefined) return;
    seat.leftFor = reason;
    if (seat.unsent.length === 0) seat.silentFor = reason;
  }

  /** The extras of the room are told that all that a member has sent is in the log. */
  isSilent(seat: Seat, reason: string): void {
    this.entrance.isTakenOver(seat);
    if (reason === "server stopping") this.deadlines.leaveStopping();
    if (reason === "idle") this.deadlines.leaveDue();
    const { silentFor, lost } = seat;
    // One that is to leave may turn out to be gone in that moment.
    const isRight = silentFor === reason || (silentFor && reason === "reset" && lost);
    seat.demand(Boolean(isRight), `silent for ${reason}, not ${silentFor}`);
    seat.silentFor = seat.leftFor = undefined;
    this.presence.left(seat);
    this.sending.tells(`${seat.ownName ?? seat.name} left: ${reason}`);
  }

  stop(graceMs: number): void {
    this.state.stopAtMs = this.state.now + graceMs;
    this.state.saw("stops");
    for (const seat of this.state.seats)
      if (seat.state === "arrival") this.entrance.leavesWithServer(seat);
    this.presence.stops();
  }

  /** What holds after every step. */
  checkStep({ open, room }: Pick<Connections, "open" | "room">, turnDue: boolean): void {
    const { state } = this;
    const { rules } = state;
    state.steps++;
    state.saw("steps");
    for (const seat of state.seats)
      seat.demand(seat.silentFor === undefined, "not told to have left");
    state.seats = state.seats.filter((seat) => !seat.known || seat.unsent.length > 0);
    this.sending.checkTold(turnDue);
    for (const seat of this.entrance.waiting)
      seat.demand(turnDue, "waits, and nobody is to decide about it");
    expectCount("connections open", open, state.open);
    const isMember = (seat: Seat) => seat.state === "member";
    expectCount("members and those that leave", room.members.size, state.count(isMember));
    const isHere = (seat: Seat) => seat.stays;
    expectCount("members", room.size, state.count(isHere));
    if (room.log.head - room.log.tail > rules.ringBytes)
      throw new Violation("the log holds more than it may");
    if (state.occupied > rules.clientsMax) throw new Violation(`${state.occupied} have seats`);
    for (const seat of state.seats) this.entrance.isTakenOver(seat);
    for (const seat of state.seats) {
      this.entrance.answered(seat);
      this.entrance.check(seat);
      this.sending.check(seat);
      state.check(seat, turnDue);
    }
  }

  /** What holds once the server has done the work of a turn. */
  checkFlush(turnDue: boolean): void {
    const { state } = this;
    const { stopAtMs = Number.POSITIVE_INFINITY } = state;
    state.isOverdue = state.now >= stopAtMs;
    if (state.isOverdue && !this.stopped) throw new Violation("goes on after its grace time");
    this.deadlines.leaveDue();
    for (const seat of state.seats) this.deadlines.checkFlush(seat);
    // When somebody spoke or was dropped in this flush, the next one is due at once.
    if (!state.heldUp || turnDue || this.stopped) return;
    this.deadlines.checkHold();
    this.sending.checkHold();
  }

  /** What holds when nothing is left to happen: everything sent has arrived. */
  checkRest(readers: ReadonlySet<Seat>): void {
    for (const seat of this.state.waiting) seat.demand(false, "waits for ever");
    for (const seat of this.state.seats) {
      seat.demand(seat.unsent.length === 0, "its lines are never sent");
      seat.demand(!seat.paused, "stays paused");
      seat.demand(seat.state !== "arrival", "stays an arrival for ever");
      if (seat.lost || !readers.has(seat)) continue;
      const [next] = seat.pending;
      seat.demand(next === undefined, `never gets ${show(next?.bytes)}`);
      seat.demand(!seat.leaving || seat.shut, "never gets its EOF");
    }
  }
}

function expectCount(what: string, counted: number, expected: number): void {
  if (counted !== expected) throw new Violation(`${counted} ${what} instead of ${expected}`);
}
