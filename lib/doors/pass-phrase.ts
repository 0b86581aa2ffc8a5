/** The first line of a client has to be the pass phrase; what follows it is for the room. */

import { createHash, timingSafeEqual } from "node:crypto";

import type { Context, Part, Secrets } from "../extras/part.ts";
import { PASS_PHRASE_BYTES_MAX } from "../program/files.ts";
import { noPassPhraseWithin, SPEAKS_TLS, WRONG_PASS_PHRASE } from "../program/server-messages.ts";
import { UserError } from "../program/system-errors.ts";
import { formatTime } from "../program/units.ts";
import { LF } from "../room/line-buffer.ts";
import type { Arrival } from "./door.ts";
import { greetsInTls } from "./first-bytes.ts";

const CR = 0x0d;
/** The longest first line that may be right, in bytes, with a CR and without its LF. */
const LINE_BYTES_MAX = PASS_PHRASE_BYTES_MAX + 1;

/**
 * `--pass-file`: the pass phrase of the moment. Like any line, it may end with EOF instead of LF.
 *
 * @throws {UserError} if it cannot be sent as one line
 */
export function passPhrase(context: Context): Part {
  const { passPhrase: phrase = new Uint8Array(0) } = context.secrets;
  if (phrase.length < 1 || phrase.length > PASS_PHRASE_BYTES_MAX || phrase.includes(LF))
    throw new UserError(`passPhrase is one line of 1 to ${PASS_PHRASE_BYTES_MAX} bytes`);
  return {
    name: "passPhrase",
    door: { meet: (arrival) => awaitPassPhrase(arrival, context) },
  };
}

function awaitPassPhrase(arrival: Arrival, { secrets, arrivalMs }: Context): void {
  let line: Uint8Array = new Uint8Array(0);
  const decide = (rest?: Uint8Array) => {
    if (isPassPhrase(line, secrets)) arrival.pass(rest);
    else arrival.refuse(WRONG_PASS_PHRASE);
  };

  arrival.hold({
    withinMs: arrivalMs,
    received(bytes) {
      const end = bytes.indexOf(LF);
      line = Buffer.concat([line, end < 0 ? bytes : bytes.subarray(0, end)]);
      if (secrets.tls === undefined && greetsInTls(line)) return arrival.refuse(SPEAKS_TLS);
      if (line.length > LINE_BYTES_MAX) return arrival.refuse(WRONG_PASS_PHRASE);
      if (end >= 0) decide(bytes.subarray(end + 1));
    },
    ended: () => decide(),
    late: () => arrival.refuse(noPassPhraseWithin(formatTime(arrivalMs))),
  });
}

/** Compares digests, whose length tells nothing, in a time that tells nothing. */
function isPassPhrase(line: Uint8Array, { passPhrase }: Secrets): boolean {
  const given = line.at(-1) === CR ? line.subarray(0, -1) : line;
  return passPhrase !== undefined && timingSafeEqual(digest(given), digest(passPhrase));
}

function digest(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}
