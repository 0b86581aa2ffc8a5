/** A member that begins as TLS does, on a port without TLS, is told so and leaves. */

import { FIRST_BYTES, greetsInTls } from "../doors/first-bytes.ts";
import { SPEAKS_TLS } from "../program/server-messages.ts";
import type { Lines } from "../room/fair-queue.ts";
import type { Member } from "../room/member.ts";
import type { Part } from "./part.ts";
import { WrappedLines } from "./wrapped-lines.ts";

export function firstBytes(): Part {
  return { extra: () => ({ linesOf: (member, lines) => new InspectedLines(member, lines) }) };
}

/** Lines that are inspected at their beginning, and then left to themselves. */
class InspectedLines extends WrappedLines {
  readonly #member: Member;
  /** What has come, while that is less than is needed to tell. */
  #begun: Buffer | undefined = Buffer.alloc(0);

  constructor(member: Member, lines: Lines) {
    super(lines);
    this.#member = member;
  }

  override push(chunk: Uint8Array): void {
    if (this.#begun) {
      const bytes = Buffer.concat([this.#begun, chunk.subarray(0, 2 * FIRST_BYTES)]);
      if (greetsInTls(bytes)) return this.#member.disconnect(SPEAKS_TLS);
      this.#begun = bytes.length < FIRST_BYTES ? bytes : undefined;
      if (!this.#begun && this.#member.lines === this) this.#member.lines = this.within;
    }
    super.push(chunk);
  }
}
