/** Who has said nothing for too long. */

import type { Member } from "./member.ts";

/** When each member last said a line. Kept only in a room that minds. */
export class Idle {
  readonly #idleMs: number;
  /** In the order of the times: whoever says something goes to the end. */
  readonly #saidAtMs = new Map<Member, number>();

  /** @param idleMs how long a member may say nothing, in ms */
  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  /** When the next member may have to be disconnected. */
  get dueAtMs(): number {
    const [first] = this.#saidAtMs.values();
    return first === undefined ? Number.POSITIVE_INFINITY : first + this.#idleMs;
  }

  /** A member has said a line, or has come. */
  said(member: Member, now: number): void {
    this.#saidAtMs.delete(member);
    this.#saidAtMs.set(member, now);
  }

  /** A member has left. */
  forget(member: Member): void {
    this.#saidAtMs.delete(member);
  }

  /** Tells who has said nothing for too long. Time in which its lines had to wait does not count. */
  flush(now: number, disconnect: (member: Member) => void): void {
    for (const [member, saidAtMs] of this.#saidAtMs) {
      if (now - saidAtMs < this.#idleMs) break;
      if (member.hold !== undefined) this.said(member, now);
      else disconnect(member);
    }
  }
}
