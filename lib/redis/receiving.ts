/**
 * What comes from the stream, on its way to the log: whether it follows what came before, and how
 * far all servers have come. What does not fit waits here, until there is room in the log.
 */

import { LF } from "../room/line-buffer.ts";
import type { LineLog } from "../room/line-log.ts";
import type { Author } from "../room/order.ts";
import { type Batches, EMPTY, type Piece } from "./batches.ts";
import { Peers } from "./peers.ts";
import { type Entry, type Joined, START } from "./stream.ts";

export class Receiving {
  readonly peers = new Peers();
  /** The last entry received, and the last of this server's own, by its number. */
  position = START;
  #number = 1;
  /** The last entry that is in the log. */
  read = START;
  /** How much is in the log that the others do not know of, in bytes. */
  untoldBytes = 0;
  readonly #batches: Batches;
  /** What has its place and waits for room in the log; which is next, and how much of that is there. */
  #pieces: Piece[] = [];
  #next = 0;
  #offset = 0;
  /** Authors of what was sent at other servers. */
  readonly #others: Author = { lastRun: -1 };
  readonly #passingOthers: Author = { lastRun: -1, isPassing: true };

  constructor(batches: Batches) {
    this.#batches = batches;
  }

  /** Whether something waits for room in the log. */
  get isHeldUp(): boolean {
    return this.#pieces.length > 0;
  }

  /** How far all have read. */
  get tail(): string {
    return this.peers.tail(this.read);
  }

  /** Begins behind the entry with which the server has joined; what was sent before is history. */
  begin({ id, others, history }: Joined): void {
    this.position = this.read = id;
    this.#number = 1;
    this.peers.begin(id, others);
    for (const lines of history) this.#add(this.#others, lines);
  }

  /** Takes in an entry; returns why this server is out of sync, if the entry does not follow. */
  receive(entry: Entry, isOwn: boolean): string | undefined {
    const { id, after, number, lines, isPassing } = entry;
    if (after !== this.position || (isOwn && number !== this.#number + 1))
      return `${id} in redis follows ${after}, and not ${this.position}`;
    this.position = id;
    this.peers.received(entry, isOwn);
    const ownPieces = isOwn ? this.#receiveOwn(entry) : 0;
    if (!isOwn) this.#add(isPassing ? this.#passingOthers : this.#others, lines);
    const done = () => {
      this.read = id;
      this.#batches.pieces -= ownPieces;
      if (!isOwn) this.untoldBytes += lines.length;
      this.forgetWhatAllHave();
    };
    this.#pieces.push({ ...EMPTY, author: this.#others, done });
    return undefined;
  }

  /** Moves what fits to the log, whole lines, and does what is to be done then. */
  moveTo(log: LineLog): void {
    for (let piece = this.#pieces[this.#next]; piece; piece = this.#pieces[this.#next]) {
      if (!this.#move(piece, log)) return;
      this.#next++;
      this.#offset = 0;
      piece.done?.();
    }
    this.drop();
  }

  /** Forgets what has not come to the log; returns what of that was sent here. */
  drop(): readonly Piece[] {
    const pieces = this.#pieces.slice(this.#next).filter(({ author }) => author !== this.#others);
    this.#pieces = [];
    this.#next = this.#offset = 0;
    return pieces;
  }

  forgetWhatAllHave(): void {
    this.#batches.readByAll(this.tail);
  }

  #receiveOwn({ id, number, granted }: Entry): number {
    this.#number = number;
    const { pieces = [] } = this.#batches.takeBack(id) ?? {};
    for (const piece of pieces) this.#pieces.push(piece);
    const answers = pieces.flatMap(({ answer }) => answer ?? []);
    for (const [at, answer] of answers.entries()) answer(granted[at] === "1");
    return pieces.length;
  }

  #add(author: Author, lines: string): void {
    this.#pieces.push({ author, run: Buffer.from(lines, "latin1") });
  }

  #move({ author, run }: Piece, log: LineLog): boolean {
    while (this.#offset < run.length) {
      const rest = run.subarray(this.#offset);
      const end = endOfFitting(rest, log.freeBytes);
      if (end === 0) return false;
      log.append(author, rest.subarray(0, end));
      this.#offset += end;
    }
    return true;
  }
}

function endOfFitting(run: Uint8Array, bytesMax: number): number {
  if (run.length <= bytesMax) return run.length;
  return bytesMax > 0 ? run.lastIndexOf(LF, bytesMax - 1) + 1 : 0;
}
