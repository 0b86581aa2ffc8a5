/** The lines of a member with a name: `name: ` stands before each, and control characters show. */

import type { Lines } from "../../room/fair-queue.ts";
import { LF } from "../../room/line-buffer.ts";
import { WrappedLines } from "../wrapped-lines.ts";

/** A control character other than TAB and the end of a line; one of C1 is two bytes of UTF-8. */
const CONTROL = /[\0-\x08\v\f\x0e-\x1f\x7f]|\r(?!\n)|\xc2[\x80-\x9f]/g;

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
    const isWithinLine = this.#begun === "";
    const sent = this.#begun + latin1(chunk);
    const last = sent.lastIndexOf("\n");
    this.#begun = last >= 0 && named.startsWith(sent.slice(last)) ? sent.slice(last) : "";
    // The LF before a line that may have a name comes with it, but has been passed on.
    const passed = this.#begun === "" ? sent : sent.slice(0, last + 1);
    const lines = passed.replaceAll(named, "\n").slice(isWithinLine ? 0 : 1);
    super.push(Buffer.from(lines, "latin1"));
  }

  override end(): void {
    const isEmptyLine = this.#begun.length > this.#prefix.length;
    super.push(Buffer.from(isEmptyLine ? "\n" : this.#begun.slice(1), "latin1"));
    super.end();
  }

  /** Takes out lines of the oldest run, as many as fit as they are given out, if any does. */
  override take(bytesMax: number): Uint8Array | undefined {
    const run = this.next;
    if (run === undefined || bytesMax <= 0) return undefined;
    const shown = latin1(run.subarray(0, bytesMax)).replace(CONTROL, show);
    let [text, at, end] = ["", 0, 0];
    for (let next = shown.indexOf("\n") + 1; next > 0; next = shown.indexOf("\n", at) + 1) {
      const line = this.#prefix + shown.slice(at, next);
      if (text.length + line.length > bytesMax) break;
      text += line;
      at = next;
      end = run.indexOf(LF, end) + 1;
    }
    if (end > 0) super.take(end);
    return end > 0 ? Buffer.from(text, "latin1") : undefined;
  }
}

/** As `cat -v` shows it, `^[` for an escape; one of C1 as the sequence that means the same. */
function show(control: string): string {
  const at = control.length - 1;
  return `^${"[".repeat(at)}${String.fromCharCode(control.charCodeAt(at) ^ (at > 0 ? 0xc0 : 0x40))}`;
}

function latin1({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString("latin1");
}
