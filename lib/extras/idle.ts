/** `--idle`: a member that has sent no line for too long is disconnected. */

import { DISCONNECTS } from "../program/server-messages.ts";
import { checkRange } from "../program/system-errors.ts";
import { DAY_MS, formatTime } from "../program/units.ts";
import { Deadlines } from "../room/deadlines.ts";
import type { Member } from "../room/member.ts";
import type { Part } from "./part.ts";

/**
 * @param idleMs how long it may send none, in ms, from 1 to a day; time in which its lines wait does
 *   not count
 */
export function idle(idleMs: number): Part {
  checkRange("idleMs", idleMs, 1, DAY_MS);
  return {
    extra(room) {
      const members = new Deadlines<Member>(idleMs, room.now);
      return {
        joined(member) {
          members.start(member);
          room.wake(0);
        },
        sent(member) {
          if (!member.isLeaving) members.start(member);
        },
        gone: (member) => members.stop(member),
        flush(now) {
          for (const member of members.over(now)) {
            members.start(member);
            if (member.isWaiting || member.lines.isHeldBack) continue;
            members.stop(member);
            member.disconnect("idle", DISCONNECTS.idleFor(formatTime(idleMs)));
          }
          return members.dueAtMs;
        },
      };
    },
  };
}
