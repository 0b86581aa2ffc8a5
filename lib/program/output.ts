/** stdout and stderr, which are shared with other programs: their mode stays as it was. */

import { write } from "node:fs";

import { codeOf, failed } from "./system-errors.ts";

/** As much as a pipe takes in one piece (POSIX, 4 KiB on Linux): events go out together up to that. */
const PIPE_BUF = 4096;
const LONGEST_WAIT_MS = 50;
const QUEUE_LENGTH_MAX = 1 << 20;
const CLOSE_MS = 500;

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
      done += await writeSome(descriptor, bytes.subarray(done));
      waitMs = 1;
    } catch (error) {
      // Another program has left it in non-blocking mode; nothing tells when there is room.
      if (codeOf(error) !== "EAGAIN") throw error;
      await Bun.sleep(waitMs);
      waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS);
    }
}

function writeSome(descriptor: number, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) =>
    write(descriptor, bytes, (error, count) => (error ? reject(error) : resolve(count))),
  );
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

let stderr: Queue | undefined;

/**
 * The stderr of this process: what the program reports about itself, which never makes it wait.
 *
 * @param countLine replaces `Queue.countLine`
 */
export function openStderr(countLine?: Queue["countLine"]): Queue {
  stderr ??= new Queue(2);
  if (countLine) stderr.countLine = countLine;
  return stderr;
}

/** A bounded queue before a descriptor that may be stuck, full, closed or gone. */
export class Queue {
  readonly #descriptor: number;
  /** The line, with its LF, that tells how many events were dropped. */
  countLine = (events: number): string =>
    `${events} ${events === 1 ? "event was" : "events were"} not logged\n`;
  #events: string[] = [];
  #length = 0;
  #dropped = 0;
  #writing: Promise<void> | undefined;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /**
   * Writes as soon as the descriptor takes it. What does not fit into the queue, or cannot be
   * written, is dropped and counted; when there is room again, the count is written.
   *
   * @param event written as it is, in one piece: a line with its LF, as a rule
   */
  write(event: string): void {
    const isFull = this.#length + event.length > QUEUE_LENGTH_MAX;
    // After a gap nothing is queued until the count can follow what came before it.
    if (isFull || (this.#dropped > 0 && this.#writing)) return void this.#dropped++;
    this.#events.push(event);
    this.#length += event.length;
    this.#writing ??= this.#writeAll();
  }

  /** Waits until all is written, but not for long; for the end of a program. */
  async close(): Promise<void> {
    await Promise.race([this.#writing, Bun.sleep(CLOSE_MS)]);
  }

  async #writeAll(): Promise<void> {
    const events = this.#events;
    try {
      await this.#writeCount();
      while (events.length > 0) {
        let [text = ""] = events;
        let count = 1;
        for (; text.length + (events[count]?.length ?? Infinity) <= PIPE_BUF; count++)
          text += events[count];
        await writeFully(this.#descriptor, Buffer.from(text));
        events.splice(0, count);
        this.#length -= text.length;
      }
      await this.#writeCount();
    } catch {
      this.#dropped += events.splice(0).length;
      this.#length = 0;
    }
    this.#writing = undefined;
  }

  async #writeCount(): Promise<void> {
    for (let count = this.#dropped; count > 0; count = this.#dropped) {
      await writeFully(this.#descriptor, Buffer.from(this.countLine(count)));
      this.#dropped -= count;
    }
  }
}
