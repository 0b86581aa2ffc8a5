/** `--pass-file`: the first line of a client has to be the pass phrase of the moment. */

import { createHash, timingSafeEqual } from "node:crypto";

import type { Context, Part, Secrets } from "../extras/part.ts";
import { PASS_PHRASE_BYTES_MAX } from "../program/files.ts";
import { LASTING } from "../program/server-messages.ts";
import { UserError } from "../program/system-errors.ts";
import { formatTime } from "../program/units.ts";
import { LF } from "../room/line-buffer.ts";
import type { Arrival } from "./door.ts";
import { awaitLine } from "./first-bytes.ts";

const CR = 0x0d;

/**
 * Like any line, it may end with EOF instead of LF; what follows it is for the room.
 *
 * @throws {UserError} if it cannot be sent as one line
 */
export function passPhrase({ secrets, arrivalMs }: Context): Part {
  const check = () => {
    const { passPhrase: phrase } = secrets;
    const isLine = phrase instanceof Uint8Array && phrase.length > 0 && !phrase.includes(LF);
    if (!isLine || phrase.length > PASS_PHRASE_BYTES_MAX)
      throw new UserError(`passPhrase is one line of 1 to ${PASS_PHRASE_BYTES_MAX} bytes`);
  };
  check();
  const meet = (arrival: Arrival) => {
    const read = (line: Buffer, isWhole: boolean) => {
      if (!isWhole && line.length <= PASS_PHRASE_BYTES_MAX + 1) return;
      if (isPassPhrase(line, secrets)) arrival.pass(line.length + 1);
      else arrival.refuse(LASTING.wrongPassPhrase);
    };
    awaitLine(arrival, secrets, arrivalMs, read, LASTING.noPassPhraseWithin(formatTime(arrivalMs)));
  };
  const note = secrets.tls ? undefined : "the pass phrase travels in the clear: there is no TLS";
  return { renew: check, door: { meet }, note };
}

/** Compares digests, whose length tells nothing, in a time that tells nothing. */
function isPassPhrase(line: Uint8Array, { passPhrase }: Secrets): boolean {
  const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();
  const given = line.at(-1) === CR ? line.subarray(0, -1) : line;
  return passPhrase !== undefined && timingSafeEqual(digest(given), digest(passPhrase));
}
