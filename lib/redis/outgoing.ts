/** What is sent here until it comes back from the stream: pieces, which go there in batches. */

import type { Reservations } from "../extras/part.ts";
import type { Author } from "../room/order.ts";
import type { Entry } from "./stream.ts";

const NOTHING = new Uint8Array(0);

/** Lines of one author, or none; or a request. */
export interface Piece {
  readonly author: Author;
  /** What of it is not in the log yet. */
  run: Uint8Array;
  /** What is to be done once it is in the log. */
  readonly done?: () => void;
  /** See `NewEntry`. */
  readonly request?: string;
  /** Told whether a name was reserved; undefined if it was, and may be free again. */
  readonly answer?: (granted: boolean | undefined) => void;
}

/** What goes into the stream at a time; it may have to be added again, under another number. */
export interface Batch {
  readonly pieces: readonly Piece[];
  readonly lines: Uint8Array;
  readonly isPassing: boolean;
  readonly sinceMs: number;
  number: number;
}

export class Outgoing {
  /** The names that members of this server ask for, where members of other servers may have them. */
  readonly reservations: Reservations = {
    ask: (key, answer) => {
      const claim = { isGranted: false };
      this.#claims.set(key, claim);
      const ask = () => this.add({ request: `reserve ${key}`, answer: answered });
      const answered = (granted: boolean | undefined) => {
        if (granted === undefined && this.#claims.get(key) === claim) return ask();
        claim.isGranted = granted === true;
        answer(claim.isGranted);
      };
      ask();
    },
    release: (key) => {
      this.#claims.delete(key);
      this.add({ request: `release ${key}` });
    },
  };
  /** The number of what was added last. */
  number = 0;
  /** How many pieces have no place yet. */
  pieces = 0;
  readonly #claims = new Map<string, { isGranted: boolean }>();
  readonly #batchBytes: number;
  /** What is taken and not in the log; twice as much as that may be, so that no piece is in two parts. */
  readonly #ring: Uint8Array;
  #ringEnd = 0;
  #unsent: Piece[] = [];
  /** Those that have not come back, oldest first; `#sent` of them are on their way. */
  #batches: Batch[] = [];
  #sent = 0;
  readonly #wake: () => void;

  /**
   * @param bytesMax the most bytes that are not in the log
   * @param batchBytes a batch takes no more once it has so many
   * @param wake told that there is something besides lines
   */
  constructor(bytesMax: number, batchBytes: number, wake: () => void) {
    this.#ring = new Uint8Array(2 * bytesMax);
    this.#batchBytes = batchBytes;
    this.#wake = wake;
  }

  /** The keys of the names that members of this server have. */
  get keys(): string[] {
    const granted = [...this.#claims].filter(([, { isGranted }]) => isGranted);
    return granted.map(([key]) => key);
  }

  /** Since when the oldest batch has waited to come back, in ms. */
  get sinceMs(): number | undefined {
    return this.#batches[0]?.sinceMs;
  }

  append(author: Author, run: Uint8Array): void {
    const ring = this.#ring;
    if (this.#ringEnd + run.length > ring.length) this.#ringEnd = 0;
    const start = this.#ringEnd;
    ring.set(run, start);
    this.#ringEnd += run.length;
    const last = this.#unsent.at(-1);
    const lastStart = last?.run.byteOffset ?? 0;
    const isMore = last?.author === author && lastStart + last.run.length === start;
    if (isMore && this.#ringEnd - lastStart <= this.#batchBytes)
      last.run = ring.subarray(lastStart, this.#ringEnd);
    else this.add({ author, run: ring.subarray(start, this.#ringEnd) });
  }

  /** Adds to what is sent next. */
  add(piece: Partial<Piece>): void {
    const { author = { lastRun: -1 }, run = NOTHING } = piece;
    this.#unsent.push({ ...piece, author, run });
    this.pieces++;
    // Lines come within a turn.
    if (run.length === 0) this.#wake();
  }

  /** The next batches, at most so many; an empty one if there is none, and one is needed. */
  take(most: number, isNeeded: boolean, nowMs: number): readonly Batch[] {
    const end = this.#sent + most;
    while (this.#unsent.length > 0 && this.#batches.length < end) this.#makeBatch(nowMs);
    if (isNeeded && most > 0 && this.#sent === this.#batches.length) this.#makeBatch(nowMs);
    const batches = this.#batches.slice(this.#sent, end);
    this.#sent += batches.length;
    for (const batch of batches) batch.number = ++this.number;
    return batches;
  }

  /**
   * The oldest batch has come back, if that is it: its pieces have their place.
   *
   * @param isLate whether this server has joined again since: it may have been considered down before
   */
  takeBack({ number, granted }: Entry, isLate: boolean): readonly Piece[] | undefined {
    if (number !== this.#batches[0]?.number) return undefined;
    const pieces = this.#batches.shift()?.pieces ?? [];
    // One that was sent over a lost connection may come back before it is sent again.
    this.#sent = Math.max(0, this.#sent - 1);
    this.pieces -= pieces.length;
    const answers = pieces.flatMap(({ answer }) => answer ?? []);
    for (const [at, answer] of answers.entries()) answer(isLate ? undefined : granted[at] === "1");
    return pieces;
  }

  /** What has not come back is sent again. */
  sendAgain(): void {
    this.#sent = 0;
  }

  /** Forgets everything; returns what has no place. */
  clear(): readonly Piece[] {
    const unplaced = [...this.#batches.flatMap(({ pieces }) => pieces), ...this.#unsent];
    [this.#batches, this.#unsent] = [[], []];
    this.#sent = this.pieces = 0;
    this.#claims.clear();
    return unplaced;
  }

  /** Makes a batch of the oldest pieces: lines of one kind, and no more once they are so many. */
  #makeBatch(sinceMs: number): void {
    let count = 0;
    let [start, end] = [0, 0];
    let kind: boolean | undefined;
    for (const { author, run } of this.#unsent) {
      const { isPassing = false } = author;
      if (run.length > 0) {
        const isNext = kind === undefined || (isPassing === kind && run.byteOffset === end);
        if (!isNext || end - start >= this.#batchBytes) break;
        if (kind === undefined) start = run.byteOffset;
        kind = isPassing;
        end = run.byteOffset + run.length;
      }
      count++;
    }
    const pieces = this.#unsent.splice(0, count);
    const lines = this.#ring.subarray(start, end);
    this.#batches.push({ pieces, lines, isPassing: kind ?? false, sinceMs, number: 0 });
  }
}
