/** stdout and stderr, which are shared with other programs: their mode stays as it was. */

import { write } from "node:fs";
import { promisify } from "node:util";

import { codeOf, failed } from "./system-errors.ts";

/** As much as a pipe takes in one piece (POSIX, 4 KiB on Linux): events go out together up to that. */
const PIPE_BUF = 4096;
const LONGEST_WAIT_MS = 50;
const PIECES_MAX = 256;
const CLOSE_MS = 500;
const writeSome = promisify(write);

/**
 * Writes all of the bytes, as `rio_writen` does, from one of Bun's threads: a pipe that nobody
 * reads holds up only the caller that awaits this. `process.stdout` and `process.stderr` would put
 * a pipe into non-blocking mode, for each program that has it open, and leave it so.
 *
 * @throws the system's error
 */
async function writeFully(descriptor: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0, waitMs = 1; done < bytes.length;)
    try {
      const { bytesWritten } = await writeSome(descriptor, bytes.subarray(done));
      done += bytesWritten;
      waitMs = 1;
    } catch (error) {
      // Another program has left it in non-blocking mode; nothing tells when there is room.
      if (codeOf(error) !== "EAGAIN") throw error;
      await Bun.sleep(waitMs);
      waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS);
    }
}

/**
 * Writes to stdout; returns whether anybody still reads.
 *
 * @throws {UserError} that says why it cannot be written to
 */
export async function writeOut(bytes: Uint8Array): Promise<boolean> {
  try {
    await writeFully(1, bytes);
    return true;
  } catch (error) {
    if (codeOf(error) === "EPIPE") return false;
    throw failed("cannot write to stdout", error);
  }
}

/** A bounded queue before a descriptor that may be stuck, full, closed or gone. */
export class Queue {
  readonly #descriptor: number;
  /** Makes the line, with its LF, that an event is. */
  lineOf = (event: string): string => `${event}\n`;
  /** Lines that go out together. */
  #pieces: string[] = [];
  #dropped = 0;
  #writing: Promise<void> | undefined;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /**
   * Writes an event, or any text, as soon as the descriptor takes it. What does not fit into the
   * queue, or cannot be written, is dropped and counted; when there is room again, the count is written.
   */
  write(event: string): void {
    const pieces = this.#pieces;
    // After a gap nothing is queued until the count can follow what came before it.
    if (this.#writing && (this.#dropped > 0 || pieces.length === PIECES_MAX))
      return void this.#dropped++;
    const last = pieces.at(-1);
    if (last === undefined || last.length + event.length > PIPE_BUF) pieces.push(event);
    else pieces[pieces.length - 1] = last + event;
    this.#writing ??= this.#writeAll();
  }

  /** Waits until all is written, but not for long; for the end of a program. */
  async close(): Promise<void> {
    await Promise.race([this.#writing, Bun.sleep(CLOSE_MS)]);
  }

  async #writeAll(): Promise<void> {
    let piece: string | undefined;
    try {
      await this.#writeCount();
      while ((piece = this.#pieces.shift())) await writeFully(this.#descriptor, Buffer.from(piece));
      await this.#writeCount();
    } catch {
      const lost = [piece, ...this.#pieces.splice(0)].join("");
      this.#dropped += lost.split("\n").length - 1;
    }
    this.#writing = undefined;
  }

  async #writeCount(): Promise<void> {
    for (let count = this.#dropped; count > 0; count = this.#dropped) {
      const event = `${count} ${count === 1 ? "event was" : "events were"} not logged`;
      await writeFully(this.#descriptor, Buffer.from(this.lineOf(event)));
      this.#dropped -= count;
    }
  }
}

/** What the program reports about itself, which never makes it wait. */
export const stderr = new Queue(2);
