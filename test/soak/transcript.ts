/** What a room says, as whoever hears it first hears it; everybody else has to hear the very same bytes. */

import assert from "node:assert/strict";

import { Ledger } from "../faults/seat.ts";

/**
 * How far one receiver may be behind another: more than a server's log and the
 * system's socket buffers hold.
 */
const BYTES_MAX = 64 << 20;
const EXCERPT_BYTES = 80;
const LF = 0x0a;

/** One that hears all lines, compared with what others have heard. */
export interface TranscriptReceiver {
  /** How many bytes it has heard, and lines. */
  position: number;
  lines: number;
  /** Throws when this is not what has been said. */
  hear(bytes: Buffer): void;
}

/**
 * The one order of lines, kept as long as a receiver has yet to hear it. Bytes that
 * nobody has heard before go into the ledger, which finds a line that is lost,
 * doubled, moved or cut; bytes that somebody has heard are compared. So each
 * delivery is checked byte for byte, and each line is taken apart only once.
 */
export class Transcript {
  /** Every line, once. */
  readonly ledger = new Ledger(false);
  readonly #receivers: TranscriptReceiver[] = [];
  /** A ring; positions count bytes from the first ever heard. */
  readonly #bytes = Buffer.allocUnsafe(BYTES_MAX);
  #head = 0;

  /** One that has missed nothing. */
  newReceiver(): TranscriptReceiver {
    assert.equal(this.#head, 0, "a receiver comes too late");
    const receiver: TranscriptReceiver = {
      position: 0,
      lines: 0,
      hear: (bytes) => {
        this.#check(receiver.position, bytes);
        receiver.position += bytes.length;
        for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) receiver.lines++;
      },
    };
    this.#receivers.push(receiver);
    return receiver;
  }

  /** How far the last receiver is behind the first. */
  get lagBytes(): number {
    return this.#receivers.reduce((lag, { position }) => Math.max(lag, this.#head - position), 0);
  }

  #check(position: number, bytes: Buffer): void {
    const known = Math.min(bytes.length, this.#head - position);
    for (let offset = 0; offset < known;) {
      const at = (position + offset) % BYTES_MAX;
      const length = Math.min(known - offset, BYTES_MAX - at);
      if (this.#bytes.compare(bytes, offset, offset + length, at, at + length) !== 0)
        throw new Error(this.#difference(at, bytes, offset));
      offset += length;
    }
    if (known < bytes.length) this.#append(bytes.subarray(known));
  }

  #append(bytes: Buffer): void {
    const at = this.#head % BYTES_MAX;
    const copied = bytes.copy(this.#bytes, at);
    bytes.copy(this.#bytes, 0, copied);
    this.#head += bytes.length;
    this.ledger.enter(bytes.toString("latin1"));
    if (this.ledger.fault !== undefined) throw new Error(`heard ${this.ledger.fault}`);
  }

  #difference(at: number, bytes: Buffer, offset: number): string {
    let same = 0;
    while (bytes[offset + same] === this.#bytes[at + same]) same++;
    const excerpt = (from: Buffer, start: number) =>
      JSON.stringify(from.toString("latin1", start, start + EXCERPT_BYTES));
    const heard = excerpt(bytes, offset + same);
    return `a listener heard ${heard} where another heard ${excerpt(this.#bytes, at + same)}`;
  }
}
