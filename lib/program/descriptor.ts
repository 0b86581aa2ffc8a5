/** Writing to descriptors that are shared with other programs, without a change of their mode. */

import { write } from "node:fs";
import { promisify } from "node:util";

import { codeOf, explain, UserError } from "./system-errors.ts";

const LONGEST_WAIT_MS = 50;
const writeSome = promisify(write);

/**
 * Writes all of the bytes, as `rio_writen` does, from one of Bun's threads: a pipe that nobody
 * reads makes nobody wait but whoever awaits this. `process.stdout` and `process.stderr` would put
 * a pipe into non-blocking mode, for each program that has it open, and leave it so.
 *
 * @param bytes not to be changed until they are written
 * @throws the system's error
 */
export async function writeFully(descriptor: number, bytes: Uint8Array): Promise<void> {
  for (let offset = 0, waitMs = 1; offset < bytes.length;) {
    try {
      const length = bytes.length - offset;
      offset += (await writeSome(descriptor, bytes, offset, length, null)).bytesWritten;
      waitMs = 1;
    } catch (error) {
      // Another program has left it in non-blocking mode; nothing tells when there is room.
      if (codeOf(error) !== "EAGAIN") throw error;
      await Bun.sleep(waitMs);
      waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS);
    }
  }
}

/**
 * Writes to stdout; returns whether anybody still reads.
 *
 * @throws {UserError} that says why it cannot be written to
 */
export async function writeOut(output: Uint8Array): Promise<boolean> {
  try {
    await writeFully(1, output);
    return true;
  } catch (error) {
    if (codeOf(error) === "EPIPE") return false;
    const why = explain(error, { EIO: "its terminal is gone" });
    throw new UserError(`cannot write to stdout: ${why}`, { cause: error });
  }
}
