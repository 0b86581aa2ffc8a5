/** What is sent: numbered lines of one length, so that a receiver can tell where it is and what comes next. */

import type { Dialect } from "./dialects.ts";

/** A line is `:`, its number, filler, LF. */
const MARK = ":";
const DIGITS = 5;
const LINES_MAX = 10 ** DIGITS;
const ZERO = 0x30;
const FILLER = "abcdefghijklmnopqrstuvwxyz";

/** The lines of all talkers: each sends as many, over and over; they are numbered in one row. */
export class Script {
  /** How many lines each talker has. */
  readonly linesEach: number;
  /** The bytes that send the lines, and those of one line. */
  readonly #sent: Buffer;
  readonly sentBytes: number;
  /** The bytes in which others receive them, and those of one line. */
  readonly heard: Buffer;
  readonly heardBytes: number;
  readonly digitsAt: number;

  /** @param lineBytes the length of a line, LF included; at least 8 */
  constructor(
    dialect: Dialect,
    readonly talkers: number,
    linesEach: number,
    lineBytes: number,
  ) {
    const lines = talkers * linesEach;
    if (lines > LINES_MAX) throw new Error("a script is too long for the digits of its lines");
    const filler = FILLER.repeat(Math.ceil(lineBytes / FILLER.length));
    const all = Array.from({ length: lines }, (_, number) => {
      const head = MARK + String(number).padStart(DIGITS, "0");
      return Buffer.from(`${head}${filler.slice(0, lineBytes - head.length - 1)}\n`);
    });
    this.linesEach = linesEach;
    this.#sent = Buffer.concat(all.map((line) => dialect.say(line)));
    this.sentBytes = this.#sent.length / lines;
    this.heard = Buffer.concat(all.map((line) => dialect.hear(line)));
    this.heardBytes = this.heard.length / lines;
    this.digitsAt = this.heard.indexOf(`${MARK}00000`) + MARK.length;
  }

  /** All that a talker sends. */
  sentBy(talker: number): Buffer {
    const bytes = this.linesEach * this.sentBytes;
    return this.#sent.subarray(talker * bytes, (talker + 1) * bytes);
  }
}

/** The number of a line whose digits begin at `offset`. */
export function readNumber(bytes: Uint8Array, offset: number): number {
  let number = 0;
  for (let at = offset; at < offset + DIGITS; at++) number = number * 10 + (bytes[at] ?? 0) - ZERO;
  return number;
}

/** A line of the same form that is not part of any script. */
export function writeAside(word: string, lineBytes: number): Buffer {
  return Buffer.from(`${MARK}~${word} `.padEnd(lineBytes - 1, ".") + "\n");
}
