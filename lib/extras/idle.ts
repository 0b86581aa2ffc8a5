/** `--idle`: a member that has sent no line for too long is disconnected. */

import { idleFor } from "../program/server-messages.ts";
import { UserError } from "../program/system-errors.ts";
import { formatTime } from "../program/units.ts";
import { Deadlines } from "../room/deadlines.ts";
import type { Member } from "../room/member.ts";
import type { Part } from "./part.ts";

/** A timer for much longer would be none. */
const DAY_MS = 24 * 3_600_000;

/**
 * @param idleMs how long it may send none, in ms, from 1 to a day; time in which its lines wait does
 *   not count
 */
export function idle(idleMs: number): Part {
  if (!(idleMs >= 1 && idleMs <= DAY_MS))
    throw new UserError(`idleMs is a number from 1 to ${DAY_MS}, not ${idleMs}`);
  return {
    extra(room) {
      const members = new Deadlines<Member>(idleMs, room.now);
      const stop = (member: Member) => members.stop(member);
      return {
        joined(member) {
          members.start(member);
          room.wake(0);
        },
        sent(member) {
          if (!member.isLeaving) members.start(member);
        },
        left: stop,
        gone: stop,
        flush(now) {
          for (const member of members.over(now)) {
            members.start(member);
            if (member.isWaiting || member.lines.isHeldBack) continue;
            members.stop(member);
            member.disconnect("idle", idleFor(formatTime(idleMs)));
          }
          return members.dueAtMs;
        },
      };
    },
  };
}
