/**
 * What happens when it is due and not before: readers are dropped, leavers and
 * lingerers closed, idle members disconnected; and the server has asked to be
 * woken for it (promise 5 and the end of 6).
 */

import type { Entrance } from "./entrance.ts";
import type { Presence } from "./presence.ts";
import { type Seat, Violation } from "./seat.ts";
import { ROUNDING, type Sending } from "./sending.ts";
import { inWords, type State } from "./state.ts";

/** How often a room that is held up asks the readers that are behind, at the least. */
const RETRY_MS = 100;
const NEVER = Number.POSITIVE_INFINITY;

export class Deadlines {
  constructor(
    private readonly state: State,
    private readonly sending: Sending,
    private readonly entrance: Entrance,
    private readonly presence: Presence,
  ) {}

  /** Time goes on; `due` tells whether the server has asked for a flush before. */
  pass(delayMs: number, due: boolean): void {
    const { state } = this;
    state.now += delayMs;
    if (!state.heldUp) return;
    const { atMost, atLeast } = state.held;
    const isSure = !due && this.#isClear;
    state.held = { atMost: atMost + delayMs, atLeast: atLeast + (isSure ? delayMs : 0) };
  }

  /** The server resets a connection, or closes one in order that has had its EOF and does not go. */
  ends(seat: Seat, how: "reset" | "closed"): void {
    const { stopAtMs = NEVER, now } = this.state;
    const { isClosing, shut, lost, dropped } = seat;
    if (how === "reset")
      seat.demand(!shut || dropped || isClosing || lost, "reset with everything");
    else seat.demand(shut || lost || seat.state === "gone", "closed before its EOF");
    const isVanishing = seat.state === "new" && seat.address === undefined;
    const hasLeft = seat.state === "gone" || seat.state === "departing" || isVanishing;
    seat.demand(hasLeft, `${how} without a reason`);
    seat.isClosing ||= how === "closed";
    const isInTime = lost || dropped || now >= Math.min(seat.deadlineMs, stopAtMs);
    if (now >= stopAtMs) this.state.saw("closed at grace");
    if (seat.state !== "departing" || isInTime || isClosing) return;
    seat.demand(this.entrance.makesRoom(seat), `${how} before its deadline`);
    this.state.saw("oldest closed");
  }

  /** Why a member may leave, besides by its own doing. */
  isReason(seat: Seat, reason: string): boolean {
    if (reason === "reset") return seat.lost || seat.failed;
    if (reason === "too slow") return this.#isTooSlow(seat);
    if (reason === "server stopping" && seat.leaving === undefined) return this.state.stopping;
    return seat.leaving === reason || (reason === seat.endedBy && seat.ended && seat.lost);
  }

  /** A member that has sent nothing for too long leaves in a flush now. */
  leaveIdle(seat: Seat): void {
    const { rules, stopping, heldUp } = this.state;
    if (!this.#isQuiet(seat) || seat.unsent.length > 0 || (stopping && !heldUp)) return;
    this.state.leave(seat, "idle", `idle for ${inWords(rules.idleMs ?? 0)}`);
  }

  /** The server, doing the work of a turn, has those leave that have to. */
  leaveDue(): void {
    this.leaveStopping();
    const { seats } = this.state;
    for (const seat of seats.toSorted((one, other) => one.stirredNth - other.stirredNth)) {
      this.leaveIdle(seat);
      // Time in which its lines wait does not count.
      if (this.#isQuiet(seat) && seat.unsent.length > 0) this.state.stirs(seat);
    }
  }

  leaveStopping(): void {
    const { seats, stopping, heldUp } = this.state;
    if (!stopping || heldUp) return;
    for (const seat of seats) if (seat.stays) this.state.leave(seat, "server stopping");
  }

  /** What holds once it has. */
  checkFlush(seat: Seat): void {
    const { state } = this;
    // One that was refused at the end of this flush is looked after in the next.
    const isNew = seat.decidedStep === state.steps;
    if (seat.lost || isNew || state.now < seat.deadlineMs) return;
    const isPending = seat.state === "member" && seat.pending.length > 0;
    const hasMovedOn = isPending && state.reached(seat) >= seat.goalLeast;
    if (seat.state === "member" && !isPending) return;
    seat.demand(hasMovedOn, "still connected after its deadline");
    state.expectProgress(seat, state.reached(seat));
    state.saw("leavers kept");
  }

  /** A room that is held up has just asked all that are behind, and dropped those that are overdue. */
  checkHold(): void {
    const { seats, rules, held, now, tail } = this.state;
    if (!this.#isClear) return;
    for (const seat of seats) {
      // Of one that was only answered, the room may not know yet that it is blocked.
      if (seat.state !== "member" || !seat.blocked || seat.lost || !seat.isAnswered) continue;
      const wasAsked = seat.writtenAtMs > now - RETRY_MS;
      seat.demand(wasAsked, "not asked whether it takes more");
      if (this.state.position(seat) !== tail) {
        seat.passedOthersAt = held.atLeast;
        continue;
      }
      const missedAt = this.state.tookTooLittle(seat)?.atLeast ?? held.atLeast;
      const since = Math.max(missedAt, seat.passedOthersAt);
      const isOverdue = held.atLeast - since > 2 * rules.patienceMs + 2 * RETRY_MS;
      seat.demand(!isOverdue, "holds the room up beyond the patience");
    }
  }

  /** What holds before time goes on: the server has asked to be woken early enough. */
  checkAlarm(wakeAtMs: number): void {
    const { seats, stopAtMs = NEVER, open, waiting, now } = this.state;
    const dueAtMs = [open === 0 ? NEVER : stopAtMs, this.presence.dueAtMs];
    for (const seat of seats)
      if (!seat.lost) dueAtMs.push(seat.deadlineMs, this.#idleAtMs(seat), this.#pacedUntilMs(seat));
    if (waiting.some((seat) => this.sending.allowance(seat) >= 1)) dueAtMs.push(now + RETRY_MS);
    const latestMs = Math.min(...dueAtMs);
    if (wakeAtMs > Math.max(latestMs, now) + 1 + ROUNDING)
      throw new Violation(`sleeps until ${wakeAtMs} ms, but is needed at ${latestMs} ms`);
  }

  /** It was asked just now and has missed its goal, or its last chance as one that leaves. */
  #isTooSlow(seat: Seat): boolean {
    const { now, held, rules, heldUp } = this.state;
    const isDue = seat.leaving !== undefined && now >= seat.deadlineMs;
    if (seat.lost) return isDue || heldUp; // which the server may not know yet
    if (!seat.blocked) return false;
    if (isDue && this.state.reached(seat) < seat.goal && seat.writtenAtMs === now) {
      this.state.saw("leavers dropped");
      return true;
    }
    const since = this.state.tookTooLittle(seat);
    if (!since || !heldUp || seat.inTheWayAtMs !== now || seat.writtenAtMs !== now) return false;
    const hasMoved = (seat.steps.at(-1)?.at.atMost ?? 0) > since.atMost;
    this.state.saw(hasMoved ? "dribblers" : "stopped readers");
    return held.atMost - since.atMost >= rules.patienceMs;
  }

  /** Whether a member has sent nothing for as long as it may; its lines may wait. */
  #isQuiet({ stays, stirredAtMs }: Seat): boolean {
    const { rules, now } = this.state;
    return stays && now - stirredAtMs >= (rules.idleMs ?? NEVER);
  }

  #idleAtMs(seat: Seat): number {
    const mayBe = seat.stays && seat.unsent.length === 0 && !this.state.stopping;
    return mayBe ? seat.stirredAtMs + (this.state.rules.idleMs ?? NEVER) : NEVER;
  }

  #pacedUntilMs(seat: Seat): number {
    const { linesPerSecond } = this.state.rules;
    if (linesPerSecond === undefined || seat.unsent.length === 0) return NEVER;
    const lines = 1 - this.sending.allowance(seat);
    return this.state.now + Math.max(RETRY_MS, (lines * 1000) / linesPerSecond);
  }

  /** Whether it can be told from outside who waits for room, and not for its rate, and who is in the way. */
  get #isClear(): boolean {
    const { rules, tail, tailOfReaders } = this.state;
    return rules.linesPerSecond === undefined && tail === tailOfReaders;
  }
}
