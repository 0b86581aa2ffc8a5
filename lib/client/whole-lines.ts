/** Lines, whole, out of what is received in pieces. */

import { LF } from "../program/lines.ts";

/** What an unfinished line may hold before it is passed on as it is. */
const HELD_BYTES_MAX = 1 << 20;

/**
 * Keeps the unfinished end of a stream back until the rest of its line is there. A `LineBuffer`
 * ends with a line that is too long; a client has no say in that and passes it on in parts.
 */
export class WholeLines {
  #held: Uint8Array[] = [];
  #heldBytes = 0;

  /**
   * Takes a chunk; returns the lines it finishes, as one run of bytes, or undefined if it does not.
   *
   * @param chunk bytes as received; kept by reference until its line is finished
   */
  push(chunk: Uint8Array): Uint8Array | undefined {
    const finished = chunk.lastIndexOf(LF) + 1;
    const isTooLong = this.#heldBytes + chunk.length - finished > HELD_BYTES_MAX;
    const end = isTooLong ? chunk.length : finished;
    this.#hold(chunk.subarray(0, end));
    const lines = end > 0 ? this.end() : undefined;
    this.#hold(chunk.subarray(end));
    return lines;
  }

  /** Tells that the stream is over; returns its unfinished line, undefined if there is none. */
  end(): Uint8Array | undefined {
    const [first, ...more] = this.#held.splice(0);
    this.#heldBytes = 0;
    return first && more.length > 0 ? Buffer.concat([first, ...more]) : first;
  }

  #hold(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#held.push(bytes);
    this.#heldBytes += bytes.length;
  }
}
