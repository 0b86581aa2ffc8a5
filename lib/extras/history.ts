/** `--history`: a member that joins gets the last lines first. Its cursor starts further back. */

import { HISTORY_END } from "../program/server-messages.ts";
import { checkRange } from "../program/system-errors.ts";
import type { Backlog, Cursor } from "../room/cursor.ts";
import type { Extra } from "../room/extra.ts";
import type { Room } from "../room/room.ts";
import type { Part } from "./part.ts";

/** So many bytes more are kept, for lines that are not history. */
const PASSING_BYTES = 1 << 20;
const BYTES_MAX = 1 << 30;

/** How much a newcomer gets: the last whole lines that fit into so many bytes, and no more than `lines`. */
export interface HistoryOptions {
  /** From 1 to 2^30; they are kept in memory once, and 1 MiB more. */
  readonly bytes: number;
  /** At least 1; any number by default. */
  readonly lines?: number | undefined;
}

export type HistorySettings = { history?: HistoryOptions | undefined };

/**
 * @param passingBytes how much is kept for lines that are not of members, besides `bytes`
 * @throws {UserError} if there could be no such history
 */
export function history(
  { bytes, lines = Number.POSITIVE_INFINITY }: HistoryOptions,
  passingBytes = PASSING_BYTES,
): Part {
  checkRange("history.bytes", bytes, 1, BYTES_MAX);
  checkRange("history.lines", lines, 1);
  const keptBytes = bytes + passingBytes;
  return { keptBytes, extra: (room) => historyIn(room, { bytes, lines, keptBytes }) };
}

/** Lines of members that follow each other in the log; between one span and the next are others. */
interface Span {
  readonly start: number;
  end: number;
  next?: Span;
}

function historyIn(room: Room, max: { bytes: number; lines: number; keptBytes: number }): Extra {
  const { log } = room;
  /** Where it begins, in which span, and how much it is. */
  let start = 0;
  let first: Span = { start: 0, end: 0 };
  let last = first;
  let bytes = 0;
  /** Counted only if so many are a limit: that takes longer than to relay them. */
  let lines = 0;
  const isCounted = max.lines < Number.POSITIVE_INFINITY;

  const add = (runStart: number, end: number) => {
    if (last.end === runStart) last.end = end;
    else last = last.next = { start: runStart, end };
    if (bytes === 0) [first, start] = [last, runStart];
    if (isCounted) for (let at = runStart; at < end; at = log.lineEnd(at)) lines++;
    bytes += end - runStart;
  };
  /** How many bytes of it are too much. */
  const surplus = () => Math.max(bytes - max.bytes, log.head - max.keptBytes - start);
  const forgetOldest = () => {
    const { end, next } = first;
    const leastBytes = isCounted ? 1 : Math.min(surplus(), end - start);
    const lineEnd = log.lineEnd(start + leastBytes - 1);
    bytes -= lineEnd - start;
    if (isCounted) lines--;
    if (lineEnd === end && next) first = next;
    start = lineEnd === end && next ? next.start : lineEnd;
  };

  log.onAppend = ({ isPassing }, runStart, runEnd) => {
    if (!isPassing) add(runStart, runEnd);
    while (bytes > 0 && (lines > max.lines || surplus() > 0)) forgetOldest();
  };
  return {
    joined({ cursor }) {
      cursor.backlog = replay(cursor, first);
      if (bytes > 0) cursor.position = start;
      log.holdFrom(cursor.position);
      room.wake(0);
    },
    restarted() {
      bytes = lines = 0;
    },
  };
}

/**
 * What one newcomer gets of it: that is in the log still, so its cursor goes on without a gap.
 *
 * @param cursor which stands where the present begins
 */
function replay(cursor: Cursor, first: Span): Backlog {
  const presentStart = cursor.position;
  let span = first;
  let mark: Uint8Array = new TextEncoder().encode(HISTORY_END);
  return {
    get asideBytes() {
      return mark.length;
    },
    write(turnEnd) {
      const end = Math.min(presentStart, turnEnd);
      while (cursor.position < end) {
        if (!cursor.writeUpTo(Math.min(span.end, end))) return false;
        if (cursor.position < span.end) continue;
        cursor.position = Math.min(span.next?.start ?? presentStart, presentStart);
        span = span.next ?? span;
      }
      if (cursor.position < presentStart) return false;
      mark = mark.subarray(cursor.offer(mark, 0, mark.length));
      return !cursor.gone && !cursor.blocked;
    },
  };
}
