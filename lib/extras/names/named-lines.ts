/** The lines of a member with a name: `name: ` stands before each, and control characters show. */

import type { Lines } from "../../room/fair-queue.ts";
import { LF } from "../../room/line-buffer.ts";
import { WrappedLines } from "../wrapped-lines.ts";

/** A control character other than TAB and the end of a line; one of C1 is two bytes of UTF-8. */
const CONTROL = /[\0-\x08\v\f\x0e-\x1f\x7f]|\r(?!\n)|\xc2[\x80-\x9f]/g;

/** Where lines are put together, and behind that what they are made of: copying is fastest so. */
let scratch = Buffer.alloc(0);

/**
 * Puts `name: ` before each line and shows its control characters, when lines are taken, so that a
 * million empty lines that wait do not become 32 times as many bytes. The `name: ` that a member sends
 * itself is taken out as it comes, so that it does not count in the length of the line.
 * Texts are latin1, which has a character for each byte.
 */
export class NamedLines extends WrappedLines {
  readonly #prefix: string;
  /** What has come of a line, behind the LF of the one before, as long as it may begin with the name. */
  #begun = "\n";

  constructor(lines: Lines, name: string) {
    super(lines);
    this.#prefix = Buffer.from(`${name}: `).toString("latin1");
  }

  override push(chunk: Uint8Array): void {
    const named = `\n${this.#prefix}`;
    const first = named.charCodeAt(1);
    const isBegun = this.#begun.length > 1 || chunk[0] === first;
    const mayBegin = chunk[chunk.lastIndexOf(LF) + 1] === first;
    if (isBegun || mayBegin || bufferOf(chunk).includes(named, "latin1"))
      return this.#pushWithout(named, chunk);
    // Most has nothing in it that may be the name: then nothing is copied.
    if (chunk.length > 0) this.#begun = chunk.at(-1) === LF ? "\n" : "";
    super.push(chunk);
  }

  #pushWithout(named: string, chunk: Uint8Array): void {
    const isWithinLine = this.#begun === "";
    const sent = this.#begun + latin1(chunk);
    const last = sent.lastIndexOf("\n");
    const isBegun = last >= 0 && named.startsWith(sent.slice(last));
    this.#begun = isBegun ? sent.slice(last) : "";
    // The LF before a line that may have a name comes with it, but has been passed on.
    const passed = isBegun ? sent.slice(0, last + 1) : sent;
    const lines = passed.replaceAll(named, "\n").slice(isWithinLine ? 0 : 1);
    super.push(Buffer.from(lines, "latin1"));
  }

  override end(): void {
    const isEmptyLine = this.#begun.length > this.#prefix.length;
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
    const prefix = this.#prefix;
    const sent = latin1(run.subarray(0, bytesMax));
    const shown = sent.replace(CONTROL, show);
    if (scratch.length < 2 * bytesMax) scratch = Buffer.alloc(2 * bytesMax);
    scratch.write(shown, bytesMax, "latin1");
    let [at, end, length] = [0, 0, 0];
    for (let next = shown.indexOf("\n") + 1; next > 0; next = shown.indexOf("\n", at) + 1) {
      const lineStart = length + prefix.length;
      if (lineStart + next - at > bytesMax) break;
      for (let of = 0; of < prefix.length; of++) scratch[length + of] = prefix.charCodeAt(of);
      scratch.copyWithin(lineStart, bytesMax + at, bytesMax + next);
      length = lineStart + next - at;
      at = next;
      end = shown === sent ? at : run.indexOf(LF, end) + 1;
    }
    if (end > 0) super.take(end);
    return end > 0 ? scratch.subarray(0, length) : undefined;
  }
}

/** As `cat -v` shows it, `^[` for an escape; one of C1 as the sequence that means the same. */
function show(control: string): string {
  const at = control.length - 1;
  return `^${"[".repeat(at)}${String.fromCharCode(control.charCodeAt(at) ^ (at > 0 ? 0xc0 : 0x40))}`;
}

const latin1 = (bytes: Uint8Array) => bufferOf(bytes).toString("latin1");

function bufferOf(bytes: Uint8Array): Buffer {
  const { buffer, byteOffset, length } = bytes;
  return bytes instanceof Buffer ? bytes : Buffer.from(buffer, byteOffset, length);
}
