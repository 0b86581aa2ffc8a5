/**
 * An order that several servers share: a run that is sent here gets its place in a stream, and comes
 * back from there into the log, as do those of other servers.
 *
 * `append` puts a run into the ring of what is taken here, as a piece; `take` makes batches of pieces,
 * which the `Session` adds to the stream and reads back; `receive` gives the pieces of one their place,
 * and `moveToLog` puts them into the log.
 */

import { countLines } from "../program/lines.ts";
import { DISCONNECTS, REFUSALS } from "../program/server-messages.ts";
import { LF } from "../room/line-buffer.ts";
import type { Author, Order } from "../room/order.ts";
import type { Room } from "../room/room.ts";
import { Outgoing, type Piece } from "./outgoing.ts";
import { Kept, Peers } from "./peers.ts";
import {
  compareIds,
  type Entry,
  type Joining,
  type KeptMax,
  type NewEntry,
  START,
  type States,
} from "./stream.ts";

/** While so many pieces wait for their place, nobody can send or join: each that joins would leave. */
const PIECES_MAX = 32 << 10;
/** A batch takes no more once it has such a part of what may be sent before all have read it. */
const BATCHES = 32;
/** The others are told of each such part of that. */
const TELLS = 8;
const OUT_OF_SYNC = { reason: "out of sync", message: DISCONNECTS.outOfSync };

export class StreamOrder implements Order {
  /** Undefined until it begins. */
  room: Room | undefined;
  /** What this server is called; it has a new name each time it was out of sync. */
  name = "";
  /** Whether this server has everything that was sent since it joined first. */
  isMember = false;
  /** Whether it can send: it has read that it joined, and all of its own that was before that. */
  isHere = false;
  readonly outgoing: Outgoing;
  readonly peers = new Peers();
  readonly kept: Kept;
  /** Does the work of a turn: that of the `Session`. */
  readonly flush: (now: number) => number;
  /** How many bytes were taken, ever, and how many of these are not with all servers. */
  head = 0;
  takenBytes = 0;
  /** The last entry received; the last one of which all is in the log, and where that ends there. */
  position = START;
  read = START;
  #readHead = 0;
  /** Where that ended when the others were told of it. */
  #toldHead = 0;
  readonly #takenBytesMax: number;
  /** Where this server has joined. */
  #joinedAt = START;
  /** Those that have come back, and that not all servers have in their logs. */
  #unread: { id: string; bytes: number }[] = [];
  /** What has its place and waits for room in the log. */
  #placed: Piece[] = [];
  /** Authors of what was sent at other servers. */
  readonly #others: Author = { lastRun: -1 };
  readonly #passingOthers: Author = { lastRun: -1, isPassing: true };

  /** @param takenBytesMax the most bytes taken that a server has not read yet */
  constructor(takenBytesMax: number, kept: KeptMax, flush: (now: number) => number) {
    this.#takenBytesMax = takenBytesMax;
    const batchBytes = takenBytesMax / BATCHES;
    this.outgoing = new Outgoing(takenBytesMax, batchBytes, () => this.room?.wake(0));
    this.kept = new Kept(kept);
    this.flush = flush;
  }

  get now(): number {
    return this.room?.now() ?? 0;
  }

  get freeBytes(): number {
    return this.outgoing.pieces < PIECES_MAX ? this.#takenBytesMax - this.takenBytes : 0;
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

  /** How long the oldest batch has waited to come back, in ms. */
  get waitingMs(): number {
    const { now } = this;
    return now - (this.outgoing.sinceMs ?? now);
  }

  append(author: Author, run: Uint8Array): void {
    this.outgoing.append(author, run);
    this.head += run.length;
    this.takenBytes += run.length;
  }

  after(done: () => void): void {
    // After a restart there is nothing to wait for.
    if (!this.isMember && this.isSettled) done();
    else this.outgoing.add({ done });
  }

  /**
   * What is to be added to the stream next, at most so many entries. After much was read, there is one
   * even without lines, which tells the others how far this server has read.
   */
  take(most: number): readonly NewEntry[] {
    const isMuch = this.#readHead - this.#toldHead >= this.#takenBytesMax / TELLS;
    const batches = this.outgoing.take(most, isMuch, this.now);
    if (batches.length > 0) this.#toldHead = this.#readHead;
    this.kept.forget(this.now);
    const [by, read, { start }] = [this.name, this.read, this.kept];
    const living = this.peers.tail(read);
    const tail = compareIds(start, living) < 0 ? start : living;
    return batches.map(({ number, lines, isPassing, pieces }) => {
      const requests = pieces.flatMap(({ request }) => request ?? []);
      return { by, number, read, tail, lines, isPassing, requests };
    });
  }

  /**
   * What to join with: as the same server, for which the stream goes on where it was, or as a new one.
   *
   * @param newName gives a name that no server has had
   * @param withPast whether it reads all that there is, as history
   */
  joining(newName: () => string, withPast: boolean): Joining {
    const { isMember, outgoing } = this;
    const instead = isMember ? "" : this.name;
    const past = withPast ? START : "";
    if (!isMember) this.name = newName();
    const [by, number, { keys }] = [this.name, ++outgoing.number, outgoing];
    return { by, instead, number, read: isMember ? this.read : past, keys };
  }

  /** It has joined; once it has read that, it is here. */
  joined(id: string, from: string): void {
    this.outgoing.sendAgain();
    this.#joinedAt = id;
    if (this.isMember) return;
    this.position = this.read = from;
    this.kept.begin(this.now);
  }

  /** Takes in entries; returns why this server is out of sync, if one does not follow. */
  receive(entries: readonly Entry[]): string | undefined {
    for (const entry of entries) {
      const why = this.#receive(entry);
      if (why) return why;
    }
    this.moveToLog();
    // Where they are is used again.
    for (const piece of this.#placed) piece.run = new Uint8Array(piece.run);
    return undefined;
  }

  #receive(entry: Entry): string | undefined {
    const { id, after, by, lines, isPassing } = entry;
    const isOwn = by === this.name;
    // Of what was before it joined first, only the last part is there; that it joined has to be.
    const isGap = after !== this.position && this.position !== START;
    if (isGap || (!this.isHere && compareIds(id, this.#joinedAt) > 0))
      return `${id} in redis follows ${after}, and not ${this.position}`;
    this.position = id;
    this.kept.add(entry, this.now);
    const own = isOwn && this.outgoing.takeBack(entry, !this.isHere);
    if (own) this.#placed.push(...own);
    else if (isOwn && lines.length > 0) return `${id} in redis is not what was sent here`;
    else if (lines.length > 0)
      this.#placed.push({ author: isPassing ? this.#passingOthers : this.#others, run: lines });
    if (own && lines.length > 0) this.#unread.push({ id, bytes: lines.length });
    if (!isOwn) this.peers.received(entry);
    if (id === this.#joinedAt) this.isMember = this.isHere = true;
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
    if (this.read === this.position || this.isHeldUp()) return;
    this.read = this.position;
    this.#readHead = log.head;
    this.#release();
  }

  /** Looks at all other servers; returns those that another one considers down. */
  look(servers: States): string[] {
    const down = this.peers.look(servers);
    this.#release();
    return down;
  }

  /** What is with all servers now is counted no more. */
  #release(): void {
    const tail = this.peers.tail(this.read);
    while (this.#unread[0] && compareIds(this.#unread[0].id, tail) <= 0)
      this.takenBytes -= this.#unread.shift()?.bytes ?? 0;
  }

  /** Forgets everything, and disconnects all members; returns how many of their lines are lost. */
  abandon(areBatchesLost: boolean): number {
    const placed = this.#placed;
    const unplaced = this.outgoing.clear();
    [this.#placed, this.#unread] = [[], []];
    this.takenBytes = 0;
    this.isMember = this.isHere = false;
    this.peers.clear();
    let lines = 0;
    const lose = (run: Uint8Array) => void (lines += countLines(run));
    this.room?.restart(OUT_OF_SYNC, lose);
    for (const { done } of [...placed, ...unplaced]) done?.();
    for (const { author, run } of unplaced) if (areBatchesLost && !author.isPassing) lose(run);
    return lines;
  }
}
