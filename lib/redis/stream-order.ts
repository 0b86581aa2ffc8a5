/**
 * An order that several servers share: a run that is sent here gets its place in a stream, and comes
 * back from there into the log, as do those of other servers.
 *
 * `append` keeps a run in a batch, and `take` gives the batches that go into the stream. What was read
 * there comes back through three objects: a `RedisConnection` makes replies of bytes, a `StreamLink`
 * makes entries of replies, and here `receive` and `moveToLog` put the lines of each into the log.
 */

import { countLines } from "../extras/wrapped-lines.ts";
import { DISCONNECTS, REFUSALS } from "../program/server-messages.ts";
import { LF } from "../room/line-buffer.ts";
import type { Author, Order } from "../room/order.ts";
import type { Room } from "../room/room.ts";
import { Outgoing, type Piece, type Request } from "./outgoing.ts";
import { Kept, Peers } from "./peers.ts";
import {
  compareIds,
  type Entry,
  type Joining,
  type NewEntry,
  type Progress,
  type SessionOptions,
  START,
} from "./stream.ts";

/** While so many pieces wait for their place, nobody can send or join: each that joins would leave. */
const PIECES_MAX = 32 << 10;
/** The others are told of each such part of what may be sent before all have read it. */
const TELLS = 8;
const OUT_OF_SYNC = { reason: "out of sync", message: DISCONNECTS.outOfSync };

export class StreamOrder implements Order {
  /** Undefined until it begins. */
  room: Room | undefined;
  /** What this server is called; it has a new name each time it was out of sync. */
  name = "";
  /**
   * Whether clients may join: its log has the history that there was, and everything that was sent
   * since it joined first.
   */
  isMember = false;
  /** Where it has joined; undefined until it has, over this connection. */
  joinedAt: string | undefined;
  readonly outgoing: Outgoing;
  readonly peers = new Peers();
  readonly kept: Kept;
  /** Does the work of a turn: that of the `Session`. */
  readonly flush: (now: number) => number;
  /** How many bytes were taken, ever. */
  head = 0;
  /** The last entry that is known to be there. */
  last = START;
  /** The last entry received, and the last one of which all is in the log. */
  position = START;
  read = START;
  readonly #options: SessionOptions;
  /** Where it begins: with all that there is, as history, or "", with what follows its joining. */
  readonly #past: string;
  /** What has its place and waits for room in the log. */
  #placed: Piece[] = [];
  /** Where the log ended when the others were told how far it is. */
  #toldHead = 0;
  /** Authors of what was sent at other servers. */
  readonly #others: Author = { lastRun: -1 };
  readonly #passingOthers: Author = { lastRun: -1, isPassing: true };

  constructor(options: SessionOptions, flush: (now: number) => number) {
    this.#options = options;
    this.#past = options.kept.historyBytes > 0 ? START : "";
    this.outgoing = new Outgoing(options.takenBytesMax, () => this.now);
    this.kept = new Kept(options.kept);
    this.flush = flush;
  }

  get now(): number {
    return this.room?.now() ?? 0;
  }

  /** Whether it can send: it has read that it joined, and all of its own that was before that. */
  get isHere(): boolean {
    return this.joinedAt !== undefined && compareIds(this.position, this.joinedAt) >= 0;
  }

  /** Whether it has read nothing, and is to begin. */
  get isNew(): boolean {
    return this.position === START;
  }

  get freeBytes(): number {
    const { pieces, bytes } = this.outgoing;
    return pieces < PIECES_MAX ? this.#options.takenBytesMax - bytes : 0;
  }

  get refusal(): string | undefined {
    return this.isMember && this.outgoing.pieces < PIECES_MAX ? undefined : REFUSALS.notInRoom;
  }

  get isSettled(): boolean {
    return this.outgoing.pieces === 0 && !this.isHeldUp();
  }

  isHeldUp(): boolean {
    return this.#placed.length > 0;
  }

  append(author: Author, run: Uint8Array): void {
    this.outgoing.append(author, run);
    this.head += run.length;
  }

  after(done: () => void): void {
    // After a restart there is nothing to wait for.
    if (!this.isMember && this.isSettled) done();
    else this.add({ done });
  }

  add(request: Request): void {
    this.outgoing.add(request);
    this.room?.wake(0);
  }

  /**
   * What is to be added to the stream next. After much was read, there is an entry even without lines,
   * which tells the others how far this server has read.
   */
  take(): readonly NewEntry[] {
    const { name: by, read, kept, peers, room } = this;
    const readHead = this.isHeldUp() ? this.#toldHead : (room?.log.head ?? 0);
    const isMuch = readHead - this.#toldHead >= this.#options.takenBytesMax / TELLS;
    const batches = this.outgoing.take(isMuch);
    if (batches.length > 0) this.#toldHead = readHead;
    kept.forget(this.now);
    return batches.map(({ number, isPassing, pieces }) => {
      const tail = peers.tail(read, kept.start);
      const runs = pieces.map(({ run }) => run);
      const requests = pieces.flatMap(({ request }) => request ?? []);
      return { by, number, read, tail, runs, isPassing, requests };
    });
  }

  /** What to tell that it is there with. */
  progress(): Progress {
    return { by: this.name, number: ++this.outgoing.number, read: this.read };
  }

  /** What to join with: as the same server, for which the stream goes on where it was, or as a new one. */
  joining(): Omit<Joining, "keys"> {
    const instead = this.isMember ? "" : this.name;
    if (!this.isMember) this.name = this.#options.newName();
    const read = this.isMember ? this.read : this.#past;
    return { by: this.name, number: this.outgoing.join(), read, instead };
  }

  /** It has joined, and is here once it has read that; returns why it is out of sync, if it is. */
  joined(id: string, after: string): string | undefined {
    if (this.isMember && compareIds(id, this.position) <= 0)
      return `redis has forgotten what was before ${this.position}`;
    this.joinedAt = this.last = id;
    this.peers.clear();
    if (this.isMember) return undefined;
    this.position = this.read = this.#past || after;
    this.kept.begin(this.now);
    return undefined;
  }

  /**
   * Takes in what there is; returns why this server is out of sync, if something does not follow.
   *
   * @param last what was known to be there before
   */
  receive(entries: readonly Entry[], last: string): string | undefined {
    if (entries.length === 0 && compareIds(last, this.position) > 0)
      return `redis has forgotten what follows ${this.position}`;
    for (const entry of entries) {
      const why = this.#receive(entry);
      if (why) return why;
    }
    this.moveToLog();
    return undefined;
  }

  #receive(entry: Entry): string | undefined {
    const { id, after, by, lines, isPassing, isJoining } = entry;
    // Of what was before it joined first, only the last part is there; that it joined has to be.
    const isGap = after !== this.position && this.position !== START;
    if (isGap || (!this.isHere && compareIds(id, this.joinedAt ?? START) > 0))
      return `${id} in redis follows ${after}, and not ${this.position}`;
    const isOwn = by === this.name;
    const own = isOwn && !isJoining ? this.outgoing.takeBack(entry, !this.isHere) : undefined;
    if (isOwn && !isJoining && !own) return `${id} in redis is not what was sent here`;
    this.position = id;
    this.kept.add(id, own?.bytes ?? lines.length, isPassing, this.now);
    const author = isPassing ? this.#passingOthers : this.#others;
    if (own) this.#placed.push(...own.pieces);
    else if (lines.length > 0) this.#placed.push({ author, run: lines });
    if (!isOwn) this.peers.received(entry);
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
    if (!this.isHeldUp()) {
      this.read = this.position;
      this.isMember ||= this.isHere;
    }
    if (this.outgoing.bytes > 0) this.outgoing.release(this.peers.tail(this.read));
  }

  /** Forgets everything, disconnects all members, and reports how many of their lines are lost. */
  abandon(): void {
    const unplaced = this.outgoing.clear();
    const all = [...this.#placed, ...unplaced];
    this.#placed = [];
    this.isMember = false;
    this.position = START;
    this.peers.clear();
    let lines = 0;
    const lose = (run: Uint8Array) => void (lines += countLines(run));
    for (const { author, run } of unplaced) if (!author.isPassing) lose(run);
    this.room?.restart(OUT_OF_SYNC, lose);
    for (const { done } of all) done?.();
    if (lines > 0) this.#options.report(`lines lost, as they have no place: ${lines}`);
  }
}
