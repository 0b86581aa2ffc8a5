/** The log of a room: everything sent, once, in one order, until all have it; longer for a history. */

import { assert, LF } from "./line-buffer.ts";
import type { Author, Order } from "./order.ts";

/** The most bytes gathered for one write to a reader that has sent something itself. */
const GATHER_BYTES = 256 << 10;

/** Bytes to write: `bytes[offset, offset + length)`; a reader that has taken all stands at `next`. */
export interface Piece {
  readonly bytes: Uint8Array;
  offset: number;
  length: number;
  next: number;
}

/**
 * A ring of bytes with a note of who sent which run. Positions count bytes from the first ever sent
 * and never wrap. A reader is nothing but a position between `tail` and `head`.
 *
 * Each note leads to the run its author sent before, so that a reader finds its own runs, which it
 * does not get, from the latest back. Notes are bounded as bytes are, however short the lines are.
 */
export class LineLog implements Order {
  /** Told of each run that is in the log now, and where; set by a history. */
  onAppend: ((author: Author, start: number, end: number) => void) | undefined;
  readonly isSettled = true;
  /** The ring, and behind it the bytes into which `read` gathers. */
  readonly #bytes: Uint8Array;
  readonly #ringBytes: number;
  readonly #bytesMax: number;
  #head = 0;
  #tail = 0;
  /** Runs are numbered from 0; those in [#firstRun, #nextRun) have a note, in a ring of slots. */
  #firstRun = 0;
  #nextRun = 0;
  readonly #slotMask: number;
  /** A run ends where the next one begins. */
  readonly #runStarts: Float64Array;
  /** The run the same author sent before. */
  readonly #runsBefore: Float64Array;
  readonly #piece: Piece;

  /** See `RoomOptions`; `runsMax` is how many runs fit, up to a power of two: by default one for 128 bytes. */
  constructor(bytesMax: number, keptBytes = 0, runsMax = Math.max(64, bytesMax / 128)) {
    assert(bytesMax >= 1 && Number.isSafeInteger(bytesMax), "a log holds at least a byte");
    this.#ringBytes = bytesMax + keptBytes;
    this.#bytesMax = bytesMax;
    const slots = 2 ** Math.ceil(Math.log2(runsMax));
    this.#slotMask = slots - 1;
    this.#bytes = new Uint8Array(this.#ringBytes + GATHER_BYTES);
    this.#runStarts = new Float64Array(slots);
    this.#runsBefore = new Float64Array(slots);
    this.#piece = { bytes: this.#bytes, offset: 0, length: 0, next: 0 };
  }

  /** Where the next line goes. */
  get head(): number {
    return this.#head;
  }

  /** Where the reader furthest behind stands. */
  get tail(): number {
    return this.#tail;
  }

  /** At most `bytesMax`, so that the `keptBytes` before a run are there when `onAppend` is told of it. */
  get freeBytes(): number {
    const notesFull = this.#nextRun - this.#firstRun > this.#slotMask;
    const ringFree = this.#ringBytes - (this.#head - this.#tail);
    return notesFull ? 0 : Math.min(ringFree, this.#bytesMax);
  }

  append(author: Author, run: Uint8Array): void {
    assert(run.length > 0 && run.length <= this.freeBytes, "a run fits the log");
    const sentTheLast = author.lastRun === this.#nextRun - 1 && author.lastRun >= this.#firstRun;
    if (!sentTheLast) {
      const slot = this.#nextRun & this.#slotMask;
      this.#runStarts[slot] = this.#head;
      this.#runsBefore[slot] = author.lastRun;
      author.lastRun = this.#nextRun++;
    }
    const at = this.#head % this.#ringBytes;
    const beforeWrap = this.#ringBytes - at;
    if (run.length > beforeWrap) this.#bytes.set(run.subarray(beforeWrap), 0);
    this.#bytes.set(run.length > beforeWrap ? run.subarray(0, beforeWrap) : run, at);
    this.#head += run.length;
    this.onAppend?.(author, this.#head - run.length, this.#head);
  }

  after(done: () => void): void {
    done();
  }

  isHeldUp(areSendersWaiting: boolean): boolean {
    return areSendersWaiting;
  }

  /** The reader furthest behind has come to a position in [tail, head]: what is before may go. */
  release(position: number): void {
    assert(position >= this.#tail && position <= this.#head, "the tail moves towards the head");
    this.#tail = position;
    while (this.#firstRun < this.#nextRun && this.#endOf(this.#firstRun) <= position)
      this.#firstRun++;
  }

  /** A newcomer starts further back, to get a history: all from there on is held for it. */
  holdFrom(position: number): void {
    assert(position >= this.#head - this.#ringBytes, "it is still in the log");
    this.#tail = Math.min(this.#tail, position);
  }

  /**
   * The next bytes for a reader that stands in [tail, end), without its own, valid until the next
   * call on this log. An empty piece means that all before its `next` was the reader's own.
   */
  read(reader: Author, position: number, end: number): Piece {
    assert(
      position >= this.#tail && position < end && end <= this.#head,
      "a cursor lies in the log",
    );
    const piece = this.#piece;
    if (this.#endOf(reader.lastRun) > position) {
      piece.next = Math.min(end, position + GATHER_BYTES);
      piece.offset = this.#gather(reader, position, piece.next);
      piece.length = this.#bytes.length - piece.offset;
    } else {
      piece.offset = position % this.#ringBytes;
      piece.length = Math.min(end - position, this.#ringBytes - piece.offset);
      piece.next = position + piece.length;
    }
    return piece;
  }

  /** Where a reader stands that has taken only some of the piece that `read` has just returned. */
  advance(reader: Author, position: number, taken: number): number {
    // Back from the end of the piece, past the bytes that were not taken and the reader's own.
    let left = this.#piece.length - taken;
    let at = this.#piece.next;
    for (let run = reader.lastRun; ; run = this.#noted(this.#runsBefore, run)) {
      assert(at > position, "a cursor never moves back");
      const others = at - Math.max(position, this.#endOf(run));
      if (others >= left) return at - left;
      left -= Math.max(0, others);
      at = Math.min(at, this.#startOf(run));
    }
  }

  /** For a history: where the line ends that has the byte at a position of those in the ring. */
  lineEnd(position: number): number {
    assert(position >= this.#head - this.#ringBytes, "a line is in the log still");
    const at = position % this.#ringBytes;
    const lf = this.#bytes.indexOf(LF, at);
    const isWrapped = lf < 0 || lf >= this.#ringBytes;
    return position - at + 1 + (isWrapped ? this.#ringBytes + this.#bytes.indexOf(LF) : lf);
  }

  /** Where a run begins; one without a note lies before all that anybody reads. */
  #startOf(run: number): number {
    return run < this.#firstRun ? 0 : this.#noted(this.#runStarts, run);
  }

  #endOf(run: number): number {
    if (run < this.#firstRun) return 0;
    return run + 1 < this.#nextRun ? this.#noted(this.#runStarts, run + 1) : this.#head;
  }

  #noted(notes: Float64Array, run: number): number {
    return notes[run & this.#slotMask] as number; // a slot is always in bounds
  }

  /** Copies what others sent in [start, end) to the very end of the bytes; returns where it begins. */
  #gather(reader: Author, start: number, end: number): number {
    let target = this.#bytes.length;
    let at = end;
    for (let run = reader.lastRun; at > start; run = this.#noted(this.#runsBefore, run)) {
      const othersStart = Math.max(start, this.#endOf(run));
      if (othersStart < at) target = this.#copy(othersStart, at, target);
      at = Math.min(at, this.#startOf(run));
    }
    return target;
  }

  /** Copies [start, end) so that it ends at the offset `target`; returns where it begins. */
  #copy(start: number, end: number, target: number): number {
    const length = end - start;
    const from = start % this.#ringBytes;
    const beforeWrap = Math.min(length, this.#ringBytes - from);
    target -= length;
    this.#bytes.copyWithin(target, from, from + beforeWrap);
    if (beforeWrap < length) this.#bytes.copyWithin(target + beforeWrap, 0, length - beforeWrap);
    return target;
  }
}
