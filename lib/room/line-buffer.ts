/** Bytes in, whole lines out: the read side of a member. */

import type { DisconnectReason } from "./socket.ts";

export const LF = 0x0a;
const NOTHING = new Uint8Array(0);
/** Shared by all that hold no line, so that a client that sends nothing costs little. */
const NO_RUNS: readonly Uint8Array[] = [];

/**
 * Frames a byte stream into lines, as `rio_readlineb` does for a descriptor: bytes go in as they
 * arrive, whole lines come out, the rest waits. Lines come out in runs, as many at a time as were
 * received together, so a chunk costs one search for its last LF; only an unfinished line is copied.
 * Only that one is bounded here: while whole lines are left, `FairQueue` has the socket paused.
 */
export class LineBuffer {
  /** The longest line, in bytes, its LF included; at least 1. */
  readonly lineBytesMax: number;
  /** Set by a line that is longer: those before it can be taken, it and all after it are gone. */
  objection: DisconnectReason | undefined;
  /** Whole lines not yet taken, oldest first. */
  #runs = NO_RUNS;
  /** Storage of the unfinished line, of which the first `#unfinishedBytes` are in use. */
  #unfinished = NOTHING;
  #unfinishedBytes = 0;

  constructor(lineBytesMax: number) {
    assert(lineBytesMax >= 1, "a line has at least its LF");
    this.lineBytesMax = lineBytesMax;
  }

  /** The oldest run of whole lines. */
  get next(): Uint8Array | undefined {
    return this.#runs[0];
  }

  /** Puts in what was received; the chunk is kept until its lines are taken, and must not change. */
  push(chunk: Uint8Array): void {
    if (this.objection) return;
    const end = chunk.lastIndexOf(LF) + 1;
    let start = 0;
    if (end > 0 && this.#unfinishedBytes > 0) {
      start = chunk.indexOf(LF) + 1;
      if (this.#unfinishedBytes + start > this.lineBytesMax) return this.#overflow();
      this.#append(chunk.subarray(0, start));
      this.#addRun(this.#unfinished.subarray(0, this.#unfinishedBytes));
      this.#clearUnfinished();
    }
    if (end > start) {
      const stop = this.#endOfFittingLines(chunk, start, end);
      if (stop > start)
        this.#addRun(stop - start < chunk.length ? chunk.subarray(start, stop) : chunk);
      if (stop < end) return this.#overflow();
    }
    // An unfinished line always leaves room for its LF.
    if (this.#unfinishedBytes + chunk.length - end >= this.lineBytesMax) return this.#overflow();
    if (end < chunk.length) this.#append(chunk.subarray(end));
  }

  /** No more bytes will come: an unfinished line becomes a line, an LF added. */
  end(): void {
    if (this.#unfinishedBytes > 0) this.push(Uint8Array.of(LF));
  }

  /** Takes out the oldest run of whole lines, or as many of its lines as fit, if any does. */
  take(bytesMax: number): Uint8Array | undefined {
    const run = this.#runs[0];
    if (run === undefined || bytesMax <= 0) return undefined;
    const end = run.length <= bytesMax ? run.length : run.lastIndexOf(LF, bytesMax - 1) + 1;
    if (end === 0) return undefined;
    const later = this.#runs.length === 1 ? NO_RUNS : this.#runs.slice(1);
    this.#runs = end === run.length ? later : [run.subarray(end), ...later];
    return end === run.length ? run : run.subarray(0, end);
  }

  /** Where the lines of chunk[start, end) end that come before the first too long one. */
  #endOfFittingLines(chunk: Uint8Array, start: number, end: number): number {
    // Leaps from LF to LF, as far as a line may reach, until a leap finds none.
    while (end - start > this.lineBytesMax) {
      const next = chunk.lastIndexOf(LF, start + this.lineBytesMax - 1) + 1;
      if (next <= start) return start;
      start = next;
    }
    return end;
  }

  /** Adds bytes to the unfinished line, its storage growing by doubling. */
  #append(bytes: Uint8Array): void {
    const needed = this.#unfinishedBytes + bytes.length;
    assert(needed <= this.lineBytesMax, "an unfinished line stays within the limit");
    if (needed > this.#unfinished.length) {
      const bytesMax = Math.max(needed, 2 * this.#unfinished.length);
      const grown = new Uint8Array(Math.min(bytesMax, this.lineBytesMax));
      grown.set(this.#unfinished.subarray(0, this.#unfinishedBytes));
      this.#unfinished = grown;
    }
    this.#unfinished.set(bytes, this.#unfinishedBytes);
    this.#unfinishedBytes = needed;
  }

  #addRun(run: Uint8Array): void {
    this.#runs = this.#runs.length === 0 ? [run] : [...this.#runs, run];
  }

  #overflow(): void {
    const message = `line longer than ${this.lineBytesMax} bytes`;
    this.objection = { reason: "line too long", message };
    this.#clearUnfinished();
  }

  #clearUnfinished(): void {
    this.#unfinished = NOTHING;
    this.#unfinishedBytes = 0;
  }
}

/** States what must hold, as a sentence, in the code that relies on it; it fails only by a bug. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${invariant}`);
}
