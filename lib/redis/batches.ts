/**
 * What is sent at this server, from when it is taken to when all servers have it: in batches, which
 * are numbered and bounded.
 */

import type { Author } from "../room/order.ts";
import { compareIds } from "./stream.ts";

/** The most pieces that wait for their place; of members that leave, there may be more. */
const PIECES_MAX = 32 << 10;
/** The number of joining. */
const FIRST_NUMBER = 1;

export interface BatchesOptions {
  /** The most bytes taken that a server has not read yet: at least those of the longest line. */
  readonly takenBytesMax: number;
  /** A batch takes no more once it has so many bytes; 64 KiB by default. */
  readonly batchBytes?: number;
}

/** Lines of one author, or none; or a request. */
export interface Piece {
  readonly author: Author;
  readonly run: Uint8Array;
  /** What is to be done once it is in the log. */
  readonly done?: () => void;
  /** See `NewEntry`. */
  readonly request?: string;
  /** Told whether a name was reserved. */
  readonly answer?: ((granted: boolean) => void) | undefined;
}

/** A piece without lines. */
export const EMPTY: Piece = { author: { lastRun: -1 }, run: new Uint8Array(0) };

/** What goes into the stream at a time. Once it is sent, it stays as it is, as it may be sent again. */
export interface Batch {
  readonly number: number;
  readonly pieces: Piece[];
  bytes: number;
  /** Whether its lines are only for those that are here, and no history. */
  isPassing: boolean;
  /** When it was begun. */
  readonly sinceMs: number;
}

export class Batches {
  readonly takenBytesMax: number;
  readonly #batchBytes: number;
  readonly #now: () => number;
  /** Those that have not come back, oldest first; `#sent` of them are on their way. */
  #batches: Batch[] = [];
  #sent = 0;
  /** The numbers of the last one of all, and of the last one ever sent. */
  #lastNumber = FIRST_NUMBER;
  #lastSent = FIRST_NUMBER;
  /** How many pieces are in them, or wait for room in the log. */
  pieces = 0;
  /** Those that have come back, and that not all servers have in their logs. */
  #unread: { id: string; bytes: number }[] = [];
  /** What was taken and is not with all servers, in bytes. */
  takenBytes = 0;
  /** How many bytes were taken, ever. */
  head = 0;

  constructor(options: BatchesOptions, now: () => number) {
    this.#now = now;
    this.takenBytesMax = options.takenBytesMax;
    this.#batchBytes = options.batchBytes ?? 64 << 10;
  }

  get freeBytes(): number {
    return this.pieces < PIECES_MAX ? this.takenBytesMax - this.takenBytes : 0;
  }

  /** How long the oldest one has waited to come back, in ms. */
  get waitingMs(): number {
    const now = this.#now();
    return now - (this.#batches[0]?.sinceMs ?? now);
  }

  /** Whether one waits to be sent. */
  get hasUnsent(): boolean {
    return this.#sent < this.#batches.length;
  }

  /** Takes a run, of which it keeps a copy. */
  append(author: Author, run: Uint8Array): void {
    this.add({ author, run: new Uint8Array(run) });
    this.head += run.length;
    this.takenBytes += run.length;
  }

  add(piece: Piece): void {
    const { author, run } = piece;
    const isPassing = author.isPassing === true;
    let batch = this.#batches.at(-1);
    const isOpen = batch && batch.number > this.#lastSent && batch.bytes < this.#batchBytes;
    const isOtherKind = batch && batch.bytes * run.length > 0 && batch.isPassing !== isPassing;
    if (!batch || !isOpen || isOtherKind) batch = this.addEmpty();
    batch.pieces.push(piece);
    batch.bytes += run.length;
    batch.isPassing ||= isPassing;
    this.pieces++;
  }

  /** Adds a batch without lines, to tell the others something. */
  addEmpty(): Batch {
    const number = ++this.#lastNumber;
    const batch = { number, pieces: [], bytes: 0, isPassing: false, sinceMs: this.#now() };
    this.#batches.push(batch);
    return batch;
  }

  /** Those to be sent next, so many at most; they count as sent then. */
  take(most: number): readonly Batch[] {
    const batches = this.#batches.slice(this.#sent, this.#sent + most);
    this.#sent += batches.length;
    this.#lastSent = Math.max(this.#lastSent, batches.at(-1)?.number ?? 0);
    return batches;
  }

  /** What has not come back is to be sent again. */
  sendAgain(): void {
    this.#sent = 0;
  }

  /** The oldest one has come back, from this place: it is not kept any more. */
  takeBack(id: string): Batch | undefined {
    const batch = this.#batches.shift();
    // One that was sent over a lost connection may come back before it is sent again.
    this.#sent = Math.max(0, this.#sent - 1);
    if (batch?.bytes) this.#unread.push({ id, bytes: batch.bytes });
    return batch;
  }

  /** All servers have what is up to this place. */
  readByAll(id: string): void {
    const unread = this.#unread.findIndex((batch) => compareIds(batch.id, id) > 0);
    const read = this.#unread.splice(0, unread < 0 ? this.#unread.length : unread);
    for (const { bytes } of read) this.takenBytes -= bytes;
  }

  /** Forgets everything; returns those that have not come back. */
  drop(): readonly Batch[] {
    const batches = this.#batches;
    this.#batches = [];
    this.#unread = [];
    this.#sent = this.pieces = this.takenBytes = 0;
    this.#lastNumber = this.#lastSent = FIRST_NUMBER;
    return batches;
  }
}
