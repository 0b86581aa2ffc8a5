/**
 * The order of a room of several servers: that of a stream which they share. What is sent here is
 * added to it in batches, and gets into the log by being read back, as what is sent elsewhere does.
 * A batch is kept until it is read back, and what it has taken counts until all servers have it.
 *
 * The way of a line: `append` puts it into a batch; `take` makes an entry of that, which the `Session`
 * adds to the stream and reads back; `receive` gives it its place; `moveToLog` puts it into the log.
 */

import { countLines } from "../program/lines.ts";
import { DISCONNECTS, REFUSALS } from "../program/server-messages.ts";
import { LF } from "../room/line-buffer.ts";
import type { Author, Order } from "../room/order.ts";
import type { Room } from "../room/room.ts";
import { compareIds, type Entry, type Joined, type NewEntry, Peers, START } from "./stream.ts";

/** While so many pieces wait for their place, nobody can send or join: each that joins would leave. */
const PIECES_MAX = 32 << 10;
/** A batch takes no more once it has such a part of what may be sent before all have read it. */
const BATCHES = 32;
/** The others are told of each such part of that; and something at least so often. */
const TELLS = 8;
export const TICK_MS = 1_000;

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

/** What goes into the stream at a time. It stays as it is, as it may be added again. */
interface Batch {
  readonly entry: NewEntry;
  readonly pieces: readonly Piece[];
  readonly sinceMs: number;
}

export class StreamOrder implements Order {
  /** Undefined until it begins. */
  room: Room | undefined;
  /** What this server is called; it joins under a new name each time. */
  name = "";
  /** Whether this server has joined the others, and has everything that was sent since then. */
  isMember = false;
  readonly peers = new Peers();
  /** Does the work of a turn: that of the `Session`. */
  readonly flush: (now: number) => number;
  /** How many bytes were taken, ever, and how many of these are not with all servers. */
  head = 0;
  takenBytes = 0;
  /** The last entry received; the last one of which all is in the log, and where that ends there. */
  position = START;
  #read = START;
  #readHead = 0;
  /** When the others were told of that last, and where it ended then. */
  #toldAtMs = 0;
  #toldHead = 0;
  readonly #takenBytesMax: number;
  /** How many pieces have no place yet; those that are in no batch. */
  #pieces = 0;
  #unsent: Piece[] = [];
  /** Those that have not come back, oldest first; `#sent` of them are on their way. */
  #batches: Batch[] = [];
  #sent = 0;
  /** That of joining is 1. */
  #lastNumber = 1;
  /** Those that have come back, and that not all servers have in their logs. */
  #unread: { id: string; bytes: number }[] = [];
  /** What has its place and waits for room in the log. */
  #placed: Piece[] = [];
  /** Authors of what was sent at other servers. */
  readonly #others: Author = { lastRun: -1 };
  readonly #passingOthers: Author = { lastRun: -1, isPassing: true };

  /** @param takenBytesMax the most bytes taken that a server has not read yet */
  constructor(takenBytesMax: number, flush: (now: number) => number) {
    this.#takenBytesMax = takenBytesMax;
    this.flush = flush;
  }

  get now(): number {
    return this.room?.now() ?? 0;
  }

  get freeBytes(): number {
    return this.#pieces < PIECES_MAX ? this.#takenBytesMax - this.takenBytes : 0;
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
    return this.now - (this.#batches[0]?.sinceMs ?? this.now);
  }

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
    this.#unsent.push({ ...piece, author, run });
    this.#pieces++;
    // Lines come within a turn.
    if (run.length === 0) this.room?.wake(0);
  }

  /**
   * What is to be added to the stream next, at most so many entries. From time to time there is one
   * without lines, which tells the others how far this server has read.
   */
  take(most: number): readonly NewEntry[] {
    while (this.#unsent.length > 0 && this.#batches.length < this.#sent + most) this.#makeBatch();
    const isMuch = this.#readHead - this.#toldHead >= this.#takenBytesMax / TELLS;
    const isDue = isMuch || this.now - this.#toldAtMs >= TICK_MS;
    if (isDue && this.#sent === this.#batches.length) this.#makeBatch();
    const batches = this.#batches.slice(this.#sent, this.#sent + most);
    if (batches.length > 0) [this.#toldAtMs, this.#toldHead] = [this.now, this.#readHead];
    this.#sent += batches.length;
    return batches.map(({ entry }) => entry);
  }

  /** This server is here: what has not come back is added again, or it begins behind its joining. */
  goOn(joined: Joined | undefined): void {
    this.#sent = 0;
    this.#toldAtMs = Number.NEGATIVE_INFINITY;
    if (joined === undefined) return;
    this.isMember = true;
    this.position = this.#read = joined.id;
    this.peers.begin(joined.others);
    for (const lines of joined.history) this.#place(this.#others, lines);
    this.moveToLog();
  }

  /** Takes in an entry; returns why this server is out of sync, if the entry does not follow. */
  receive(entry: Entry): string | undefined {
    const { id, after, by, number, lines, isPassing } = entry;
    const isOwn = by === this.name;
    if (after !== this.position || (isOwn && number !== this.#batches[0]?.entry.number))
      return `${id} in redis follows ${after}, and not ${this.position}`;
    this.position = id;
    this.peers.received(entry, isOwn);
    if (isOwn) this.#takeBack(entry);
    else this.#place(isPassing ? this.#passingOthers : this.#others, lines);
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
    if (this.#read === this.position || this.isHeldUp()) return;
    this.#read = this.position;
    this.#readHead = log.head;
    const tail = this.peers.tail(this.#read);
    while (this.#unread[0] && compareIds(this.#unread[0].id, tail) <= 0)
      this.takenBytes -= this.#unread.shift()?.bytes ?? 0;
  }

  /** Forgets everything, and disconnects all members; returns how many of their lines are lost. */
  abandon(areBatchesLost: boolean): number {
    const placed = this.#placed;
    const unplaced = [...this.#batches.flatMap(({ pieces }) => pieces), ...this.#unsent];
    [this.#placed, this.#batches, this.#unsent, this.#unread] = [[], [], [], []];
    this.#sent = this.#pieces = this.takenBytes = 0;
    this.#lastNumber = 1;
    this.isMember = false;
    let lines = 0;
    const lose = (run: Uint8Array) => void (lines += countLines(run));
    this.room?.restart({ reason: "out of sync", message: DISCONNECTS.outOfSync }, lose);
    for (const { done } of [...placed, ...unplaced]) done?.();
    for (const { author, run } of unplaced) if (areBatchesLost && !author.isPassing) lose(run);
    return lines;
  }

  /** Makes a batch of the oldest pieces: lines of one kind, and no more once they are so many. */
  #makeBatch(): void {
    let [count, bytes] = [0, 0];
    let kind: boolean | undefined;
    for (const { author, run } of this.#unsent) {
      const { isPassing = false } = author;
      if (run.length > 0 && isPassing !== (kind ??= isPassing)) break;
      count++;
      bytes += run.length;
      if (bytes >= this.#takenBytesMax / BATCHES) break;
    }
    const pieces = this.#unsent.splice(0, count);
    const lines = Buffer.concat(pieces.map(({ run }) => run)).toString("latin1");
    const requests = pieces.flatMap(({ request }) => request ?? []);
    const [by, read, tail] = [this.name, this.#read, this.peers.tail(this.#read)];
    const number = ++this.#lastNumber;
    const entry = { by, number, read, tail, lines, isPassing: kind ?? false, requests };
    this.#batches.push({ entry, pieces, sinceMs: this.now });
  }

  #place(author: Author, lines: string): void {
    this.#placed.push({ author, run: Buffer.from(lines, "latin1") });
  }

  /** The oldest batch has come back. */
  #takeBack({ id, lines, granted }: Entry): void {
    const pieces = this.#batches.shift()?.pieces ?? [];
    // One that was sent over a lost connection may come back before it is sent again.
    this.#sent = Math.max(0, this.#sent - 1);
    this.#pieces -= pieces.length;
    if (lines.length > 0) this.#unread.push({ id, bytes: lines.length });
    for (const piece of pieces) this.#placed.push(piece);
    const answers = pieces.flatMap(({ answer }) => answer ?? []);
    for (const [at, answer] of answers.entries()) answer(granted[at] === "1");
  }
}
