/** The lines of a member with a name: `name: ` stands before each, and control characters show. */

import type { Lines } from "../../room/fair-queue.ts";
import { LF } from "../../room/line-buffer.ts";
import { WrappedLines } from "../wrapped-lines.ts";

const [TAB, CR] = [0x09, 0x0d];
/** A control character other than TAB and the end of a line; one of C1 is two bytes of UTF-8. */
const CONTROL = /[\0-\x08\v\f\x0e-\x1f\x7f]|\r(?!\n)|\xc2[\x80-\x9f]/g;

/** Shared by all that have sent nothing, as most have. */
const NOTHING = Buffer.alloc(0);
/** Where lines are put together, and behind that what they are made of; the same by four bytes. */
let scratch = new Uint8Array(0);
let scratchWords = new Int32Array(0);

/**
 * Puts `name: ` before each line and shows its control characters. Both are done when lines are taken,
 * so that a million empty lines that wait do not become 32 times as many bytes. The `name: ` that a
 * member sends itself is taken out as it comes, so that it does not count in the length of the line.
 * Texts are latin1, which has a character for each byte.
 */
export class NamedLines extends WrappedLines {
  readonly #name: string;
  /** What stands before a line, and the same after an LF; made once something comes. */
  #prefix = NOTHING;
  #between = NOTHING;
  /** What has come of a line, after the end of the one before, as long as `#between` begins so. */
  #begun = "\n";

  constructor(lines: Lines, name: string) {
    super(lines);
    this.#name = name;
  }

  override push(chunk: Uint8Array): void {
    if (this.#prefix.length === 0) {
      this.#between = Buffer.from(`\n${this.#name}: `);
      this.#prefix = this.#between.subarray(1);
    }
    if (!this.#passes(chunk)) this.#pushWithout(chunk);
  }

  override end(): void {
    const isEmptyLine = this.#begun.length === this.#between.length;
    super.push(Buffer.from(isEmptyLine ? "\n" : this.#begun.slice(1), "latin1"));
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
      const shown = latin1(run.subarray(0, end)).replace(CONTROL, show);
      ({ length, count } = putTogether(this.#prefix, Buffer.from(shown, "latin1"), bytesMax));
      for (end = 0; count > 0; count--) end = run.indexOf(LF, end) + 1;
    }
    if (end > 0) super.take(end);
    return end > 0 ? scratch.subarray(0, length) : undefined;
  }

  /** Passes on what has nothing in it that may be the name, as most has not. */
  #passes(chunk: Uint8Array): boolean {
    const start = chunk.lastIndexOf(LF) + 1;
    const [first] = this.#prefix;
    const mayBegin = chunk[start] === first || chunk[0] === first;
    if (this.#begun.length > 1 || mayBegin || asBuffer(chunk).includes(this.#between)) return false;
    if (chunk.length > 0) this.#begun = start === chunk.length ? "\n" : "";
    super.push(chunk);
    return true;
  }

  #pushWithout(chunk: Uint8Array): void {
    const between = latin1(this.#between);
    const isWithinLine = this.#begun === "";
    const sent = this.#begun + latin1(chunk);
    const last = sent.lastIndexOf("\n");
    const isBegun = last >= 0 && between.startsWith(sent.slice(last));
    this.#begun = isBegun ? sent.slice(last) : "";
    const whole = isBegun ? sent.slice(0, last + 1) : sent;
    const lines = whole.replaceAll(between, "\n").slice(isWithinLine ? 0 : 1);
    super.push(Buffer.from(lines, "latin1"));
  }
}

/** Puts a prefix before each line, as many as fit; tells where they end here and there. */
function putTogether(prefix: Uint8Array, lines: Uint8Array, bytesMax: number) {
  const from = (bytesMax + 3) & ~3;
  if (scratch.length < 2 * from) {
    scratchWords = new Int32Array(from / 2);
    scratch = new Uint8Array(scratchWords.buffer);
  }
  // Within one array, copying many short lines is fastest.
  scratch.set(lines.length > bytesMax ? lines.subarray(0, bytesMax) : lines, from);
  let [end, length, count] = [0, 0, 0];
  for (;;) {
    const next = lines.indexOf(LF, end) + 1;
    const lineBytes = prefix.length + next - end;
    if (next === 0 || length + lineBytes > bytesMax) return { end, length, count };
    for (let at = 0; at < prefix.length; at++) scratch[length + at] = prefix[at] ?? 0;
    scratch.copyWithin(length + prefix.length, from + end, from + next);
    length += lineBytes;
    end = next;
    count++;
  }
}

/** Whether there is a control character in what was put together; looks at four bytes at a time. */
function hasControl(length: number): boolean {
  for (let at = 0; at < length; at += 4) {
    const word = scratchWords[at >> 2] ?? 0;
    // The highest bit of a byte is set in one of these if it is below SPACE, DEL, or the first of C1.
    const low = (word - 0x20202020) & ~word;
    const others = zeros(word ^ 0x7f7f7f7f) | zeros(word ^ 0xc2c2c2c2);
    if (((low | others) & 0x80808080) === 0) continue;
    for (let one = at; one < at + 4 && one < length; one++)
      if (isControl(scratch[one] ?? 0, scratch[one + 1] ?? 0)) return true;
  }
  return false;
}

/** Whether a byte, and the next one, begin what `CONTROL` matches. */
function isControl(byte: number, next: number): boolean {
  if (byte >= 0x20) return byte === 0x7f || (byte === 0xc2 && next >> 5 === 4);
  return byte !== TAB && byte !== LF && (byte !== CR || next !== LF);
}

const zeros = (word: number) => (word - 0x01010101) & ~word;

/** As `cat -v` shows it, `^[` for an escape; one of C1 as the sequence that means the same. */
function show(control: string): string {
  const at = control.length - 1;
  return `^${"[".repeat(at)}${String.fromCharCode(control.charCodeAt(at) ^ (at > 0 ? 0xc0 : 0x40))}`;
}

const latin1 = (bytes: Uint8Array) => asBuffer(bytes).toString("latin1");

function asBuffer(bytes: Uint8Array): Buffer {
  const { buffer, byteOffset, length } = bytes;
  return bytes instanceof Buffer ? bytes : Buffer.from(buffer, byteOffset, length);
}
