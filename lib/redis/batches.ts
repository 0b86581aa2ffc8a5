/**
 * What is said at this server, from when it is taken to when all servers have it:
 * in batches of whole lines, numbered, and bounded.
 */

import { countLines } from "../room/line-buffer.ts";
import type { Speaker } from "../room/line-log.ts";
import { compareIds } from "./stream.ts";

/** The most pieces that wait for their place, and how many more may, of members that leave. */
const PIECES_MAX = 32 << 10;
const LEAVES_MAX = 16 << 10;
/** The most batches on their way at a time; under load, the next one grows meanwhile. */
const SENT_MAX = 4;
/** The number after that of coming. */
const FIRST_NUMBER = 2;

export interface BatchesOptions {
  /** The longest line, in bytes. */
  readonly lineBytesMax: number;
  /** The most bytes taken that a server has not read yet; 2 MiB, or twice the longest line, by default. */
  readonly takenBytesMax?: number;
  /** A batch takes no more once it has so many bytes; 64 KiB by default. */
  readonly batchBytes?: number;
}

/** Lines of one speaker, or none; and what is to be done once they are in the log. */
export interface Piece {
  readonly speaker: Speaker;
  readonly run: Uint8Array;
  readonly done?: () => void;
}

/** A piece without lines. */
export const EMPTY: Piece = { speaker: { lastRun: -1 }, run: new Uint8Array(0) };

/** What goes into the stream at a time. */
export interface Batch {
  /** Undefined until it is sent; then it stays as it is, because it may be sent again. */
  number: number | undefined;
  readonly pieces: Piece[];
  bytes: number;
  /** When it was begun. */
  readonly sinceMs: number;
}

export type SentBatch = Batch & { number: number };

export class Batches {
  readonly takenBytesMax: number;
  readonly #batchBytes: number;
  readonly #now: () => number;
  /** Those that are not in the log yet, oldest first; `#sent` of them are on their way, or back. */
  #batches: Batch[] = [];
  #sent = 0;
  #nextNumber = FIRST_NUMBER;
  #pieces = 0;
  /** Those that are in the log, and that others have not read. */
  #unread: { id: string; bytes: number }[] = [];
  #takenBytes = 0;
  /** How many bytes were taken, ever. */
  head = 0;

  constructor(options: BatchesOptions, now: () => number) {
    const { lineBytesMax, takenBytesMax = 2 << 20, batchBytes = 64 << 10 } = options;
    this.#now = now;
    this.takenBytesMax = Math.max(takenBytesMax, 2 * lineBytesMax);
    this.#batchBytes = batchBytes;
  }

  get freeBytes(): number {
    return this.#pieces < PIECES_MAX ? this.takenBytesMax - this.#takenBytes : 0;
  }

  /** Whether so many wait that nobody is to come who would leave one more. */
  get areMany(): boolean {
    return this.#pieces >= PIECES_MAX + LEAVES_MAX;
  }

  /** What was taken and is not with all servers, in bytes. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** How long the oldest one has been on its way to the log, in ms. */
  get waitingMs(): number {
    const now = this.#now();
    return now - (this.#batches[0]?.sinceMs ?? now);
  }

  /** Whether nothing that was taken is on its way to the log. */
  get isIdle(): boolean {
    return this.#pieces === 0;
  }

  /** Whether a batch waits to be sent. */
  get hasUnsent(): boolean {
    return this.#sent < this.#batches.length;
  }

  /** Takes a run, of which it keeps a copy. */
  append(speaker: Speaker, run: Uint8Array): void {
    this.#add({ speaker, run: new Uint8Array(run) });
    this.head += run.length;
    this.#takenBytes += run.length;
  }

  /** Takes something to be done in its place. */
  after(done: () => void): void {
    this.#add({ ...EMPTY, done });
  }

  /** One without lines, to tell the others something. */
  addEmpty(): void {
    this.#batches.push({ number: undefined, pieces: [], bytes: 0, sinceMs: this.#now() });
  }

  /** The last one, numbered as those before it are; undefined if lines would come after it. */
  goodbye(): SentBatch | undefined {
    const unsent = this.#batches.splice(this.#sent);
    if (unsent.some(({ pieces }) => pieces.length > 0)) {
      this.#batches.push(...unsent);
      return undefined;
    }
    this.addEmpty();
    return this.#send();
  }

  /** The next one to be sent, which then counts as sent. */
  takeNext(): SentBatch | undefined {
    return this.#sent < SENT_MAX ? this.#send() : undefined;
  }

  /** What was sent and not received is sent again, from the one after this number on. */
  sendAgainAfter(number: number): void {
    this.#sent = this.#batches.filter((batch) => (batch.number ?? number + 1) <= number).length;
  }

  /** The one that was received, by its number. */
  received(number: number): readonly Piece[] {
    return this.#batches.find((batch) => batch.number === number)?.pieces ?? [];
  }

  /** The oldest one is in the log; it has this place. */
  heard(id: string): void {
    const batch = this.#batches.shift();
    if (batch === undefined) return;
    this.#sent--;
    this.#pieces -= batch.pieces.length;
    if (batch.bytes > 0) this.#unread.push({ id, bytes: batch.bytes });
  }

  /** All servers have what is up to this place. */
  readByAll(id: string): void {
    const isRead = (unread: { id: string }) => compareIds(unread.id, id) <= 0;
    for (let first = this.#unread[0]; first && isRead(first); first = this.#unread[0]) {
      this.#takenBytes -= first.bytes;
      this.#unread.shift();
    }
  }

  /**
   * Forgets everything.
   *
   * @returns how many lines have no place for all that is known, those after a number
   */
  dropAfter(number: number): number {
    const lost = this.#batches.filter((batch) => (batch.number ?? number + 1) > number);
    const pieces = lost.flatMap((batch) => batch.pieces);
    this.#batches = [];
    this.#unread = [];
    this.#sent = this.#pieces = this.#takenBytes = 0;
    this.#nextNumber = FIRST_NUMBER;
    return pieces.reduce((lines, { run }) => lines + countLines(run), 0);
  }

  #send(): SentBatch | undefined {
    const batch = this.#batches[this.#sent];
    if (batch === undefined) return undefined;
    this.#sent++;
    const number = (batch.number ??= this.#nextNumber++);
    return Object.assign(batch, { number });
  }

  #add(piece: Piece): void {
    let batch = this.#batches.at(-1);
    if (batch === undefined || batch.number !== undefined || batch.bytes >= this.#batchBytes) {
      this.addEmpty();
      batch = this.#batches.at(-1);
    }
    batch?.pieces.push(piece);
    if (batch) batch.bytes += piece.run.length;
    this.#pieces++;
  }
}

/** The lines of a batch as the stream has them. */
export function linesOf({ pieces }: Batch): string {
  return Buffer.concat(pieces.map(({ run }) => run)).toString("latin1");
}
