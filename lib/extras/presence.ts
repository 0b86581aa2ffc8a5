/**
 * `--announce`: join and leave notices, as lines in the log: `* alice joined (3 here)`, `* alice left
 * (2 here)`. They take their turn with all others, at most ten in any second: of a storm, the rest
 * is summed up.
 */

import { serverMessage } from "../program/server-messages.ts";
import { usageError } from "../program/system-errors.ts";
import type { Extra } from "../room/extra.ts";
import type { Sender } from "../room/fair-queue.ts";
import type { Member } from "../room/member.ts";
import { DEFAULTS, type Room } from "../room/room.ts";
import type { Context, Part, Reservations } from "./part.ts";

const NOTICES_MAX = 10;
const SECOND_MS = 1000;
/** What the key begins with that a server reserves for each member, as others tell that it left if it is down. */
const HERE = "here ";
const NEVER = Number.POSITIVE_INFINITY;
/** Of a room with names, the longest name and its `: ` come on top: each notice fits. */
const LINE_BYTES_MIN = 128;

export interface PresenceSettings {
  readonly announce?: boolean | undefined;
  readonly lineBytesMax?: number | undefined;
}

/** @throws {UserError} if a notice could be longer than a line */
export function presence({ parts }: Context, lineBytesMax = DEFAULTS.lineBytesMax): Part {
  if (lineBytesMax < LINE_BYTES_MIN)
    throw usageError(`--announce takes a --max-line of at least ${LINE_BYTES_MIN}`);
  // How many are at the other servers of a shared room, this one does not know.
  const isCounted = parts.every(({ order }) => order === undefined);
  const shared = parts.find(({ reservations }) => reservations)?.reservations;
  return { extra: (room) => noticesIn(room, isCounted, shared) };
}

function noticesIn(room: Room, isCounted: boolean, shared: Reservations | undefined): Extra {
  let here = 0;
  let number = 0;
  const numbers = new WeakMap<Member, string>();
  /** Its address, which is the label of a member without a name, is for the log, and a number for all. */
  const shown = (member: Member) =>
    member.name !== member.label || !isCounted
      ? member.name
      : numbers.getOrInsertComputed(member, () => `#${++number}`);
  /** How many there are to tell of in sum, as they were too many. */
  let more = { joined: 0, left: 0 };
  /** Those that are sent next, and when the last ten were, the latest last. */
  const notices: Uint8Array[] = [];
  let sentAtMs = Array<number>(NOTICES_MAX).fill(-Infinity);
  const sender: Sender = {
    cursor: { lastRun: -1, isPassing: true },
    lines: {
      get next() {
        return notices[0];
      },
      take(bytesMax) {
        const [line] = notices;
        if (line === undefined || line.length > bytesMax) return undefined;
        sentAtMs = [...sentAtMs.slice(1), room.now()];
        return notices.shift();
      },
    },
    isWaiting: false,
    sentAll() {},
  };

  const add = (text: string) => {
    const count = isCounted ? ` (${here.toLocaleString("en")} here)` : "";
    const line = new TextEncoder().encode(serverMessage(text + count));
    if (line.length <= room.loggedBytesMax) notices.push(line);
  };
  const hasMore = () => more.joined + more.left > 0;
  /** When one more may be added: a second after the one that was sent ten before it. */
  const nextAtMs = () => (sentAtMs[notices.length] ?? NEVER) + SECOND_MS;
  const tell = (what: "joined" | "left", name: string) => {
    if (room.isStopping) return;
    if (!hasMore() && nextAtMs() <= room.now()) add(`${name} ${what}`);
    else more[what]++;
    room.wake(0);
  };

  if (shared)
    shared.onDown = (keys) => {
      for (const key of keys) if (key.startsWith(HERE)) tell("left", key.slice(HERE.length));
    };
  return {
    joined(member) {
      here++;
      shared?.ask(HERE + member.name, () => {});
      tell("joined", shown(member));
      // At once, before what it sends itself.
      room.send(sender);
    },
    left(member) {
      here--;
      shared?.release(HERE + member.name);
      tell("left", shown(member));
    },
    flush(now) {
      if (sender.isWaiting || room.isStopping) return NEVER;
      if (hasMore() && nextAtMs() <= now) {
        const counts = Object.entries(more).filter(([, count]) => count > 0);
        more = { joined: 0, left: 0 };
        add(counts.map(([what, count]) => `${count.toLocaleString("en")} more ${what}`).join(", "));
      }
      room.send(sender);
      return hasMore() ? nextAtMs() : NEVER;
    },
  };
}
