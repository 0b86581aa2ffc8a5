/**
 * The way in: who may come, who has to wait for what, who is refused and why,
 * and that there are never more than may be (the one owner's promises).
 */

import { protocolIn, speaks } from "./first-line.ts";
import { isName, keyOf } from "./naming.ts";
import { type Outcome, type Seat, Violation } from "./seat.ts";
import type { Sending } from "./sending.ts";
import { inWords, show, type State } from "./state.ts";

const LF = 0x0a;
/** A pass phrase, with a CR behind it, and a name are no longer. */
const LINE_BYTES_MAX = 1024;
/** How many names a greeting has, at the most. */
const GREETED_MAX = 10;
/** How long one may take for its name. */
const NAME_MS = 60_000;
const NEVER = Number.POSITIVE_INFINITY;
const ROOM_FULL = "room is full";
const NO_NAME = "certificate has no usable name";
const NOT_A_NAME = "a name is one word of 1 to 32 characters without a colon";

export class Entrance {
  /** Those that found nothing free when they came: it is decided about them in this order. */
  readonly waiting: Seat[] = [];
  /** The last owner of each name. */
  readonly #owners = new Map<string, Seat>();
  /** Members whose names were given to others just now. */
  readonly #takeovers = new Map<Seat, string>();
  #seatless = 0;

  constructor(
    private readonly state: State,
    private readonly sending: Sending,
  ) {}

  /** Somebody connects; `accept` follows, then `accepted`. */
  accepts(seat: Seat): void {
    this.state.seats.push(seat);
    this.state.arriving = seat;
    this.state.saw("connections");
    // A peer that has reset already has no address, and never was here.
    if (seat.address === undefined) return;
    if (this.state.stopping) this.leavesWithServer(seat);
    else this.#takesSeat(seat);
  }

  /** `accept` is over. */
  accepted(seat: Seat): void {
    this.state.arriving = undefined;
    if (seat.address === undefined) seat.demand(seat.known, "kept without an address");
    this.answered(seat);
    if (this.#isOneTooMany) throw new Violation(`${this.state.open} connections are open`);
  }

  /** The turn is over in which this one came: what is free is its own. */
  decides(): Seat | undefined {
    const seat = this.waiting.shift();
    if (seat?.state !== "arrival") return undefined;
    seat.decidedStep = this.state.steps;
    this.#takesSeat(seat);
    return seat;
  }

  /** Its handshake is over. */
  shakesHands(seat: Seat, failure: string | undefined): void {
    if (seat.state !== "arrival") return;
    if (failure === undefined) this.#comesIn(seat, "pass phrase");
    else this.expects(seat, "is reset", `the handshake failed: ${failure}`);
  }

  /** Bytes of an arrival arrive; returns those that it sends as a member. */
  receives(seat: Seat, bytes: Uint8Array): Uint8Array | undefined {
    let rest = bytes;
    if (this.waiting.includes(seat)) seat.early = Buffer.concat([seat.early, bytes]);
    for (const asked of ["pass phrase", "name"])
      if (seat.awaits === asked && !seat.outcome) rest = this.#receivesLine(seat, rest);
    return seat.outcome === "joins" ? rest : undefined;
  }

  /** The end of an arrival's input arrives. */
  ends(seat: Seat): void {
    const { awaits } = seat;
    if (this.waiting.includes(seat)) return;
    if (awaits === "handshake") this.expects(seat, "is reset", "gone before the handshake");
    else if (seat.endedBy === "cut off") this.expects(seat, "is reset", "cut off");
    else this.#receivesLine(seat, Uint8Array.of(LF));
    // Behind the door of the pass phrase, no name follows.
    if (seat.awaits === "name" && awaits !== "name") this.#claims(seat, "");
  }

  /** One that is asked for its name takes all of the greeting, or is reset. */
  greets(seat: Seat, bytes: Uint8Array, count: number): void {
    const isRight = seat.greeting && Buffer.compare(seat.greeting, bytes) === 0;
    seat.demand(Boolean(isRight), `greeted with ${show(bytes)}`);
    seat.greeting = undefined;
    if (count < bytes.length) this.isNotGreeted(seat);
  }

  /** Its socket has not taken the greeting, or was found gone in a write. */
  isNotGreeted(seat: Seat): void {
    seat.greeting = undefined;
    if (seat.state === "departing") seat.state = "arrival";
    seat.pending = [];
    // What it has sent together with its pass phrase goes nowhere.
    seat.unsent = [];
    this.state.waiting = this.state.waiting.filter((other) => other !== seat);
    seat.outcome = undefined;
    if (!seat.known) this.expects(seat, "is reset", "reset");
  }

  /** The event is over that had to decide about it. */
  answered(seat: Seat): void {
    const { outcome } = seat;
    seat.demand(outcome === undefined, `nothing follows, although it ${outcome}`);
  }

  /** The room tells that somebody has joined. */
  joined(seat: Seat): void {
    const { state } = this;
    seat.demand(seat.outcome === "joins", `joined a room as a ${seat.state}`);
    seat.outcome = seat.awaits = undefined;
    seat.state = "member";
    seat.deadlineMs = NEVER;
    seat.allowance = state.rules.linesPerSecond ?? NEVER;
    seat.allowedAtMs = state.now;
    state.stirs(seat);
    seat.joinedStep = state.steps;
  }

  /** The server tells that it has refused somebody. */
  refused(seat: Seat, why: string): void {
    if (seat.outcome === undefined) this.#expectUnasked(seat);
    seat.demand(why === seat.why, `refused with "${why}" instead of "${seat.why}"`);
    const { outcome } = seat;
    seat.demand(outcome !== undefined && outcome !== "joins", "refused after it joined");
    seat.outcome = undefined;
    this.state.sawReason(why);
    if (outcome === "is told") {
      seat.expectMessage(why);
      this.state.depart(seat);
    } else {
      seat.dropped = true;
      seat.state = "gone";
    }
  }

  /** Whether this one is to make room for the newcomer that is one too many. */
  makesRoom(seat: Seat): boolean {
    return this.state.arriving?.address !== undefined && this.#isOneTooMany && this.#isOldest(seat);
  }

  /** A connection that is done with is closed at once, and an arrival is no member. */
  check(seat: Seat): void {
    seat.demand(seat.state !== "gone" || seat.known, "not closed");
    if (seat.state !== "arrival") return;
    const isRead = seat.pending.length === 0 && !seat.paused;
    seat.demand(isRead, "treated as a member while an arrival");
  }

  /** An arrival is closed when the server stops. */
  leavesWithServer(seat: Seat): void {
    this.expects(seat, "is closed");
    seat.why = "server stopping";
    this.state.saw("arrivals stopped");
  }

  /** The name of this one is taken over now, if it is: before its new owner joins. */
  isTakenOver(over: Seat): void {
    const name = this.#takeovers.get(over);
    this.#takeovers.delete(over);
    if (name !== undefined && over.state === "member")
      this.sending.disconnects(over, `the name ${name} was taken over`);
  }

  /** This has to become of it before the present event is over. */
  expects(seat: Seat, outcome: Outcome, why?: string): void {
    seat.outcome = outcome;
    seat.why = seat.refusal ?? why;
  }

  get #isOneTooMany(): boolean {
    const { rules, open } = this.state;
    return open > rules.clientsMax + rules.lingerersMax;
  }

  /** Whether none has lingered longer; or if nobody does, no arrival has waited longer only to be refused. */
  #isOldest(seat: Seat): boolean {
    const { seats, arriving } = this.state;
    const open = seats.filter((other) => !other.known && other !== arriving);
    const lingering = open.filter((other) => other.state === "departing");
    if (lingering.length === 0) {
      const nth = ({ seatlessNth = 0 }: Seat) => seatlessNth;
      const seatless = open.filter((other) => other.isSeatless);
      return seatless.every((other) => nth(seat) <= nth(other)) && seat.isSeatless;
    }
    // Those that linger since the same moment are alike.
    const isLingering = seat.state === "departing";
    return isLingering && lingering.every((other) => seat.deadlineMs <= other.deadlineMs);
  }

  /** What is expected of an arrival that was not asked for anything just now. */
  #expectUnasked(seat: Seat): void {
    const { now, rules, stopAtMs = NEVER } = this.state;
    const { awaits } = seat;
    seat.demand(seat.state === "arrival", `refused as a ${seat.state}`);
    if (now >= seat.deadlineMs) {
      const why = `no ${awaits} within ${awaits === "name" ? "1m" : inWords(rules.arrivalMs)}`;
      this.expects(seat, awaits === "handshake" ? "is reset" : "is told", why);
    } else if (now >= stopAtMs) {
      this.leavesWithServer(seat);
    } else {
      seat.demand(this.makesRoom(seat), "refused before its deadline");
      this.state.saw("oldest arrivals closed");
      // Without a handshake to come first, it can be told.
      if (awaits === "seat") seat.refusal = ROOM_FULL;
      this.expects(seat, awaits === "seat" && !rules.handshake ? "is told" : "is reset", "reset");
    }
  }

  /** It comes in, to have a seat and to be one of those from its address; or it waits for that, once. */
  #takesSeat(seat: Seat): void {
    const { rules, occupied } = this.state;
    const { address = "", awaits } = seat;
    if (awaits !== "address") {
      if (occupied >= rules.clientsMax)
        return awaits === "seat" ? this.#isRefused(seat, ROOM_FULL) : this.#waits(seat, "seat");
      seat.seatlessNth = undefined;
      const isAllowed = rules.allow?.includes(address) ?? true;
      if (!isAllowed || rules.deny?.includes(address))
        return this.#isRefused(seat, `not allowed from ${address}`);
    }
    const { clientsPerAddressMax = NEVER } = rules;
    const isAlike = (other: Seat) => other.address === address && other.awaits !== "address";
    const alike = this.state.count((other) => isAlike(other) && other.hasSeat);
    if (address === "" || alike < clientsPerAddressMax) return this.#comesIn(seat, "handshake");
    if (awaits !== "address") this.#waits(seat, "address");
    else this.#isRefused(seat, `too many connections from ${address}`);
  }

  #isRefused(seat: Seat, why: string): void {
    seat.refusal = why;
    seat.seatlessNth ??= ++this.#seatless;
    this.#comesIn(seat, "handshake");
  }

  #waits(seat: Seat, what: "seat" | "address"): void {
    if (what === "seat") seat.seatlessNth = ++this.#seatless;
    this.#awaits(seat, what, NEVER);
    this.waiting.push(seat);
    this.state.saw("waited");
  }

  /** What is asked of it next, from this on. */
  #comesIn(seat: Seat, from: "handshake" | "pass phrase" | "name"): void {
    const { rules, passPhrase } = this.state;
    seat.begun = Buffer.alloc(0);
    if (from === "handshake" && rules.handshake) return this.#awaits(seat, from);
    seat.awaits = undefined;
    if (seat.refusal !== undefined) return this.expects(seat, "is told", seat.refusal);
    if (from !== "name" && passPhrase !== undefined) return this.#awaits(seat, "pass phrase");
    if (!rules.names) return this.expects(seat, "joins");
    if (seat.certificate) return this.#claims(seat, seat.certificate.subject.CN);
    this.#awaits(seat, "name", NAME_MS);
    seat.greeting = this.#greeting();
  }

  #awaits(seat: Seat, what: NonNullable<Seat["awaits"]>, withinMs?: number): void {
    if (seat.state === "new") this.state.saw("arrivals");
    seat.state = "arrival";
    seat.awaits = what;
    seat.deadlineMs = this.state.now + (withinMs ?? this.state.rules.arrivalMs);
  }

  /** Returns what follows the line that is asked for, or all of one that begins with a name. */
  #receivesLine(seat: Seat, bytes: Uint8Array): Uint8Array {
    seat.begun = Buffer.concat([seat.begun, bytes]);
    const { begun, awaits } = seat;
    const end = begun.indexOf(LF);
    const line = end < 0 ? begun : begun.subarray(0, end);
    const colon = awaits === "name" ? line.indexOf(": ") : -1;
    const isWhole = end >= 0 || line.length > LINE_BYTES_MAX + Number(awaits !== "name");
    if (this.#speaksAnother(seat, begun)) return begun;
    if (colon >= 0) this.#claims(seat, line.toString("utf8", 0, colon));
    else if (isWhole && awaits === "name") this.#claims(seat, line.toString().trim());
    else if (isWhole && this.#isPassPhrase(line)) this.#comesIn(seat, "name");
    else if (isWhole) this.expects(seat, "is told", "wrong pass phrase");
    return colon >= 0 ? begun : begun.subarray(end + 1);
  }

  #isPassPhrase(line: Buffer): boolean {
    const isRight = line.toString("latin1").replace(/\r$/, "") === this.state.passPhrase;
    if (isRight) this.state.saw("pass phrases");
    return isRight;
  }

  #speaksAnother(seat: Seat, received: Buffer): boolean {
    // What a WebSocket sends is lines, whatever they look like.
    const protocol = seat.isWeb ? undefined : protocolIn(received);
    if (protocol) this.expects(seat, "is told", speaks(protocol));
    return protocol !== undefined;
  }

  /** What somebody is told who is asked for a name. */
  #greeting(): Uint8Array {
    this.state.saw("greetings");
    const here = [...this.#owners.values()].filter(hasName).map(({ ownName }) => ownName);
    const more = here.length > GREETED_MAX ? ` and ${here.length - GREETED_MAX} more` : "";
    const some = here.slice(0, GREETED_MAX).join(", ");
    return Buffer.from(`* say your name first${some && ` (here: ${some}${more})`}\n`);
  }

  /** It joins with a name, if it can have that; from another one with the same certificate, too. */
  #claims(seat: Seat, name: string): void {
    const before = this.#owners.get(keyOf(name));
    const owner = before && hasName(before) ? before : undefined;
    if (!isName(name))
      return this.expects(seat, "is told", seat.certificate ? NO_NAME : NOT_A_NAME);
    if (owner && !isSameClient(owner, seat))
      return this.expects(seat, "is told", `the name ${name} is taken`);
    if (!owner) this.#owners.delete(keyOf(name));
    this.#owners.set(keyOf(name), seat);
    seat.ownName = name;
    this.state.saw("named");
    if (owner) {
      this.#takeovers.set(owner, name);
      this.isTakenOver(owner);
    }
    this.expects(seat, "joins");
  }
}

function isSameClient({ certificate }: Seat, other: Seat): boolean {
  return certificate?.fingerprint256 === (other.certificate?.fingerprint256 ?? "none");
}

/** Whether it sends something under its name, or may. */
function hasName({ state, leaving, unsent }: Seat): boolean {
  return state === "member" ? leaving === undefined : state === "gone" && unsent.length > 0;
}
