/** `--pass-file`: the first line of a client has to be the pass phrase of the moment. */

import { createHash, timingSafeEqual } from "node:crypto";

import type { Context, Part, Secrets } from "../extras/part.ts";
import { PASS_PHRASE_BYTES_MAX } from "../program/files.ts";
import { unmapAddress } from "../program/network.ts";
import { LASTING, REFUSALS } from "../program/server-messages.ts";
import { UserError } from "../program/system-errors.ts";
import { formatTime } from "../program/units.ts";
import { LF } from "../room/line-buffer.ts";
import type { Arrival } from "./door.ts";
import { awaitLine } from "./first-bytes.ts";

const CR = 0x0d;
/** So many wrong ones are looked at from one address, and then one in each such time. */
const GUESSES_MAX = 20;
const GUESS_MS = 1000;
/** Of no more addresses is it known that they have guessed. */
const ADDRESSES_MAX = 10_000;

/**
 * Like any line, it may end with EOF instead of LF; what follows it is for the room.
 *
 * @throws {UserError} if it cannot be sent as one line
 */
export function passPhrase(context: Context): Part {
  const { secrets, arrivalMs } = context;
  const guesses = new Guesses();
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
      const address = unmapAddress(arrival.address);
      const { now } = arrival;
      // Right ones too: if those were taken at once, all others would be known to be wrong.
      if (guesses.areTooMany(address, now))
        return arrival.refuse(REFUSALS.tooManyGuessesFrom(address));
      if (isPassPhrase(line, secrets)) return arrival.pass(line.length + 1);
      if (address !== "") guesses.add(address, now);
      arrival.refuse(LASTING.wrongPassPhrase);
    };
    awaitLine(arrival, context, arrivalMs, read, LASTING.noPassPhraseWithin(formatTime(arrivalMs)));
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

/** Wrong ones by address, each with a bucket of tokens; a Unix socket has no address. */
class Guesses {
  /** When the bucket of an address is full again; the address that guessed last is last. */
  readonly #fullAtMs = new Map<string, number>();

  areTooMany(address: string, now: number): boolean {
    return (this.#fullAtMs.get(address) ?? 0) - now > (GUESSES_MAX - 1) * GUESS_MS;
  }

  add(address: string, now: number): void {
    const fullAtMs = Math.max(this.#fullAtMs.get(address) ?? 0, now) + GUESS_MS;
    this.#fullAtMs.delete(address);
    this.#fullAtMs.set(address, fullAtMs);
    const [oldest = ""] = this.#fullAtMs.keys();
    if (this.#fullAtMs.size > ADDRESSES_MAX) this.#fullAtMs.delete(oldest);
  }
}
