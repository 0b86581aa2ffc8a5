/**
 * What is on its way: what is sent at this server, in numbered batches, until all servers have it;
 * and what is read from the stream, until it is in the log.
 */

import { LF } from "../room/line-buffer.ts";
import type { LineLog } from "../room/line-log.ts";
import type { Author } from "../room/order.ts";
import { Peers } from "./peers.ts";
import { compareIds, type Entry, type Joined, START } from "./stream.ts";

/** The most pieces that wait for their place; of members that leave, there may be more. */
const PIECES_MAX = 32 << 10;
/** The number of joining. */
const FIRST_NUMBER = 1;

export interface InFlightOptions {
  /** The most bytes taken that a server has not read yet: at least those of the longest line. */
  readonly takenBytesMax: number;
  /** A batch takes no more once it has so many bytes; 64 KiB by default. */
  readonly batchBytes?: number;
}

/** Lines of one author, or none; or a request. */
export interface Piece {
  readonly author: Author;
  /** What of it is not in the log yet. */
  run: Uint8Array;
  /** What is to be done once it is in the log. */
  readonly done?: () => void;
  /** See `NewEntry`. */
  readonly request?: string;
  /** Told whether a name was reserved. */
  readonly answer?: ((granted: boolean) => void) | undefined;
}

/** What goes into the stream at a time. Once it is sent, it stays as it is, as it may be sent again. */
export interface Batch {
  readonly number: number;
  readonly pieces: Piece[];
  bytes: number;
  /** Whether its lines are only for those that are here, and no history. */
  isPassing: boolean;
  /** When it was begun. */
  readonly sinceMs: number;
  /** Whether it is known to be in the stream. */
  isAdded: boolean;
}

export class InFlight {
  readonly peers = new Peers();
  readonly takenBytesMax: number;
  /** How many bytes were taken, ever, and how many of these are not with all servers. */
  head = 0;
  takenBytes = 0;
  /** How many pieces are in batches. */
  pieces = 0;
  /** The last entry received, and the last one that is in the log. */
  position = START;
  read = START;
  /** How much is in the log that the others do not know of, in bytes. */
  untoldBytes = 0;
  readonly #batchBytes: number;
  readonly #now: () => number;
  /** Those that have not come back, oldest first; `#sent` of them are on their way. */
  #batches: Batch[] = [];
  #sent = 0;
  /** The numbers of the last one of all, and of the last one ever sent. */
  #lastNumber = FIRST_NUMBER;
  #lastSent = FIRST_NUMBER;
  /** Those that have come back, and that not all servers have in their logs. */
  #unread: { id: string; bytes: number }[] = [];
  /** What has its place and waits for room in the log. */
  #placed: Piece[] = [];
  /** Authors of what was sent at other servers. */
  readonly #others: Author = { lastRun: -1 };
  readonly #passingOthers: Author = { lastRun: -1, isPassing: true };

  constructor(options: InFlightOptions, now: () => number) {
    this.#now = now;
    this.takenBytesMax = options.takenBytesMax;
    this.#batchBytes = options.batchBytes ?? 64 << 10;
  }

  get freeBytes(): number {
    return this.pieces < PIECES_MAX ? this.takenBytesMax - this.takenBytes : 0;
  }

  /** How long the oldest batch has waited to come back, in ms. */
  get waitingMs(): number {
    const now = this.#now();
    return now - (this.#batches[0]?.sinceMs ?? now);
  }

  /** Whether a batch waits to be sent. */
  get hasUnsent(): boolean {
    return this.#sent < this.#batches.length;
  }

  /** Whether something waits for room in the log. */
  get isHeldUp(): boolean {
    return this.#placed.length > 0;
  }

  /** How far all servers have read. */
  get tail(): string {
    return this.peers.tail(this.read);
  }

  /** Takes a run, of which it keeps a copy. */
  append(author: Author, run: Uint8Array): void {
    this.add({ author, run: new Uint8Array(run) });
    this.head += run.length;
    this.takenBytes += run.length;
  }

  add(piece: Partial<Piece>): void {
    const { author = { lastRun: -1 }, run = new Uint8Array(0) } = piece;
    const isPassing = author.isPassing === true;
    let batch = this.#batches.at(-1);
    const isOpen = batch && batch.number > this.#lastSent && batch.bytes < this.#batchBytes;
    const isOtherKind = batch && batch.bytes * run.length > 0 && batch.isPassing !== isPassing;
    if (!batch || !isOpen || isOtherKind) batch = this.addEmpty();
    batch.pieces.push({ ...piece, author, run });
    batch.bytes += run.length;
    batch.isPassing ||= isPassing;
    this.pieces++;
  }

  /** Adds a batch without lines, to tell the others something. */
  addEmpty(): Batch {
    const number = ++this.#lastNumber;
    const sinceMs = this.#now();
    const batch = { number, pieces: [], bytes: 0, isPassing: false, sinceMs, isAdded: false };
    this.#batches.push(batch);
    return batch;
  }

  /** The batches to be sent next, so many at most; they count as sent then. */
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

  /** Begins behind the entry with which the server has joined; what was sent before is history. */
  begin({ id, others, history }: Joined): void {
    this.position = this.read = id;
    this.peers.begin(others);
    for (const lines of history) this.#place(this.#others, lines);
  }

  /** Takes in an entry; returns why this server is out of sync, if the entry does not follow. */
  receive(entry: Entry, isOwn: boolean): string | undefined {
    const { id, after, number, lines, isPassing } = entry;
    if (after !== this.position || (isOwn && number !== this.#batches[0]?.number))
      return `${id} in redis follows ${after}, and not ${this.position}`;
    this.position = id;
    this.peers.received(entry, isOwn);
    if (isOwn) this.#takeBack(entry);
    else this.#place(isPassing ? this.#passingOthers : this.#others, lines);
    this.#place(this.#others, "", () => {
      this.read = id;
      if (!isOwn) this.untoldBytes += lines.length;
      this.#forgetWhatAllHave();
    });
    return undefined;
  }

  /** Moves what fits to the log, whole lines, and does what is to be done then. */
  moveTo(log: LineLog): void {
    let moved = 0;
    for (const piece of this.#placed) {
      if (!moveLines(piece, log)) break;
      moved++;
      piece.done?.();
    }
    this.#placed.splice(0, moved);
  }

  /** Forgets everything; returns what was sent here and has a place, but is not in the log, and the rest. */
  drop(): { placed: readonly Piece[]; batches: readonly Batch[] } {
    const [placed, batches] = [this.#placed, this.#batches];
    this.#placed = [];
    this.#batches = [];
    this.#unread = [];
    this.#sent = this.pieces = this.takenBytes = 0;
    this.#lastNumber = this.#lastSent = FIRST_NUMBER;
    return { placed: placed.filter(({ author }) => author !== this.#others), batches };
  }

  #place(author: Author, lines: string, done = () => {}): void {
    this.#placed.push({ author, run: Buffer.from(lines, "latin1"), done });
  }

  /** The oldest batch has come back. */
  #takeBack({ id, granted }: Entry): void {
    const { pieces = [], bytes = 0 } = this.#batches.shift() ?? {};
    // One that was sent over a lost connection may come back before it is sent again.
    this.#sent = Math.max(0, this.#sent - 1);
    this.pieces -= pieces.length;
    if (bytes > 0) this.#unread.push({ id, bytes });
    for (const piece of pieces) this.#placed.push(piece);
    const answers = pieces.flatMap(({ answer }) => answer ?? []);
    for (const [at, answer] of answers.entries()) answer(granted[at] === "1");
  }

  #forgetWhatAllHave(): void {
    const { tail } = this;
    for (
      let [batch] = this.#unread;
      batch && compareIds(batch.id, tail) <= 0;
      [batch] = this.#unread
    ) {
      this.takenBytes -= batch.bytes;
      this.#unread.shift();
    }
  }
}

/** Moves whole lines to the log, as far as there is room; returns whether that was all. */
function moveLines(piece: Piece, log: LineLog): boolean {
  const { author, run } = piece;
  const end = log.freeBytes > 0 ? run.lastIndexOf(LF, log.freeBytes - 1) + 1 : 0;
  if (end > 0) log.append(author, run.subarray(0, end));
  piece.run = run.subarray(end);
  return end === run.length;
}
