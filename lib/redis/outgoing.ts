/** What is sent here until it comes back from the stream: pieces, which go there in batches. */

import type { Reservations } from "../extras/part.ts";
import type { Author } from "../room/order.ts";
import { compareIds, type Entry } from "./stream.ts";

const NOTHING = new Uint8Array(0);
/** A batch takes no more once it has such a part of what may be sent before all have read it. */
const BATCHES = 32;

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

/** What goes into the stream at a time: lines of one kind that follow each other in memory. */
export interface Batch {
  readonly pieces: Piece[];
  lines: Uint8Array;
  isPassing: boolean;
  /** Since when it waits to come back, in ms. */
  sinceMs?: number;
  /** 0 while it was never sent, and grows; when it is sent again, it has another one. */
  number: number;
  /** Whether it is on its way, over this connection. */
  isSent: boolean;
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
  /** How many bytes are not with all servers. */
  bytes = 0;
  readonly #claims = new Map<string, { isGranted: boolean }>();
  readonly #batchBytes: number;
  /** What is taken and not in the log; twice as much as that may be, so that no run is in two parts. */
  readonly #ring: Uint8Array;
  #ringEnd = 0;
  /** Those that have not come back, oldest first. */
  #batches: Batch[] = [];
  /** Those that have, and that not all servers have in their logs. */
  #unread: { readonly id: string; readonly bytes: number }[] = [];
  readonly #wake: () => void;

  /**
   * @param bytesMax the most bytes that are not in the log
   * @param wake told that there is something besides lines
   */
  constructor(bytesMax: number, wake: () => void) {
    this.#ring = new Uint8Array(2 * bytesMax);
    this.#batchBytes = bytesMax / BATCHES;
    this.#wake = wake;
  }

  /** The keys of the names that members of this server have. */
  get keys(): string[] {
    const granted = [...this.#claims].filter(([, { isGranted }]) => isGranted);
    return granted.map(([key]) => key);
  }

  /** Since when the oldest batch waits to come back, in ms. */
  get sinceMs(): number | undefined {
    return this.#batches[0]?.sinceMs;
  }

  append(author: Author, run: Uint8Array): void {
    const { isPassing = false } = author;
    const ring = this.#ring;
    if (this.#ringEnd + run.length > ring.length) this.#ringEnd = 0;
    const start = this.#ringEnd;
    ring.set(run, start);
    this.#ringEnd += run.length;
    this.bytes += run.length;
    let batch = this.#growing();
    const { byteOffset, length } = batch.lines;
    const isNext = batch.isPassing === isPassing && byteOffset + length === start;
    if (length > 0 && (!isNext || length >= this.#batchBytes)) batch = this.#begin();
    batch.isPassing = isPassing;
    batch.lines = ring.subarray(start - batch.lines.length, this.#ringEnd);
    const last = batch.pieces.at(-1);
    if (last?.author === author) last.run = ring.subarray(last.run.byteOffset, this.#ringEnd);
    else this.#put(batch, { author, run: ring.subarray(start, this.#ringEnd) });
  }

  /** Adds what has no lines to what is sent next. */
  add(piece: Pick<Piece, "done" | "request" | "answer">): void {
    this.#put(this.#growing(), { ...piece, author: { lastRun: -1 }, run: NOTHING });
    this.#wake();
  }

  #put(batch: Batch, piece: Piece): void {
    batch.pieces.push(piece);
    this.pieces++;
  }

  /** The batch that is sent last, and was not sent yet. */
  #growing(): Batch {
    const last = this.#batches.at(-1);
    return last?.number === 0 ? last : this.#begin();
  }

  #begin(): Batch {
    const batch = { pieces: [], lines: NOTHING, isPassing: false, number: 0, isSent: false };
    this.#batches.push(batch);
    return batch;
  }

  /** The next batches, at most so many; an empty one if there is none, and one is needed. */
  take(most: number, isNeeded: boolean, nowMs: number): readonly Batch[] {
    let next = this.#batches.findIndex(({ isSent }) => !isSent);
    if (next < 0) next = this.#batches.length;
    if (isNeeded && most > 0 && next === this.#batches.length) this.#begin();
    const batches = this.#batches.slice(next, next + most);
    for (const batch of batches) {
      batch.sinceMs ??= nowMs;
      batch.number = ++this.number;
      batch.isSent = true;
    }
    return batches;
  }

  /**
   * The oldest batch has come back, if that is it: its pieces have their place.
   *
   * @param isLate whether this server has joined again since: it may have been considered down before
   */
  takeBack({ id, number, granted }: Entry, isLate: boolean): Batch | undefined {
    const [batch] = this.#batches;
    if (number !== batch?.number) return undefined;
    this.#batches.shift();
    const { pieces, lines } = batch;
    this.pieces -= pieces.length;
    if (lines.length > 0) this.#unread.push({ id, bytes: lines.length });
    const answers = pieces.flatMap(({ answer }) => answer ?? []);
    for (const [at, answer] of answers.entries()) answer(isLate ? undefined : granted[at] === "1");
    return batch;
  }

  /** All servers have what is before an id, and that. */
  release(id: string): void {
    while (this.#unread[0] && compareIds(this.#unread[0].id, id) <= 0)
      this.bytes -= this.#unread.shift()?.bytes ?? 0;
  }

  /** What has not come back is sent again. */
  sendAgain(): void {
    for (const batch of this.#batches) batch.isSent = false;
  }

  /** Forgets everything; returns what has no place. */
  clear(): readonly Piece[] {
    const unplaced = this.#batches.flatMap(({ pieces }) => pieces);
    [this.#batches, this.#unread] = [[], []];
    this.pieces = this.bytes = 0;
    this.#claims.clear();
    return unplaced;
  }
}
