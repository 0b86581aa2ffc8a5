/** `--history`: a member that joins gets the last lines first. Its cursor starts further back. */

import { HISTORY_END } from "../program/server-messages.ts";
import { UserError } from "../program/system-errors.ts";
import type { Backlog, Cursor } from "../room/cursor.ts";
import type { LineLog } from "../room/line-log.ts";
import type { Author } from "../room/order.ts";
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
  if (!(Number.isInteger(bytes) && bytes >= 1 && bytes <= BYTES_MAX))
    throw new UserError(`history.bytes is a whole number from 1 to ${BYTES_MAX}, not ${bytes}`);
  if (!(lines >= 1)) throw new UserError(`history.lines is a number of at least 1, not ${lines}`);
  const keptBytes = bytes + passingBytes;
  return {
    keptBytes,
    extra(room) {
      const { log } = room;
      const past = new Past(log, bytes, lines, keptBytes);
      log.onAppend = (author, start, end) => past.appended(author, start, end);
      const mark = new TextEncoder().encode(HISTORY_END);
      return {
        joined({ cursor }) {
          const start = past.start;
          cursor.backlog = new History(past, cursor, mark);
          cursor.position = start;
          log.holdFrom(start);
          room.wake(0);
        },
        restarted: () => past.begin(),
      };
    },
  };
}

/** What one newcomer gets of the past: it is in the log still, so its cursor goes on without a gap. */
class History implements Backlog {
  readonly #past: Past;
  readonly #cursor: Cursor;
  /** Where in the log the present begins. */
  readonly #end: number;
  #mark: Uint8Array;

  /** @param cursor which stands where the present begins */
  constructor(past: Past, cursor: Cursor, mark: Uint8Array) {
    this.#past = past;
    this.#cursor = cursor;
    this.#end = cursor.position;
    this.#mark = mark;
  }

  get asideBytes(): number {
    return this.#mark.length;
  }

  write(turnEnd: number): boolean {
    const cursor = this.#cursor;
    const end = Math.min(this.#end, turnEnd);
    while (cursor.position < end) {
      const gap = this.#past.gapFrom(cursor.position);
      if (gap && gap.start <= cursor.position) cursor.position = Math.min(gap.end, this.#end);
      else if (!cursor.writeUpTo(Math.min(gap?.start ?? end, end))) return false;
    }
    if (cursor.position < this.#end) return false;
    this.#mark = this.#mark.subarray(cursor.offer(this.#mark, 0, this.#mark.length));
    return !cursor.gone && !cursor.blocked;
  }
}

/** A part of the log. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** Where in the log the last lines of members begin, and what behind that is not of members. */
class Past {
  readonly #log: LineLog;
  readonly #bytesMax: number;
  readonly #linesMax: number;
  readonly #keptBytes: number;
  /** What is before it does not belong to this room any more. */
  #begin = 0;
  /** The lines that are only for those who are here, as far as the log still has them. */
  #gaps: Span[] = [];
  /** What was found the last time: so many lines of members in [start, end). */
  #found = { start: 0, end: 0, lines: 0 };

  constructor(log: LineLog, bytesMax: number, linesMax: number, keptBytes: number) {
    this.#log = log;
    this.#bytesMax = bytesMax;
    this.#linesMax = linesMax;
    this.#keptBytes = keptBytes;
  }

  /** Where they begin; the head if there are none. */
  get start(): number {
    const { head } = this.#log;
    const first = this.#firstThatFits();
    const start = this.#linesMax === Number.POSITIVE_INFINITY ? first : this.#startByLines(first);
    const gap = this.gapFrom(start);
    return gap && gap.start <= start ? Math.max(gap.end, start) : Math.min(start, head);
  }

  /** Nothing that is in the log by now is history. */
  begin(): void {
    this.#begin = this.#log.head;
  }

  appended({ isPassing }: Author, start: number, end: number): void {
    if (!isPassing) return;
    const last = this.#gaps.at(-1);
    if (last?.end === start) this.#gaps[this.#gaps.length - 1] = { start: last.start, end };
    else this.#gaps.push({ start, end });
    const { first } = this.#log;
    while ((this.#gaps[0]?.end ?? first + 1) <= first) this.#gaps.shift();
  }

  /** The first gap that ends behind a position. */
  gapFrom(position: number): Span | undefined {
    let [low, high] = [0, this.#gaps.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#gaps[middle]?.end ?? 0) > position) high = middle;
      else low = middle + 1;
    }
    return this.#gaps[low];
  }

  /** Where the whole lines of members begin that fit into the bytes. */
  #firstThatFits(): number {
    const { head } = this.#log;
    let at = head;
    let left = this.#bytesMax;
    for (let index = this.#gaps.length - 1; index >= 0; index--) {
      const { start, end } = this.#gaps[index] as Span; // the index is in bounds
      if (at - end >= left) break;
      left -= at - end;
      at = start;
    }
    const oldest = head - this.#keptBytes;
    return this.#log.lineStart(Math.max(at - left, oldest, this.#begin));
  }

  /** Goes on from what was found the last time: so a newcomer does not cost a look at every line. */
  #startByLines(first: number): number {
    const { head } = this.#log;
    if (this.#found.start < this.#log.first) this.#found = { start: first, end: first, lines: 0 };
    let { start, end, lines } = this.#found;
    while (end < head) [end, lines] = this.#nextLine(end, lines, 1);
    while (start < first || lines > this.#linesMax)
      [start, lines] = this.#nextLine(start, lines, -1);
    this.#found = { start, end, lines };
    return start;
  }

  /** Steps over a gap, or over a line, which is counted. */
  #nextLine(position: number, lines: number, step: number): [position: number, lines: number] {
    const gap = this.gapFrom(position);
    if (gap && gap.start <= position) return [gap.end, lines];
    return [this.#log.lineStart(position + 1), lines + step];
  }
}
