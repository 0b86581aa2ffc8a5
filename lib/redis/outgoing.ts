/** What is sent here until all servers have it: pieces, which go into the stream in batches. */

import type { Author } from "../room/order.ts";
import { compareIds, type Entry } from "./stream.ts";

/** A batch has at most such a part of what may be sent before all have read it; or one run. */
const BATCHES = 8;
/** So many are on their way at a time; the next one grows meanwhile. */
const ON_THEIR_WAY_MAX = 2;
const NOTHING = new Uint8Array(0);
const NOBODY: Author = { lastRun: -1 };

/** What is done in a place of the order, besides lines. */
export interface Request {
  /** Once all before it is in the log, or will never be. */
  readonly done?: () => void;
  /** See `NewEntry`. */
  readonly request?: string;
  /** Told whether a name was reserved; undefined if it was, and may be free again. */
  readonly answer?: (granted: boolean | undefined) => void;
}

/** Lines of one author; or a request. */
export interface Piece extends Request {
  readonly author: Author;
  /** What of it is not in the log yet. */
  run: Uint8Array;
}

/** What goes into the stream at a time: lines of one kind. */
interface Batch {
  readonly pieces: Piece[];
  bytes: number;
  isPassing: boolean;
  readonly sinceMs: number;
  /** 0 while it was never sent; when it is sent again, it has another one. */
  number: number;
}

export class Outgoing {
  /** The number of what was added or told last, and of what this server joined with. */
  number = 0;
  #joinNumber = 0;
  /** How many pieces have no place yet. */
  pieces = 0;
  /** How many bytes are not with all servers. */
  bytes = 0;
  readonly #batchBytes: number;
  readonly #now: () => number;
  /** Those that have not come back, oldest first. */
  #batches: Batch[] = [];
  /** Those that have, and that not all servers have in their logs. */
  #unread: { readonly id: string; readonly bytes: number }[] = [];

  /** @param bytesMax the most bytes that are not with all servers */
  constructor(bytesMax: number, now: () => number) {
    this.#batchBytes = bytesMax / BATCHES;
    this.#now = now;
  }

  /** Since when the oldest batch waits to come back, in ms. */
  get sinceMs(): number | undefined {
    return this.#batches[0]?.sinceMs;
  }

  append(author: Author, run: Uint8Array): void {
    const { isPassing = false } = author;
    let batch = this.#growing();
    const isFull = batch.bytes + run.length > this.#batchBytes;
    if (batch.bytes > 0 && (isFull || batch.isPassing !== isPassing)) batch = this.#begin();
    batch.isPassing = isPassing;
    batch.bytes += run.length;
    this.bytes += run.length;
    this.#put(batch, { author, run: new Uint8Array(run) });
  }

  /** Adds what has no lines to what is sent next. */
  add(request: Request): void {
    this.#put(this.#growing(), { ...request, author: NOBODY, run: NOTHING });
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
    const batch = { pieces: [], bytes: 0, isPassing: false, sinceMs: this.#now(), number: 0 };
    this.#batches.push(batch);
    return batch;
  }

  /** This server joins, over a new connection: what has not come back is sent again. */
  join(): number {
    return (this.#joinNumber = ++this.number);
  }

  /** The next batches that may be sent; an empty one if there is none at all, and one is needed. */
  take(isNeeded: boolean): readonly Batch[] {
    if (isNeeded && this.#batches.length === 0) this.#begin();
    let sent = 0;
    while ((this.#batches[sent]?.number ?? 0) > this.#joinNumber) sent++;
    const next = this.#batches.slice(sent, ON_THEIR_WAY_MAX);
    for (const batch of next) batch.number = ++this.number;
    return next;
  }

  /**
   * The oldest batch has come back, if that is it: its pieces have their place.
   *
   * @param isLate whether this server has joined again since: it may have been considered down before
   */
  takeBack({ id, number, granted }: Entry, isLate: boolean): Batch | undefined {
    const [batch] = this.#batches;
    if (number !== batch?.number) return undefined;
    const { pieces, bytes } = batch;
    this.#batches.shift();
    this.pieces -= pieces.length;
    if (bytes > 0) this.#unread.push({ id, bytes });
    const answers = pieces.flatMap(({ answer }) => answer ?? []);
    for (const [at, answer] of answers.entries()) answer(isLate ? undefined : granted[at] === "1");
    return batch;
  }

  /** All servers have what is before an id, and that. */
  release(id: string): void {
    while (this.#unread[0] && compareIds(this.#unread[0].id, id) <= 0)
      this.bytes -= this.#unread.shift()?.bytes ?? 0;
  }

  /** Forgets everything; returns what has no place. */
  clear(): readonly Piece[] {
    const unplaced = this.#batches.flatMap(({ pieces }) => pieces);
    [this.#batches, this.#unread] = [[], []];
    this.pieces = this.bytes = 0;
    return unplaced;
  }
}
