/**
 * What clients send: cut into lines, sent in turn and no faster than allowed, and
 * never more of it held than may be (promises 1, 4 and 5).
 */

import { hasFirstLine, protocolIn, speaks } from "./first-line.ts";
import { asRelayed, countedBytes } from "./naming.ts";
import type { Presence } from "./presence.ts";
import { Seat, Violation, type Why } from "./seat.ts";
import { show, type State } from "./state.ts";

const LF = 0x0a;
const LINE_END = Uint8Array.of(LF);
const NOTHING = Buffer.alloc(0);
/** The most a sender sends in one turn, unless the log is small, or its first line is longer. */
const SHARE_BYTES = 64 << 10;
/** How many changes of sender the log can note, at the least, without one that may lie before history. */
const RUNS_MIN = 63;
/** What adding up fractions of lines may be off. */
export const ROUNDING = 1e-6;

export class Sending {
  /** What the bot was not told yet. */
  readonly #told: string[] = [];
  /** The sender whose turn it is while others wait, and how much it has sent in it. */
  #turn: Seat | undefined;
  #turnBytes = 0;
  #turnBytesMax = 0;

  constructor(
    private readonly state: State,
    private readonly presence: Presence,
  ) {}

  /** Bytes of a member arrive. */
  receives(seat: Seat, bytes: Uint8Array): void {
    if (this.state.stopping || seat.leaving || seat.ended || seat.disconnected) return;
    this.#looksFor(seat, bytes);
    this.#frames(seat, bytes);
    this.settle(seat);
  }

  /** The end of a member's input arrives. */
  ends(seat: Seat): void {
    if (seat.leaving) return;
    const isCutOff = seat.endedBy === "cut off";
    if (isCutOff) this.state.saw("cut off");
    const isRead = !this.state.stopping && !seat.disconnected && !isCutOff;
    if (isRead) this.#looksFor(seat, LINE_END);
    if (isRead && seat.unfinished.length > 0) this.#frames(seat, LINE_END);
    this.settle(seat);
  }

  /** The program around the room sends a line. */
  botSends(line: Uint8Array): void {
    if (this.state.stopping) return;
    const sender = new Seat("the bot", "");
    sender.unsent.push(Buffer.concat([line, LINE_END]));
    this.state.waiting.push(sender);
    this.state.saw("bot lines");
  }

  /** A member is disconnected, and leaves once it has sent what it has to send. */
  disconnects(seat: Seat, reason: string): void {
    if (seat.leaving || seat.disconnected) return;
    seat.disconnected = [reason, reason];
    this.state.saw("disconnected");
    if (seat.unsent.length > 0) this.state.saw("disconnected later");
    this.settle(seat);
  }

  /** The bot is to be told this. */
  tells(what: string): void {
    if (this.state.rules.bot) this.#told.push(what);
  }

  /** The bot is told this. */
  isTold(what: string): void {
    const expected = this.#told.shift();
    if (what !== expected) throw new Violation(`the bot is told ${what} instead of ${expected}`);
  }

  /** What holds after every step: the bot is told at the end of the turn. */
  checkTold(turnDue: boolean): void {
    if (this.#told.length > 0 && !turnDue) throw new Violation(`the bot is not told ${this.#told}`);
  }

  /** A member has sent a run, the server notices, or the bot around the room a line. */
  sent(sender = this.#nextBot, run: Uint8Array): void {
    const { state, presence } = this;
    if (!sender) throw new Violation("somebody sends what nobody has sent");
    const isNotice = sender === presence.sender;
    this.#takeTurn(sender, run);
    state.stirs(sender);
    for (let rest = run; rest.length > 0;) {
      const bytes = sender.unsent.shift() ?? NOTHING;
      const isNext = bytes.equals(rest.subarray(0, bytes.length)) && bytes.length > 0;
      sender.demand(isNext, `sent ${show(rest)} instead of ${show(bytes)}`);
      rest = rest.subarray(bytes.length);
      if (isNotice) presence.sent();
      state.append(sender, bytes, isNotice);
      if (sender.state !== "new" && state.rules.bot) this.tells(inBot(sender, bytes));
      state.saw(isNotice ? "notices" : "lines");
      sender.demand(this.allowance(sender) > 1 - ROUNDING, "sends faster than it may");
      sender.allowance--;
    }
    if (sender.unsent.length === 0) state.waiting.splice(state.waiting.indexOf(sender), 1);
    this.settle(sender);
    if (sender.unsent.length === 0) sender.silentFor ??= sender.leftFor;
  }

  get #nextBot(): Seat | undefined {
    return this.state.waiting.find(({ name }) => name === "the bot");
  }

  /** A newcomer was announced; what it has sent together with its pass phrase or name waits from now on. */
  begins(newcomer: Seat): void {
    const { waiting } = this.state;
    if (waiting.includes(newcomer)) {
      waiting.push(...waiting.splice(waiting.indexOf(newcomer), 1));
      this.#turn = undefined;
    }
    this.settle(newcomer);
  }

  /** Once all its lines are sent, a member that has ended or gone too far receives no more. */
  settle(seat: Seat): void {
    if (!seat.stays || seat.unsent.length > 0) return;
    const end: Why | undefined = seat.ended ? [seat.endedBy] : undefined;
    const why = seat.disconnected ?? seat.objection ?? end;
    if (why) this.state.leave(seat, ...why);
  }

  /** The rate is a bucket of a second's worth of lines; it ends with the connection and with the room. */
  allowance(seat: Seat): number {
    const { rules, stopping, now } = this.state;
    const { linesPerSecond } = rules;
    const isLimited = linesPerSecond !== undefined && seat.state === "member" && !seat.known;
    if (!isLimited || stopping || seat.disconnected) return Number.POSITIVE_INFINITY;
    const earned = ((now - seat.allowedAtMs) * linesPerSecond) / 1000;
    seat.allowedAtMs = now;
    seat.allowance = Math.min(linesPerSecond, seat.allowance + earned);
    return seat.allowance;
  }

  /** A member waits only if it has unsent lines, and is not read meanwhile. */
  check(seat: Seat): void {
    if (seat.lost) return;
    const waits = seat.unsent.length > 0;
    const isRight = seat.paused === (waits && !seat.ended);
    seat.demand(isRight, waits ? "not paused" : "left paused");
  }

  /** Lines wait only when the log has no room for the one whose turn it is. */
  checkHold(): void {
    const { rules, sentBytes, tail, waiting } = this.state;
    const freeBytes = rules.ringBytes - (sentBytes - tail);
    const fits = ({ unsent: [line] }: Seat) => (line?.length ?? 0) <= freeBytes;
    const may = waiting.filter((seat) => this.allowance(seat) >= 1 - ROUNDING);
    const forRoom = may.some((seat) => this.allowance(seat) >= 1 + ROUNDING);
    if (!forRoom) return void this.state.saw("paced");
    const inTurn = rules.linesPerSecond === undefined ? may.slice(0, 1) : may;
    // Of members that leave in one turn, it is not known here whose notice comes first.
    if (inTurn.includes(this.presence.sender)) return;
    if (!inTurn.every(fits) || this.#changesOfSender() >= RUNS_MIN) return;
    throw new Violation(`${may[0]?.name} waits although ${freeBytes} bytes are free`);
  }

  /** Those who wait send in turn, a share at a time; without rates it is clear who waits for what. */
  #takeTurn(sender: Seat, run: Uint8Array): void {
    const { rules, waiting } = this.state;
    if (rules.linesPerSecond !== undefined) return;
    const next = waiting[0];
    // What came with a pass phrase waits once its member has been announced.
    const waits = (seat: Seat) => seat !== sender && seat.joinedStep !== this.state.steps;
    if (!waiting.some(waits)) {
      this.#turn = undefined;
    } else if (sender !== this.#turn) {
      sender.demand(sender === next, `sends although it is the turn of ${next?.name}`);
      this.#turn = sender;
      this.#turnBytes = 0;
      waiting.push(...waiting.splice(0, 1));
    }
    const part = Math.min(SHARE_BYTES, Math.floor(rules.logBytes / 16));
    const isLong = run.indexOf(LF) + 1 > part;
    if (this.#turnBytes === 0)
      this.#turnBytesMax = isLong ? rules.lineBytesMax + rules.addedBytesMax : part;
    this.#turnBytes += run.length;
    const isMore = this.#turn === sender && this.#turnBytes > this.#turnBytesMax;
    sender.demand(!isMore, `sends ${this.#turnBytes} bytes while ${next?.name} waits`);
  }

  /** How often the sender changes in what somebody still has to take. */
  #changesOfSender(): number {
    const { tail, sent } = this.state;
    const pending = sent.filter(({ start, bytes }) => start + bytes.length > tail);
    return pending.filter(({ sender }, at) => sender !== pending[at - 1]?.sender).length;
  }

  /** Looks for what is no line, until the first line is whole. */
  #looksFor(seat: Seat, bytes: Uint8Array): void {
    if (seat.objection || seat.first === undefined) return;
    const first = Buffer.concat([seat.first, bytes]);
    const protocol = protocolIn(first);
    if (protocol) seat.objection = [speaks(protocol), speaks(protocol)];
    seat.first = protocol || hasFirstLine(first) ? undefined : first;
  }

  /** What has come is cut into lines, until one is too long; an unfinished one leaves room for its LF. */
  #frames(seat: Seat, bytes: Uint8Array): void {
    const { lineBytesMax } = this.state.rules;
    for (let at = 0; at < bytes.length && !seat.objection;) {
      const end = bytes.indexOf(LF, at) + 1 || bytes.length;
      seat.unfinished = Buffer.concat([seat.unfinished, bytes.subarray(at, end)]);
      const isWhole = seat.unfinished.at(-1) === LF;
      const counted = countedBytes(seat.ownName, seat.unfinished) + (isWhole ? 0 : 1);
      if (counted > lineBytesMax)
        seat.objection = ["line too long", `line longer than ${lineBytesMax} bytes`];
      else if (isWhole) this.#finishLine(seat);
      at = end;
    }
  }

  #finishLine(seat: Seat): void {
    const { unfinished } = seat;
    seat.unfinished = NOTHING;
    const sent = Buffer.from(asRelayed(seat.ownName, unfinished));
    const isShown = countedBytes(seat.ownName, sent) > countedBytes(seat.ownName, unfinished);
    if (isShown) this.state.saw("shown lines");
    if (seat.unsent.length === 0) this.state.waiting.push(seat);
    seat.unsent.push(sent);
  }
}

/** A line as a bot is told it. */
function inBot({ name, ownName = name }: Seat, line: Uint8Array): string {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(line);
  return `${ownName}> ${text.replace(/\r?\n$/, "")}`;
}
