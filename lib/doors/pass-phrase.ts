/** `--pass-file`: the first line of a client has to be the pass phrase of the moment. */

import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";

import type { Context, Part, Secrets } from "../extras/part.ts";
import { PASS_PHRASE_BYTES_MAX } from "../program/files.ts";
import { LASTING, REFUSALS } from "../program/server-messages.ts";
import { UserError } from "../program/system-errors.ts";
import { formatTime } from "../program/units.ts";
import { LF } from "../room/line-buffer.ts";
import type { Arrival } from "./door.ts";

const CR = 0x0d;
/** So many wrong ones are looked at from one network, and then one in each such time. */
const GUESSES_MAX = 20;
const GUESS_MS = 1000;
/** Of no more networks is it known that they have guessed. */
const NETWORKS_MAX = 10_000;

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
  /** When the bucket of tokens of a network is full again; the one that guessed last is last. */
  const fullAtMs = new Map<string, number>();
  const meet = (arrival: Arrival) => {
    const read = (line: Buffer, isWhole: boolean) => {
      if (!isWhole && line.length <= PASS_PHRASE_BYTES_MAX + 1) return;
      const network = networkOf(arrival.address);
      const busyMs = Math.max(0, (fullAtMs.get(network) ?? 0) - arrival.now);
      // Right ones too: if those were taken at once, all others would be known to be wrong.
      if (busyMs > (GUESSES_MAX - 1) * GUESS_MS)
        return arrival.refuse(REFUSALS.tooManyGuessesFrom(network));
      if (isPassPhrase(line, secrets)) return arrival.pass(line.length + 1);
      fullAtMs.delete(network);
      // A Unix socket has no address.
      if (network !== "") fullAtMs.set(network, arrival.now + busyMs + GUESS_MS);
      const [oldest = ""] = fullAtMs.keys();
      if (fullAtMs.size > NETWORKS_MAX) fullAtMs.delete(oldest);
      arrival.refuse(LASTING.wrongPassPhrase);
    };
    arrival.holdForLine(arrivalMs, LASTING.noPassPhraseWithin(formatTime(arrivalMs)), read);
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

/** What one client may have all of: an address of IPv4, or 64 bits of IPv6. */
function networkOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = [], tail = []] = address.split("::").map((part) => part.split(":"));
  const zeros: string[] = Array(8 - head.length - tail.length).fill("0");
  return `${[...head, ...zeros, ...tail].slice(0, 4).join(":")}::/64`;
}
