/** Writing to descriptors that are shared with other programs, without a change of their mode. */

import { writev } from "node:fs";

import { codeOf, explain, UserError } from "./system-errors.ts";

const LONGEST_WAIT_MS = 50;

/**
 * Writes all of the bytes, as `rio_writen` does, from one of Bun's threads: a pipe that nobody
 * reads holds up only the caller that awaits this. `process.stdout` and `process.stderr` would put
 * a pipe into non-blocking mode, for each program that has it open, and leave it so.
 *
 * @param pieces not to be changed until they are written
 * @throws the system's error
 */
export async function writeFully(descriptor: number, ...pieces: Uint8Array[]): Promise<void> {
  for (let waitMs = 1; pieces.length > 0;) {
    try {
      pieces = without(pieces, await writeSome(descriptor, pieces));
      waitMs = 1;
    } catch (error) {
      // Another program has left it in non-blocking mode; nothing tells when there is room.
      if (codeOf(error) !== "EAGAIN") throw error;
      await Bun.sleep(waitMs);
      waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS);
    }
  }
}

function writeSome(descriptor: number, pieces: Uint8Array[]): Promise<number> {
  return new Promise((resolve, reject) =>
    writev(descriptor, pieces, (error, count) => (error ? reject(error) : resolve(count))),
  );
}

/** What is left of pieces when the first `count` bytes are taken away. */
function without(pieces: Uint8Array[], count: number): Uint8Array[] {
  const [first, ...others] = pieces;
  if (first === undefined) return [];
  if (count < first.length) return [first.subarray(count), ...others];
  return without(others, count - first.length);
}

/**
 * Writes to stdout; returns whether anybody still reads.
 *
 * @throws {UserError} that says why it cannot be written to
 */
export async function writeOut(...pieces: Uint8Array[]): Promise<boolean> {
  try {
    await writeFully(1, ...pieces);
    return true;
  } catch (error) {
    if (codeOf(error) === "EPIPE") return false;
    const why = explain(error, {
      EBADF: "it is not open for writing",
      EIO: "its terminal is gone",
    });
    throw new UserError(`cannot write to stdout: ${why}`, { cause: error });
  }
}
