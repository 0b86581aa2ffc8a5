/** `--max-rate`: of a member that sends more lines a second, the rest is taken later. */

import { checkRange } from "../program/system-errors.ts";
import type { Extra } from "../room/extra.ts";
import type { Lines } from "../room/fair-queue.ts";
import { LF } from "../room/line-buffer.ts";
import type { Member } from "../room/member.ts";
import type { Room } from "../room/room.ts";
import type { Part } from "./part.ts";
import { countLines, WrappedLines } from "./wrapped-lines.ts";

const SECOND_MS = 1000;

/** @param linesPerSecond at least 1 */
export function rate(linesPerSecond: number): Part {
  checkRange("linesPerSecond", linesPerSecond, 1);
  return { extra: (room) => rateIn(room, linesPerSecond) };
}

function rateIn(room: Room, linesPerSecond: number): Extra {
  /** Those whose buckets are not full. */
  const paced = new Set<PacedLines>();

  /**
   * The lines of a member, and its token bucket. That holds a second's worth of lines: so many may be
   * sent at once, and then so many a second, until it leaves.
   */
  class PacedLines extends WrappedLines {
    readonly member: Member;
    /** When the bucket is full again. */
    fullAtMs = -Infinity;

    constructor(lines: Lines, member: Member) {
      super(lines);
      this.member = member;
    }

    override get isHeldBack(): boolean {
      return this.within.next !== undefined && this.#tokens < 1;
    }

    /** As much of the oldest run as may be sent. */
    override get next(): Uint8Array | undefined {
      const run = super.next;
      if (run === undefined || this.#tokens < 1) return undefined;
      let end = 0;
      for (let left = Math.floor(this.#tokens); left > 0 && end < run.length; left--)
        end = run.indexOf(LF, end) + 1;
      return run.subarray(0, end);
    }

    override take(bytesMax: number): Uint8Array | undefined {
      const run = super.take(Math.min(bytesMax, this.next?.length ?? 0));
      if (run === undefined || this.#isUnlimited) return run;
      const spentMs = (countLines(run) * SECOND_MS) / linesPerSecond;
      this.fullAtMs = Math.max(this.fullAtMs, room.now()) + spentMs;
      paced.add(this);
      return run;
    }

    /** When its next line may be sent: once there is one token. */
    get nextAtMs(): number {
      return room.now() + Math.ceil(((1 - this.#tokens) * SECOND_MS) / linesPerSecond);
    }

    get #isUnlimited(): boolean {
      return room.isStopping || this.member.isLeaving;
    }

    /** How many lines may be sent, and which part of one more is in the bucket. */
    get #tokens(): number {
      if (this.#isUnlimited) return Number.POSITIVE_INFINITY;
      const missingMs = Math.max(0, this.fullAtMs - room.now());
      return ((SECOND_MS - missingMs) * linesPerSecond) / SECOND_MS;
    }
  }

  const goOn = () => {
    for (const lines of paced) if (lines.next) room.send(lines.member);
  };
  return {
    linesOf: (member, lines) => new PacedLines(lines, member),
    stopped: goOn,
    flush(now) {
      goOn();
      let dueAtMs = Number.POSITIVE_INFINITY;
      for (const lines of paced) {
        if (lines.fullAtMs <= now) paced.delete(lines);
        // Also where nothing is held back: what comes until then is.
        else if (lines.nextAtMs > now) dueAtMs = Math.min(dueAtMs, lines.nextAtMs);
      }
      return dueAtMs;
    },
  };
}
