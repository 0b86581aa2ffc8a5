/** A member that begins as TLS does, on a port without TLS, is told so and leaves. */

import { greetsInTls } from "../doors/first-bytes.ts";
import { LASTING } from "../program/server-messages.ts";
import type { Lines } from "../room/fair-queue.ts";
import type { Member } from "../room/member.ts";
import type { Part } from "./part.ts";
import { WrappedLines } from "./wrapped-lines.ts";

export function firstBytes(): Part {
  return { extra: () => ({ linesOf: (member, lines) => new InspectedLines(member, lines) }) };
}

/** Lines that are inspected at their beginning, and then left to themselves. */
class InspectedLines extends WrappedLines {
  /** Until something has come: a ClientHello comes in one piece, at least its first bytes. */
  #member: Member | undefined;

  constructor(member: Member, lines: Lines) {
    super(lines);
    this.#member = member;
  }

  override push(chunk: Uint8Array): void {
    const member = this.#member;
    this.#member = undefined;
    if (member && greetsInTls(chunk)) return member.disconnect(LASTING.speaksTls);
    if (member?.lines === this) member.lines = this.within;
    super.push(chunk);
  }
}
