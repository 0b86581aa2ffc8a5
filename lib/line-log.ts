/** Everything said, once, in the order the room heard it, until everybody has it. */

import { assert } from "./assert.ts";

/** The most bytes gathered for one write to a member that spoke. */
const GATHER_BYTES = 256 << 10;

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

  /** Runs tile [tail, head): each ends where the next begins. A ring of their ends and speakers. */
  readonly #runEnds: Float64Array;
  readonly #runSpeakers: Float64Array;
  #firstRun = 0;
  #runCount = 0;

  readonly #piece: Piece;

  /**
   * @param bytesMax the most bytes held
   * @param runsMax the most runs held, rounded up to a power of two; one for 128 bytes by default
   */
  constructor(bytesMax: number, runsMax = Math.max(64, bytesMax / 128)) {
    assert(bytesMax >= 1 && Number.isSafeInteger(bytesMax), "a log holds at least a byte");
    this.bytesMax = bytesMax;
    this.runsMax = 2 ** Math.ceil(Math.log2(runsMax));
    this.#bytes = new Uint8Array(bytesMax + GATHER_BYTES);
    this.#runEnds = new Float64Array(this.runsMax);
    this.#runSpeakers = new Float64Array(this.runsMax);
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
    return this.#runCount === this.runsMax ? 0 : this.bytesMax - (this.#head - this.#tail);
  }

  /**
   * Adds what was said.
   *
   * @param speaker who said it, by number
   * @param run whole lines, at most `freeBytes`
   */
  append(speaker: number, run: Uint8Array): void {
    assert(run.length > 0 && run.length <= this.freeBytes, "a run fits the log");
    const at = this.#head % this.bytesMax;
    const beforeWrap = this.bytesMax - at;
    if (run.length <= beforeWrap) {
      this.#bytes.set(run, at);
    } else {
      this.#bytes.set(run.subarray(0, beforeWrap), at);
      this.#bytes.set(run.subarray(beforeWrap), 0);
    }
    this.#head += run.length;

    const last = this.#runAt(this.#runCount - 1);
    if (this.#runCount > 0 && this.#runSpeakers[last] === speaker) {
      this.#runEnds[last] = this.#head;
    } else {
      const next = this.#runAt(this.#runCount++);
      this.#runEnds[next] = this.#head;
      this.#runSpeakers[next] = speaker;
    }
  }

  /**
   * Forgets everything before a position.
   *
   * @param position in [tail, head]: the cursor of the reader furthest behind
   */
  release(position: number): void {
    assert(position >= this.#tail && position <= this.#head, "the tail moves towards the head");
    this.#tail = position;
    while (this.#runCount > 0 && this.#runEnd(0) <= position) {
      this.#firstRun = this.#runAt(1);
      this.#runCount--;
    }
  }

  /**
   * The next bytes for a reader, less its own. They stay valid until the next
   * call on this log. An empty piece means that all up to its `next` was the
   * reader's own.
   *
   * @param cursor where the reader stands, in [tail, end)
   * @param end where to stop at the latest
   * @param reader whose runs to leave out
   * @param saidUntil a position behind which the reader said nothing
   */
  read(cursor: number, end: number, reader: number, saidUntil: number): Piece {
    assert(cursor >= this.#tail && cursor < end && end <= this.#head, "a cursor lies in the log");
    const piece = this.#piece;
    if (cursor >= saidUntil) {
      piece.offset = cursor % this.bytesMax;
      piece.length = Math.min(end - cursor, this.bytesMax - piece.offset);
      piece.next = cursor + piece.length;
    } else {
      piece.offset = this.bytesMax;
      piece.next = Math.min(end, cursor + GATHER_BYTES);
      piece.length = this.#gather(cursor, piece.next, reader);
    }
    return piece;
  }

  /**
   * Where a reader stands that has taken the first bytes of a piece.
   *
   * @param cursor the one that was read from
   * @param taken how many bytes of the piece, fewer than its length
   * @param reader whose runs were left out
   * @param saidUntil as for `read`
   */
  advance(cursor: number, taken: number, reader: number, saidUntil: number): number {
    if (cursor >= saidUntil) return cursor + taken;
    let run = this.#runHolding(cursor);
    for (; taken > 0; run++) {
      const end = this.#runEnd(run);
      if (this.#runSpeaker(run) === reader) {
        cursor = end;
      } else {
        const step = Math.min(taken, end - cursor);
        cursor += step;
        taken -= step;
      }
    }
    return cursor;
  }

  /** Copies what others than `reader` said in [start, end) behind the ring; returns how many bytes. */
  #gather(start: number, end: number, reader: number): number {
    let length = 0;
    let spanStart = start;
    let at = start;
    for (let run = this.#runHolding(start); at < end; run++) {
      const runEnd = Math.min(this.#runEnd(run), end);
      if (this.#runSpeaker(run) === reader) {
        length = this.#copySpan(spanStart, at, length);
        spanStart = runEnd;
      }
      at = runEnd;
    }
    return this.#copySpan(spanStart, end, length);
  }

  /** Copies [start, end) to the gathering place, behind the `length` bytes there; returns the new length. */
  #copySpan(start: number, end: number, length: number): number {
    const bytes = end - start;
    if (bytes === 0) return length;
    const from = start % this.bytesMax;
    const target = this.bytesMax + length;
    const beforeWrap = Math.min(bytes, this.bytesMax - from);
    this.#bytes.copyWithin(target, from, from + beforeWrap);
    if (beforeWrap < bytes) this.#bytes.copyWithin(target + beforeWrap, 0, bytes - beforeWrap);
    return length + bytes;
  }

  /** The run, counted from the oldest, that a position lies in: the first that ends behind it. */
  #runHolding(position: number): number {
    let low = 0;
    let high = this.#runCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#runEnd(middle) <= position) low = middle + 1;
      else high = middle;
    }
    assert(low < this.#runCount, "every position before the head lies in a run");
    return low;
  }

  /** Where in the ring of notes a run is, counted from the oldest. */
  #runAt(run: number): number {
    return (this.#firstRun + run) & (this.runsMax - 1);
  }

  #runEnd(run: number): number {
    return this.#runEnds[this.#runAt(run)] as number; // `#runAt` stays in bounds
  }

  #runSpeaker(run: number): number {
    return this.#runSpeakers[this.#runAt(run)] as number; // `#runAt` stays in bounds
  }
}
