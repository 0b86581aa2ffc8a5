/** What the model keeps of one connection. */

/** A line that was said. */
export interface Line {
  readonly speaker: Seat;
  readonly bytes: Uint8Array;
  /** Where it begins in all that was ever said. */
  readonly start: number;
}

/** One connection, as the model sees it. */
export class Seat {
  state: "arriving" | "member" | "departing" | "gone" = "arriving";
  /** Its line so far, without an end. */
  unfinished: number[] = [];
  /** Its whole lines that the room has heard and not said. */
  unsaid: Uint8Array[] = [];
  tooLong = false;
  /** Whether its end of input was delivered. */
  ended = false;
  /** Whether it has stopped hearing, and why. */
  leaving: string | undefined;
  /** What it is owed, and how much of the first line it has taken. */
  owed: Line[] = [];
  offset = 0;
  /** What is left of the room's last line to it. */
  word: Uint8Array | undefined;
  /** Whether the room has sent it EOF, and whether it cannot be written to any more. */
  shut = false;
  lost = false;
  /** Whether the room knows that it is gone. */
  known = false;
  /** Whether a handler of its socket failed, or the room has lost patience with it. */
  failed = false;
  dropped = false;
  paused = false;
  /** Whether the last write was taken in part, and no drain has come since. */
  blocked = false;
  /** The last write to it: when, and how much it took. */
  writtenAtMs = -1;
  taken = 0;
  /** When the room was last moved by it, on the two clocks of a held-up room. */
  movedAtMost = 0;
  movedAtLeast = 0;
  /** How many lines it may say now by its rate, and when that was so. */
  allowance: number;
  allowedAtMs: number;
  /** When it last said a line, or joined. */
  saidAtMs: number;
  /** When its connection has to be gone. */
  deadlineMs = Number.POSITIVE_INFINITY;

  constructor(
    readonly name: string,
    nowMs: number,
    linesPerSecond: number,
  ) {
    this.allowance = linesPerSecond;
    this.allowedAtMs = nowMs;
    this.saidAtMs = nowMs;
  }

  get heldBytes(): number {
    return this.unsaid.reduce((sum, line) => sum + line.length, this.unfinished.length);
  }
}
