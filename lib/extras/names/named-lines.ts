/** The lines of a member with a name: each begins with it. */

import type { Lines } from "../../room/fair-queue.ts";
import { LF } from "../../room/line-buffer.ts";
import { WrappedLines } from "../wrapped-lines.ts";

/** Where lines are put together, and behind that those they are made of. */
let scratch = new Uint8Array(0);

/**
 * Puts `name: ` before each line that it gives out, unless the member has sent that itself.
 *
 * Names are put in when lines are taken, so that a million empty lines that wait do not become 32
 * times as many bytes.
 */
export class NamedLines extends WrappedLines {
  readonly #name: string;
  /** Undefined until a line is taken: most of those who are here send nothing. */
  #prefix: Uint8Array | undefined;

  constructor(lines: Lines, name: string) {
    super(lines);
    this.#name = name;
  }

  /**
   * Takes out lines of the oldest run, as many as fit with the name before each, if any does. They
   * stay as they are until the next call, on whichever member's lines.
   */
  override take(bytesMax: number): Uint8Array | undefined {
    const run = this.next;
    if (run === undefined) return undefined;
    const prefix = (this.#prefix ??= new TextEncoder().encode(`${this.#name}: `));
    // Within one array, copying many short lines is fastest.
    const bytes = (scratch =
      scratch.length < 2 * bytesMax ? new Uint8Array(2 * bytesMax) : scratch);
    bytes.set(run.subarray(0, bytesMax), bytesMax);
    let end = 0;
    let filled = 0;
    while (end < run.length) {
      const next = run.indexOf(LF, end) + 1;
      const prefixBytes = startsWith(run, end, prefix) ? 0 : prefix.length;
      const length = prefixBytes + next - end;
      if (filled + length > bytesMax) break;
      for (let at = 0; at < prefixBytes; at++) bytes[filled + at] = prefix[at] ?? 0;
      bytes.copyWithin(filled + prefixBytes, bytesMax + end, bytesMax + next);
      filled += length;
      end = next;
    }
    if (end > 0) super.take(end);
    return end > 0 ? bytes.subarray(0, filled) : undefined;
  }
}

function startsWith(run: Uint8Array, at: number, prefix: Uint8Array): boolean {
  for (let index = 0; index < prefix.length; index++)
    if (run[at + index] !== prefix[index]) return false;
  return true;
}
