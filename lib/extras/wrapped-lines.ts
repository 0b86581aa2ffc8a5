/** What extras do with lines: put something around those that a member sends, and count them. */

import type { Lines } from "../room/fair-queue.ts";
import { LF } from "../room/line-buffer.ts";

/** How many lines there are in a run of whole ones. */
export function countLines(run: Uint8Array): number {
  let lines = 0;
  for (let at = run.indexOf(LF); at >= 0; at = run.indexOf(LF, at + 1)) lines++;
  return lines;
}

/** The same lines as those within: an extra overrides what it does otherwise. */
export class WrappedLines implements Lines {
  protected readonly within: Lines;

  constructor(within: Lines) {
    this.within = within;
  }

  get next(): Uint8Array | undefined {
    return this.within.next;
  }

  get objection(): Lines["objection"] {
    return this.within.objection;
  }

  get isHeldBack(): boolean {
    return this.within.isHeldBack ?? false;
  }

  push(chunk: Uint8Array): void {
    this.within.push(chunk);
  }

  end(): void {
    this.within.end();
  }

  take(bytesMax: number): Uint8Array | undefined {
    return this.within.take(bytesMax);
  }
}
