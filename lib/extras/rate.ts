/** `--max-rate`: a member that sends more lines a second is read later. */

import { UserError } from "../program/system-errors.ts";
import { countLines } from "../room/line-buffer.ts";
import type { Member } from "../room/member.ts";
import type { Part } from "./part.ts";

const SECOND_MS = 1000;
const NEVER = Number.POSITIVE_INFINITY;

/**
 * A token bucket for each member. It holds a second's worth of lines: so many may be sent at once,
 * and then so many a second.
 *
 * @param linesPerSecond at least 1
 */
export function rate(linesPerSecond: number): Part {
  if (!(linesPerSecond >= 1))
    throw new UserError(`linesPerSecond is a number of at least 1, not ${linesPerSecond}`);
  return {
    name: "max-rate",
    extra(room) {
      /** When the bucket of each is full again, if it has sent anything. */
      const fullAtMs = new Map<Member, number>();
      /** Those whose buckets held less than a line when they were asked for. */
      const paced = new Set<Member>();
      const linesNow = (member: Member, now: number) => {
        const missingMs = Math.max(0, (fullAtMs.get(member) ?? 0) - now);
        return ((SECOND_MS - missingMs) * linesPerSecond) / SECOND_MS;
      };
      const forget = (member: Member) => {
        fullAtMs.delete(member);
        paced.delete(member);
      };
      return {
        linesNow(member) {
          const lines = linesNow(member, room.now());
          if (lines < 1) paced.add(member);
          else paced.delete(member);
          return lines;
        },
        sent(member, run) {
          if (member.isLeaving) return;
          const now = room.now();
          const spentMs = (countLines(run) * SECOND_MS) / linesPerSecond;
          fullAtMs.set(member, Math.max(fullAtMs.get(member) ?? now, now) + spentMs);
        },
        left: forget,
        gone: forget,
        flush(now) {
          let dueAtMs = NEVER;
          for (const member of paced) {
            const waitMs = ((1 - linesNow(member, now)) * SECOND_MS) / linesPerSecond;
            dueAtMs = Math.min(dueAtMs, now + Math.ceil(waitMs));
          }
          return dueAtMs;
        },
      };
    },
  };
}
