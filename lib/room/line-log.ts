/** Everything said, once, in the order the room heard it, until everybody has it. */

import { assert } from "./assert.ts";

/** The most bytes gathered for one write to a reader that spoke. */
const GATHER_BYTES = 256 << 10;

/** Whoever says runs and reads those of others. */
export interface Speaker {
  /** The number of the run it said last; −1 before the first. Kept by the log. */
  lastRun: number;
}

/** Bytes to write: `bytes[offset, offset + length)`, with the cursor that follows them. */
export interface Piece {
  readonly bytes: Uint8Array;
  offset: number;
  length: number;
  /** Where a reader stands that has taken all of this piece. */
  next: number;
}

/**
 * A ring of bytes with a note of who said which run. Positions count bytes from
 * the first ever said and never wrap; `tail` is the oldest still held, `head` is
 * where the next line goes. A reader is nothing but a position in between.
 *
 * Each note leads to the run its speaker said before, so that a reader finds its
 * own runs, which it is to be spared, from the latest back.
 *
 * Bounded twice: in bytes, and in notes, so that empty lines from many
 * speakers in turn cannot make the notes outgrow the bytes.
 */
export class LineLog {
  readonly bytesMax: number;
  readonly runsMax: number;

  /** The ring, and behind it the place where `read` gathers. */
  readonly #bytes: Uint8Array;
  #head = 0;
  #tail = 0;

  /** Runs are numbered from 0; those in [#firstRun, #nextRun) have a note, in a ring. */
  #firstRun = 0;
  #nextRun = 0;
  /** The place of a note in its ring: the number of the run, and this. */
  readonly #slotMask: number;
  readonly #runStarts: Float64Array;
  readonly #runEnds: Float64Array;
  /** The run the same speaker said before. */
  readonly #runsBefore: Float64Array;

  readonly #piece: Piece;

  /**
   * @param bytesMax the most bytes held
   * @param runsMax the most runs held, rounded up to a power of two; one for 128 bytes by default
   */
  constructor(bytesMax: number, runsMax = Math.max(64, bytesMax / 128)) {
    assert(bytesMax >= 1 && Number.isSafeInteger(bytesMax), "a log holds at least a byte");
    this.bytesMax = bytesMax;
    this.runsMax = 2 ** Math.ceil(Math.log2(runsMax));
    this.#slotMask = this.runsMax - 1;
    this.#bytes = new Uint8Array(bytesMax + GATHER_BYTES);
    this.#runStarts = new Float64Array(this.runsMax);
    this.#runEnds = new Float64Array(this.runsMax);
    this.#runsBefore = new Float64Array(this.runsMax);
    this.#piece = { bytes: this.#bytes, offset: 0, length: 0, next: 0 };
  }

  /** Where the next line goes. */
  get head(): number {
    return this.#head;
  }

  /** The oldest position held. */
  get tail(): number {
    return this.#tail;
  }

  /** How many bytes can be appended now. */
  get freeBytes(): number {
    const notesFull = this.#nextRun - this.#firstRun === this.runsMax;
    return notesFull ? 0 : this.bytesMax - (this.#head - this.#tail);
  }

  /**
   * Adds what was said.
   *
   * @param run whole lines, at most `freeBytes`
   */
  append(speaker: Speaker, run: Uint8Array): void {
    assert(run.length > 0 && run.length <= this.freeBytes, "a run fits the log");
    const start = this.#head;
    const at = start % this.bytesMax;
    const beforeWrap = this.bytesMax - at;
    if (run.length <= beforeWrap) {
      this.#bytes.set(run, at);
    } else {
      this.#bytes.set(run.subarray(0, beforeWrap), at);
      this.#bytes.set(run.subarray(beforeWrap), 0);
    }
    this.#head += run.length;

    const saidTheLast = speaker.lastRun === this.#nextRun - 1 && speaker.lastRun >= this.#firstRun;
    if (!saidTheLast) {
      const slot = this.#nextRun & this.#slotMask;
      this.#runStarts[slot] = start;
      this.#runsBefore[slot] = speaker.lastRun;
      speaker.lastRun = this.#nextRun++;
    }
    this.#runEnds[speaker.lastRun & this.#slotMask] = this.#head;
  }

  /**
   * Forgets everything before a position.
   *
   * @param position in [tail, head]: the cursor of the reader furthest behind
   */
  release(position: number): void {
    assert(position >= this.#tail && position <= this.#head, "the tail moves towards the head");
    this.#tail = position;
    const next = this.#nextRun;
    let first = this.#firstRun;
    while (first < next && (this.#runEnds[first & this.#slotMask] as number) <= position) first++; // in bounds
    this.#firstRun = first;
  }

  /**
   * The next bytes for a reader, less its own. They stay valid until the next
   * call on this log. An empty piece means that all before its `next` was the
   * reader's own.
   *
   * @param cursor where the reader stands, in [tail, end)
   * @param end where to stop at the latest
   */
  read(reader: Speaker, cursor: number, end: number): Piece {
    assert(cursor >= this.#tail && cursor < end && end <= this.#head, "a cursor lies in the log");
    const piece = this.#piece;
    if (this.#saidSince(reader, cursor)) {
      piece.next = Math.min(end, cursor + GATHER_BYTES);
      piece.offset = this.#gather(reader, cursor, piece.next);
      piece.length = this.#bytes.length - piece.offset;
    } else {
      piece.offset = cursor % this.bytesMax;
      piece.length = Math.min(end - cursor, this.bytesMax - piece.offset);
      piece.next = cursor + piece.length;
    }
    return piece;
  }

  /**
   * Where a reader stands that has taken only the first bytes of what `read`
   * returned last.
   *
   * @param reader the one it was returned to
   * @param cursor the position it was read from
   * @param taken how many bytes were taken, fewer than the piece's `length`
   */
  advance(reader: Speaker, cursor: number, taken: number): number {
    if (!this.#saidSince(reader, cursor)) return cursor + taken;
    // Back from the end of the piece, past the bytes that were not taken and the reader's own.
    const first = this.#firstRun;
    let left = this.#piece.length - taken;
    let at = this.#piece.next;
    for (let run = reader.lastRun; run >= first;) {
      const slot = run & this.#slotMask;
      const runStart = this.#runStarts[slot] as number; // a slot is always in bounds
      const runEnd = Math.min(this.#runEnds[slot] as number, at);
      if (runStart < at) {
        if (at - runEnd >= left) break;
        left -= at - runEnd;
        at = runStart;
      }
      run = this.#runsBefore[slot] as number;
    }
    assert(at - left >= cursor, "a cursor never moves back");
    return at - left;
  }

  /** Whether a reader said something behind a position. */
  #saidSince({ lastRun }: Speaker, position: number): boolean {
    if (lastRun < this.#firstRun) return false;
    return (this.#runEnds[lastRun & this.#slotMask] as number) > position; // a slot is always in bounds
  }

  /**
   * Copies what others than `reader` said in [start, end) to the very end of
   * the bytes, back to front.
   *
   * @returns the offset where it begins
   */
  #gather(reader: Speaker, start: number, end: number): number {
    const first = this.#firstRun;
    let target = this.#bytes.length;
    let at = end;
    for (let run = reader.lastRun; run >= first && at > start;) {
      const slot = run & this.#slotMask;
      const runStart = this.#runStarts[slot] as number; // a slot is always in bounds
      const runEnd = this.#runEnds[slot] as number;
      if (runEnd <= start) break;
      if (runEnd < at) target = this.#copy(runEnd, at, target);
      if (runStart < at) at = runStart;
      run = this.#runsBefore[slot] as number;
    }
    return at > start ? this.#copy(start, at, target) : target;
  }

  /** Copies [start, end) so that it ends at the offset `target`; returns where it begins. */
  #copy(start: number, end: number, target: number): number {
    const length = end - start;
    const from = start % this.bytesMax;
    const beforeWrap = Math.min(length, this.bytesMax - from);
    target -= length;
    this.#bytes.copyWithin(target, from, from + beforeWrap);
    if (beforeWrap < length) this.#bytes.copyWithin(target + beforeWrap, 0, length - beforeWrap);
    return target;
  }
}
