/** What a member sends, with its name before each line, and nothing in it that acts on a terminal. */

import type { Lines } from "../../room/fair-queue.ts";
import { LF } from "../../room/line-buffer.ts";
import { WrappedLines } from "../wrapped-lines.ts";

const TAB = 0x09;
const CR = 0x0d;
const SPACE = 0x20;
const BRACKET = 0x5b;
const CARET = 0x5e;
const DEL = 0x7f;
/** The byte before a C1 control in UTF-8. */
const C1_LEAD = 0xc2;

const NOTHING = Buffer.alloc(0);
/** Where lines are put together, and behind that what they are made of; the same by four bytes. */
let bytes = new Uint8Array(0);
let words = new Int32Array(0);

/**
 * Puts `name: ` before each line and shows its control characters. Both are done when lines are taken,
 * so that a million empty lines that wait do not become 32 times as many bytes. The `name: ` that a
 * member sends itself is taken out as it comes, so that it does not count in the length of the line.
 */
export class NamedLines extends WrappedLines {
  readonly #name: string;
  /** `name: `, and the same after an LF; empty until something comes, as from most nothing does. */
  #prefix = NOTHING;
  #between = NOTHING;
  /** What has come of a line, as long as the prefix begins so; and whether that does not. */
  #begun = NOTHING;
  #isWithinLine = false;

  constructor(lines: Lines, name: string) {
    super(lines);
    this.#name = name;
  }

  override push(chunk: Uint8Array): void {
    if (this.#prefix.length === 0) {
      this.#between = Buffer.from(`\n${this.#name}: `);
      this.#prefix = this.#between.subarray(1);
    }
    const prefix = this.#prefix;
    const sent = this.#begun.length > 0 ? Buffer.concat([this.#begun, chunk]) : chunk;
    const isOwn = !this.#isWithinLine && startsWith(sent, prefix);
    const last = sent.lastIndexOf(LF) + 1;
    const begun = last < sent.length ? sent.subarray(last) : NOTHING;
    if (last > 0) this.#isWithinLine = false;
    this.#isWithinLine ||= !startsWith(prefix, begun);
    this.#begun = begun.length === 0 || this.#isWithinLine ? NOTHING : Buffer.from(begun);
    const start = isOwn ? prefix.length : 0;
    const end = this.#isWithinLine ? sent.length : last;
    const lines = start > 0 || end < sent.length ? sent.subarray(start, end) : sent;
    super.push(without(this.#between, lines));
  }

  override end(): void {
    const isEmpty = this.#prefix.length > 0 && this.#begun.length === this.#prefix.length;
    super.push(isEmpty ? Uint8Array.of(LF) : this.#begun);
    super.end();
  }

  /**
   * Takes out lines of the oldest run, as many as fit as they are given out, if any does. They stay
   * as they are until the next call, on whichever member's lines.
   */
  override take(bytesMax: number): Uint8Array | undefined {
    const run = this.next;
    if (run === undefined || bytesMax <= 0) return undefined;
    let { end, length, count } = putTogether(this.#prefix, run, bytesMax);
    if (hasControl(length)) {
      ({ length, count } = putTogether(this.#prefix, shown(run.subarray(0, end)), bytesMax));
      for (end = 0; count > 0; count--) end = run.indexOf(LF, end) + 1;
    }
    if (end > 0) super.take(end);
    return end > 0 ? bytes.subarray(0, length) : undefined;
  }
}

/** Puts a prefix before each line, as many as fit into `bytes`; tells where they end here and there. */
function putTogether(prefix: Uint8Array, lines: Uint8Array, bytesMax: number) {
  const from = (bytesMax + 3) & ~3;
  if (bytes.length < 2 * from) {
    words = new Int32Array(from / 2);
    bytes = new Uint8Array(words.buffer);
  }
  // Within one array, copying many short lines is fastest.
  bytes.set(lines.length > bytesMax ? lines.subarray(0, bytesMax) : lines, from);
  let end = 0;
  let length = 0;
  let count = 0;
  for (;;) {
    const next = lines.indexOf(LF, end) + 1;
    const lineBytes = prefix.length + next - end;
    if (next === 0 || length + lineBytes > bytesMax) return { end, length, count };
    for (let at = 0; at < prefix.length; at++) bytes[length + at] = prefix[at] ?? 0;
    bytes.copyWithin(length + prefix.length, from + end, from + next);
    length += lineBytes;
    end = next;
    count++;
  }
}

function startsWith(bytes: Uint8Array, part: Uint8Array): boolean {
  for (let at = 0; at < part.length; at++) if (bytes[at] !== part[at]) return false;
  return true;
}

/** Lines without what stands between one and the next, except for the LF. */
function without(between: Buffer, lines: Uint8Array): Uint8Array {
  const { buffer, byteOffset, length } = lines;
  const text = lines instanceof Buffer ? lines : Buffer.from(buffer, byteOffset, length);
  if (!text.includes(between)) return lines;
  const kept = text.toString("latin1").replaceAll(between.toString("latin1"), "\n");
  return Buffer.from(kept, "latin1");
}

/** How long a line can be once its control characters are shown, in bytes. */
export const shownBytesMax = (lineBytesMax: number) => 2 * lineBytesMax;

/** Whether a byte, and the next one, are a control character other than TAB and the end of a line. */
function isControl(byte: number, next: number): boolean {
  if (byte >= SPACE) return byte === DEL || (byte === C1_LEAD && next >> 5 === 4);
  return byte !== TAB && byte !== LF && (byte !== CR || next !== LF);
}

/** Whether there is one in the lines that were put together; looks at four bytes at a time. */
function hasControl(length: number): boolean {
  for (let at = 0; at < length; at += 4) {
    const word = words[at >> 2] ?? 0;
    // The highest bit of a byte is set in one of these if it is below SPACE, DEL, or C1_LEAD.
    const low = (word - 0x20202020) & ~word;
    const isClear =
      ((low | zeros(word ^ 0x7f7f7f7f) | zeros(word ^ 0xc2c2c2c2)) & 0x80808080) === 0;
    if (isClear) continue;
    for (let one = at; one < at + 4 && one < length; one++)
      if (isControl(bytes[one] ?? 0, bytes[one + 1] ?? 0)) return true;
  }
  return false;
}

const zeros = (word: number) => (word - 0x01010101) & ~word;

/**
 * Lines with control characters in the form that `cat -v` has for them, `^[` for an escape and `^M` for
 * a CR; one of C1 as the escape sequence that means the same, `^[[` for U+009B.
 */
function shown(lines: Uint8Array): Uint8Array {
  const text = new Uint8Array(shownBytesMax(lines.length));
  let length = 0;
  for (let at = 0; at < lines.length; at++) {
    const byte = lines[at] ?? 0;
    const next = lines[at + 1] ?? 0;
    if (!isControl(byte, next)) {
      text[length++] = byte;
      continue;
    }
    text[length++] = CARET;
    if (byte === C1_LEAD) {
      text[length++] = BRACKET;
      text[length++] = next ^ 0xc0;
      at++;
    } else text[length++] = byte ^ 0x40;
  }
  return text.subarray(0, length);
}
