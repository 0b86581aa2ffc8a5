/** What a member sends, with something put around it by `Extra.linesOf`. */

import type { Lines } from "../room/fair-queue.ts";

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
