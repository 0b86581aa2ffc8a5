/**
 * What a program shares with others: stdout and stderr, whose mode stays as it was; and signals, as it
 * was started to ignore them or not.
 */

import { readFileSync, write } from "node:fs";
import { constants } from "node:os";
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

/** What waits for stderr, in pieces that go out together; and how many events did not fit. */
const pieces: string[] = [];
let dropped = 0;
let writing: Promise<void> | undefined;

/**
 * What the program reports about itself, which never makes it wait: stderr may be stuck, full, closed
 * or gone.
 */
export const stderr = {
  /** Makes the line, with its LF, that an event is. */
  lineOf: (event: string): string => `${event}\n`,

  /**
   * Writes an event, or any text, as soon as stderr takes it. What does not fit into the queue is
   * dropped and counted; when there is room again, the count is written.
   */
  write(event: string): void {
    // After a gap nothing is queued until the count can follow what came before it.
    if (dropped > 0 || pieces.length === PIECES_MAX) return void dropped++;
    const last = pieces.pop() ?? "";
    if (last.length + event.length > PIPE_BUF) pieces.push(last, event);
    else pieces.push(last + event);
    writing ??= writeAll();
  },

  /** Waits until all is written, but not for long; for the end of a program. */
  async close(): Promise<void> {
    await Promise.race([writing, Bun.sleep(CLOSE_MS)]);
  },
};

async function writeAll(): Promise<void> {
  try {
    for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
      await writeFully(2, Buffer.from(piece));
      if (dropped === 0 || pieces.length > 0) continue;
      const were = dropped === 1 ? "event was" : "events were";
      pieces.push(stderr.lineOf(`${dropped} ${were} not logged`));
      dropped = 0;
    }
  } catch {
    // Nobody can be told.
    pieces.length = dropped = 0;
  }
  writing = undefined;
}

/**
 * Calls a handler at each such signal. One that `nohup` or the like has ignored stays ignored, which
 * the mask in /proc/self/status tells, see proc(5), where there is one.
 */
export function onSignal(signal: NodeJS.Signals, handler: () => void): void {
  const status = process.platform === "linux" ? readFileSync("/proc/self/status", "utf8") : "";
  const [, mask = "0"] = /^SigIgn:\s*(\w+)$/m.exec(status) ?? [];
  const isIgnored = (BigInt(`0x${mask}`) >> BigInt(constants.signals[signal] - 1)) & 1n;
  if (!isIgnored) process.on(signal, handler);
}
