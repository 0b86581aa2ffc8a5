/**
 * The order of a room of several servers: that of a stream which they share. What is sent here is
 * added to it in batches, and gets into the log by being read back, as what is sent elsewhere does.
 * A batch is kept until it is read back, and what it has taken counts until all servers have it.
 *
 * The way of a line: `append` puts it into a batch; the `Session` adds that to the stream, and reads
 * it back; `receive` gives it its place; `moveToLog` puts it into the log.
 */

import { countLines } from "../program/lines.ts";
import { DISCONNECTS, REFUSALS } from "../program/server-messages.ts";
import { LF } from "../room/line-buffer.ts";
import type { Author, Order } from "../room/order.ts";
import type { Room } from "../room/room.ts";
import { Peers } from "./peers.ts";
import { compareIds, type Entry, type Joined, START } from "./stream.ts";

/** While so many pieces wait for their place, nobody can send or join: each that joins would leave. */
const PIECES_MAX = 32 << 10;
/** The number of joining. */
const FIRST_NUMBER = 1;

/** Lines of one author, or none; or a request. */
interface Piece {
  readonly author: Author;
  /** What of it is not in the log yet. */
  run: Uint8Array;
  /** What is to be done once it is in the log. */
  readonly done?: () => void;
  /** See `NewEntry`. */
  readonly request?: string;
  /** Told whether a name was reserved. */
  readonly answer?: (granted: boolean) => void;
}

/** What goes into the stream at a time. Once it is sent, it stays as it is, as it may be sent again. */
export interface Batch {
  readonly number: number;
  readonly pieces: Piece[];
  bytes: number;
  /** Whether its lines are only for those that are here, and no history. */
  readonly isPassing: boolean;
  /** When it was begun. */
  readonly sinceMs: number;
  isSent: boolean;
}

export class StreamOrder implements Order {
  /** Undefined until it begins. */
  room: Room | undefined;
  readonly peers = new Peers();
  readonly takenBytesMax: number;
  /** Does the work of a turn: that of the `Session`. */
  readonly flush: (now: number) => number;
  /** Whether this server has joined the others, and has everything that was sent since then. */
  isMember = false;
  /** How many bytes were taken, ever, and how many of these are not with all servers. */
  head = 0;
  takenBytes = 0;
  /** The last entry received, and the last one that is in the log. */
  position = START;
  read = START;
  /** How much is in the log that the others do not know of, in bytes. */
  untoldBytes = 0;
  readonly #batchBytes: number;
  /** Those that have not come back, oldest first; `#sent` of them are on their way. */
  #batches: Batch[] = [];
  #sent = 0;
  /** How many pieces are in them. */
  #pieces = 0;
  #lastNumber = FIRST_NUMBER;
  /** Those that have come back, and that not all servers have in their logs. */
  #unread: { id: string; bytes: number }[] = [];
  /** What has its place and waits for room in the log. */
  #placed: Piece[] = [];
  /** Authors of what was sent at other servers. */
  readonly #others: Author = { lastRun: -1 };
  readonly #passingOthers: Author = { lastRun: -1, isPassing: true };

  /**
   * @param takenBytesMax the most bytes taken that a server has not read yet
   * @param batchBytes a batch takes no more once it has so many
   */
  constructor(takenBytesMax: number, batchBytes: number, flush: (now: number) => number) {
    this.takenBytesMax = takenBytesMax;
    this.#batchBytes = batchBytes;
    this.flush = flush;
  }

  get now(): number {
    return this.room?.now() ?? 0;
  }

  get freeBytes(): number {
    return this.#pieces < PIECES_MAX ? this.takenBytesMax - this.takenBytes : 0;
  }

  get refusal(): string | undefined {
    return this.isMember && this.#pieces < PIECES_MAX ? undefined : REFUSALS.notInRoom;
  }

  get isSettled(): boolean {
    return this.#pieces === 0 && !this.isHeldUp();
  }

  isHeldUp(): boolean {
    return this.#placed.length > 0;
  }

  /** How long the oldest batch has waited to come back, in ms. */
  get waitingMs(): number {
    const [oldest] = this.#batches;
    return oldest === undefined ? 0 : this.now - oldest.sinceMs;
  }

  /** Whether a batch waits to be sent. */
  get hasUnsent(): boolean {
    return this.#sent < this.#batches.length;
  }

  /** Takes a run, of which it keeps a copy. */
  append(author: Author, run: Uint8Array): void {
    this.add({ author, run: new Uint8Array(run) });
    this.head += run.length;
    this.takenBytes += run.length;
  }

  after(done: () => void): void {
    // After a restart there is nothing to wait for.
    if (!this.isMember && this.isSettled) done();
    else this.add({ done });
  }

  /** Adds to what is sent next. */
  add(piece: Partial<Piece>): void {
    const { author = { lastRun: -1 }, run = new Uint8Array(0) } = piece;
    const { isPassing = false } = author;
    let batch = this.#batches.at(-1);
    const isOpen = batch && !batch.isSent && batch.bytes < this.#batchBytes;
    const isOtherKind = run.length > 0 && batch?.isPassing !== isPassing;
    if (!batch || !isOpen || isOtherKind) batch = this.begin(isPassing);
    batch.pieces.push({ ...piece, author, run });
    batch.bytes += run.length;
    this.#pieces++;
    // Lines come within a turn.
    if (run.length === 0) this.room?.wake(0);
  }

  /** Begins a batch; without lines, it tells the others how far this server has read. */
  begin(isPassing = false): Batch {
    const [number, sinceMs] = [++this.#lastNumber, this.now];
    const batch = { number, pieces: [], bytes: 0, isPassing, sinceMs, isSent: false };
    this.#batches.push(batch);
    return batch;
  }

  /** The batches to be sent next, so many at most; they count as sent then. */
  take(most: number): readonly Batch[] {
    const batches = this.#batches.slice(this.#sent, this.#sent + most);
    this.#sent += batches.length;
    for (const batch of batches) batch.isSent = true;
    return batches;
  }

  /** What has not come back is to be sent again. */
  sendAgain(): void {
    this.#sent = 0;
  }

  /** Begins behind the entry with which the server has joined; what was sent before is history. */
  joined({ id, others, history }: Joined): void {
    this.isMember = true;
    this.position = this.read = id;
    this.peers.begin(others);
    for (const lines of history) this.#place(this.#others, lines);
    this.moveToLog();
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
      const tail = this.peers.tail(id);
      while (this.#unread[0] && compareIds(this.#unread[0].id, tail) <= 0)
        this.takenBytes -= this.#unread.shift()?.bytes ?? 0;
    });
    return undefined;
  }

  /** Moves what fits to the log, whole lines, and does what is to be done then. */
  moveToLog(): void {
    if (this.room === undefined) return;
    const { log } = this.room;
    const { head } = log;
    let moved = 0;
    for (const piece of this.#placed) {
      const { author, run, done } = piece;
      const end = log.freeBytes > 0 ? run.lastIndexOf(LF, log.freeBytes - 1) + 1 : 0;
      if (end > 0) log.append(author, run.subarray(0, end));
      piece.run = run.subarray(end);
      if (end < run.length) break;
      moved++;
      done?.();
    }
    this.#placed.splice(0, moved);
    if (log.head !== head) this.room.wake(0);
  }

  /**
   * Forgets everything, and disconnects all members; returns how many of their lines are lost.
   *
   * @param haveNoPlace whether those in batches are
   */
  abandon(haveNoPlace: boolean): number {
    const [placed, batches] = [this.#placed, this.#batches];
    [this.#placed, this.#batches, this.#unread] = [[], [], []];
    this.#sent = this.#pieces = this.takenBytes = 0;
    this.#lastNumber = FIRST_NUMBER;
    this.isMember = false;
    let lines = 0;
    const lose = (run: Uint8Array) => void (lines += countLines(run));
    this.room?.restart({ reason: "out of sync", message: DISCONNECTS.outOfSync }, lose);
    for (const { author, done } of placed) if (author !== this.#others) done?.();
    for (const { pieces, isPassing } of batches)
      for (const { run, done } of pieces) {
        done?.();
        if (haveNoPlace && !isPassing) lose(run);
      }
    return lines;
  }

  #place(author: Author, lines: string, done = () => {}): void {
    this.#placed.push({ author, run: Buffer.from(lines, "latin1"), done });
  }

  /** The oldest batch has come back. */
  #takeBack({ id, granted }: Entry): void {
    const { pieces = [], bytes = 0 } = this.#batches.shift() ?? {};
    // One that was sent over a lost connection may come back before it is sent again.
    this.#sent = Math.max(0, this.#sent - 1);
    this.#pieces -= pieces.length;
    if (bytes > 0) this.#unread.push({ id, bytes });
    for (const piece of pieces) this.#placed.push(piece);
    const answers = pieces.flatMap(({ answer }) => answer ?? []);
    for (const [at, answer] of answers.entries()) answer(granted[at] === "1");
  }
}
