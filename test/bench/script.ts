/** What is said: numbered lines of one length, so that a receiver can tell where it is and what comes next. */

import type { Dialect } from "./dialects.ts";

/** A line is `:`, its talker in two digits, its number in four, filler, LF. */
const MARK = ":";
const [TALKER_DIGITS, NUMBER_DIGITS] = [2, 4];
const DIGIT_BITS = 6;
const ZERO = 0x30;
const FILLER = "abcdefghijklmnopqrstuvwxyz";

/** All that one talker says, over and over: its numbers start again after `lines` of them. */
export interface Script {
  /** How many lines there are before it starts again. */
  readonly lines: number;
  /** The bytes it writes. */
  readonly said: Buffer;
  /** The bytes in which others hear it, and how many of them are a line. */
  readonly heard: Buffer;
  readonly frameBytes: number;
  /** Where the digits are in the bytes of a line that is heard. */
  readonly digitsAt: number;
}

/**
 * Writes a talker's script.
 *
 * @param lineBytes the length of a line, LF included; at least 8
 * @param lines a number of lines, at most 16 million
 */
export function writeScript(
  dialect: Dialect,
  talker: number,
  lineBytes: number,
  lines: number,
): Script {
  const filler = FILLER.repeat(Math.ceil(lineBytes / FILLER.length));
  const all = Array.from({ length: lines }, (_, number) => {
    const head = MARK + digits(talker, TALKER_DIGITS) + digits(number, NUMBER_DIGITS);
    return Buffer.from(`${head}${filler.slice(0, lineBytes - head.length - 1)}\n`);
  });
  const heard = Buffer.concat(all.map((line) => dialect.hear(line)));
  return {
    ...{ lines, heard, frameBytes: heard.length / lines },
    said: Buffer.concat(all.map((line) => dialect.say(line))),
    digitsAt: heard.indexOf(MARK + digits(talker, TALKER_DIGITS)) + MARK.length,
  };
}

/** A line of the same form that is not part of any script. */
export function writeAside(word: string, lineBytes: number): Buffer {
  return Buffer.from(`${MARK}~${word} `.padEnd(lineBytes - 1, ".") + "\n");
}

/** The talker of a line whose digits begin at `offset`. */
export function readTalker(bytes: Uint8Array, offset: number): number {
  return readDigits(bytes, offset, TALKER_DIGITS);
}

/** The number of a line whose digits begin at `offset`. */
export function readNumber(bytes: Uint8Array, offset: number): number {
  return readDigits(bytes, offset + TALKER_DIGITS, NUMBER_DIGITS);
}

function readDigits(bytes: Uint8Array, offset: number, count: number): number {
  let value = 0;
  for (let place = count - 1; place >= 0; place--)
    value = (value << DIGIT_BITS) | ((bytes[offset + place] ?? 0) - ZERO);
  return value;
}

/** A number in `count` printable digits of six bits, lowest first. */
function digits(value: number, count: number): string {
  return Array.from({ length: count }, (_, place) =>
    String.fromCharCode(ZERO + ((value >> (place * DIGIT_BITS)) & ((1 << DIGIT_BITS) - 1))),
  ).join("");
}
