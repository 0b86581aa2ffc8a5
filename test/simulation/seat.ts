/** What the model keeps of one connection. */

import { HTTP_ANSWER, speaks } from "./first-line.ts";

/** A promise that was not kept. */
export class Violation extends Error {}

/** A line that was sent. */
export interface Line {
  readonly sender: Seat;
  readonly bytes: Uint8Array;
  /** Where it begins in all that was ever sent. */
  readonly start: number;
  /** When it was sent. */
  readonly sentAt: Held;
  /** Whether it is for one alone, and so has no place of its own in all that was sent. */
  readonly isAside?: boolean;
  /** Whether it is no history. */
  readonly isNotice?: boolean;
}

/**
 * How long senders have waited, in all, in ms: counting, or not, the time in
 * which a flush was due and did not come.
 */
export interface Held {
  readonly atMost: number;
  readonly atLeast: number;
}

/** Why a member leaves: for reports, and what it is told. */
export type Why = readonly [reason: string, message?: string];

/** What has to become of a connection before the present event is over. */
export type Outcome = "joins" | "is told" | "is closed" | "is reset";

/** One connection, as the model sees it, from accept to close. */
export class Seat {
  state: "new" | "arrival" | "member" | "departing" | "gone" = "new";

  // On the way in.

  /** Why it cannot stay, known from its accept on. */
  refusal: string | undefined;
  /** Which of the things that are asked of it is next. */
  awaits: "seat" | "address" | "handshake" | "pass phrase" | "name" | undefined;
  /** What it has sent of what it is asked for. */
  begun = Buffer.alloc(0);
  /** What it has sent before it was asked for anything. */
  early = Buffer.alloc(0);
  /** In which step it was decided whether there is something free for it, and in which it joined. */
  decidedStep = -1;
  joinedStep = -1;
  /** Its place among those that had no seat on their way in. */
  seatlessNth: number | undefined;
  outcome: Outcome | undefined;
  /** The reason that has to be reported with it. */
  why: string | undefined;

  // Sending.

  /** Its line so far, without an end. */
  unfinished = Buffer.alloc(0);
  /** Its whole lines that have no place yet, as they will be relayed. */
  unsent: Buffer[] = [];
  /** What it has sent as a member, until its first line is known; undefined too of a WebSocket. */
  first: Buffer | undefined = Buffer.alloc(0);
  /** Its certificate, and what it is called. */
  certificate: { subject: { CN: string }; fingerprint256: string } | undefined;
  ownName: string | undefined;
  /** What notices call it: its name or a number. */
  shownName = "";
  /** What it is to receive at once before it sends its name. */
  greeting: Uint8Array | undefined;
  /** Why it was disconnected, and why it will be for what it has sent. */
  disconnected: Why | undefined;
  objection: Why | undefined;
  /** Why it has left; and why it sends no more, all that it has sent being in the log, until extras are told. */
  leftFor: string | undefined;
  silentFor: string | undefined;
  /** Whether its end of input was delivered. */
  ended = false;
  endedBy: "end of input" | "cut off" = "end of input";
  paused = false;
  /** How many lines it may send now by its rate, and when that was so. */
  allowance = 0;
  allowedAtMs = 0;
  /** Whether a write to it has failed. */
  isRefusingWrites = false;
  /** When it last sent a line, or joined. */
  stirredAtMs = 0;
  stirredNth = 0;

  // Receiving.

  /** What it is to get, and how much of the first line it has taken. */
  pending: Line[] = [];
  offset = 0;
  /** The server's last line to it, which is pending once it has all else. */
  message: Uint8Array | undefined;
  /** Where in all that was sent its last byte taken lies. */
  takenTo = 0;
  /** When it came how far. */
  steps: { readonly position: number; readonly at: Held }[] = [];
  /** Whether the last write was taken in part, and no drain has come since. */
  blocked = false;
  /** Whether nothing but what others send waits for its socket. */
  isAnswered = true;
  /** The last write to it, and the last when nobody was further behind. */
  writtenAtMs = -1;
  inTheWayAtMs = -1;
  /** When others were last behind it; while they are, it may take its time. */
  passedOthersAt = 0;

  // Leaving.

  /** Whether it has stopped receiving, and why; then `end` is where what it is to get ends. */
  leaving: string | undefined;
  end = 0;
  /** How far it has to come by its deadline, at the least and for sure. */
  goalLeast = 0;
  goal = 0;
  /** When it is dealt with next: as one that has taken too long, or lingered. */
  deadlineMs = Number.POSITIVE_INFINITY;
  /** Whether it was sent EOF, and whether it cannot be written to any more. */
  shut = false;
  lost = false;
  /** Whether it was closed in order, which over TLS may need the peer. */
  isClosing = false;
  /** Whether the server was told that it is closed. */
  known = false;
  /** Whether a handler of its socket failed, or the room has lost patience with it. */
  failed = false;
  dropped = false;

  /** @param address as reports show it; undefined of one that has none */
  constructor(
    readonly name: string,
    readonly address: string | undefined,
  ) {
    if (this.isWeb) this.first = undefined;
  }

  get isWeb(): boolean {
    return this.name.startsWith("web:");
  }

  /** What reports call it. */
  get label(): string {
    return this.ownName === undefined ? this.name : `${this.ownName} ${this.name}`;
  }

  /** Whether it is a member, and not about to leave. */
  get stays(): boolean {
    return this.state === "member" && this.leaving === undefined;
  }

  /** Whether it has none of the seats, being refused or having left. */
  get isSeatless(): boolean {
    const isArrival = this.state === "arrival";
    const hasNone = this.refusal !== undefined || this.awaits === "seat";
    return this.state === "departing" || (isArrival && hasNone);
  }

  /** Whether a seat is taken for it: on its way in, as a member, or gone with lines still to be sent. */
  get hasSeat(): boolean {
    if (this.state === "arrival") return !this.isSeatless;
    return this.state === "member" || (this.state === "gone" && this.unsent.length > 0);
  }

  /** The server's last line to it, or its answer to a request. */
  expectMessage(message: string): void {
    this.message = Buffer.from(message === speaks("HTTP") ? HTTP_ANSWER : `* ${message}\n`);
  }

  /** The server does something with its socket, which may be closed. */
  isUsed(): void {
    this.demand(!this.known, "used although it is known to be gone");
  }

  /** @throws {Violation} if the condition does not hold */
  demand(condition: boolean, what: string): void {
    if (!condition) throw new Violation(`${this.name}: ${what}`);
  }
}
