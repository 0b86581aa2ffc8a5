/** What is said: numbered lines of one length, so that a receiver can tell where it is and what comes next. */

import type { Dialect } from "./dialects.ts";

/** A line is `:`, its talker in two digits, its number in four, filler, LF. */
const MARK = ":";
const DIGIT_BITS = 6;
const ZERO = 0x30;
const FILLER = "abcdefghijklmnopqrstuvwxyz";

/** All that one talker says, over and over: its numbers start again after `lines` of them. */
export interface Script {
  /** How many lines there are before it starts again. */
  readonly lines: number;
  /** The bytes it writes. */
  readonly said: Buffer;
  /** The bytes in which others hear it. */
  readonly heard: Buffer;
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
  const said: Buffer[] = [];
  const heard: Buffer[] = [];
  for (let number = 0; number < lines; number++) {
    const head = MARK + digits(talker, 2) + digits(number, 4);
    const line = Buffer.from(`${head}${filler.slice(0, lineBytes - head.length - 1)}\n`);
    said.push(dialect.say(line));
    heard.push(dialect.hear(line));
  }
  return { lines, said: Buffer.concat(said), heard: Buffer.concat(heard) };
}

/** A line of the same form that is not part of any script. */
export function writeAside(word: string, lineBytes: number): Buffer {
  return Buffer.from(`${MARK}~${word} `.padEnd(lineBytes - 1, ".") + "\n");
}

/** Where the digits of a line begin in the bytes in which it is heard. */
export function digitsOffset(dialect: Dialect, lineBytes: number): number {
  const line = writeAside("", lineBytes);
  return dialect.hear(line).indexOf(line.subarray(0, -1)) + MARK.length;
}

/** The talker of a line whose digits begin at `offset`. */
export function readTalker(bytes: Uint8Array, offset: number): number {
  return readDigit(bytes, offset) | (readDigit(bytes, offset + 1) << DIGIT_BITS);
}

/** The number of a line whose digits begin at `offset`. */
export function readNumber(bytes: Uint8Array, offset: number): number {
  return (
    readDigit(bytes, offset + 2) |
    (readDigit(bytes, offset + 3) << DIGIT_BITS) |
    (readDigit(bytes, offset + 4) << (2 * DIGIT_BITS)) |
    (readDigit(bytes, offset + 5) << (3 * DIGIT_BITS))
  );
}

function readDigit(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] ?? 0) - ZERO;
}

/** A number in `count` printable digits of six bits, lowest first. */
function digits(value: number, count: number): string {
  return Array.from({ length: count }, (_, place) =>
    String.fromCharCode(ZERO + ((value >> (place * DIGIT_BITS)) & ((1 << DIGIT_BITS) - 1))),
  ).join("");
}
