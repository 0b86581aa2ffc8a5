/** `--history`: a member that joins gets the last lines first. Its cursor starts further back. */

import { HISTORY_END } from "../program/server-messages.ts";
import { checkRange } from "../program/system-errors.ts";
import type { Backlog, Cursor } from "../room/cursor.ts";
import type { Extra } from "../room/extra.ts";
import type { Member } from "../room/member.ts";
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
  return { keptBytes, extra: (room) => new History(room, { bytes, lines, keptBytes }) };
}

/** Lines of members that follow each other in the log; between one span and the next are others. */
interface Span {
  readonly start: number;
  end: number;
  next?: Span;
}

class History implements Extra {
  readonly #room: Room;
  readonly #max: { readonly bytes: number; readonly lines: number; readonly keptBytes: number };
  /** Where it begins, in which span, and how much it is. */
  #start = 0;
  #first: Span = { start: 0, end: 0 };
  #last = this.#first;
  #bytes = 0;
  #lines = 0;

  constructor(room: Room, max: { bytes: number; lines: number; keptBytes: number }) {
    this.#room = room;
    this.#max = max;
    room.log.onAppend = ({ isPassing }, start, end) => {
      if (!isPassing) this.#add(start, end);
      this.#forgetOldest();
    };
  }

  joined({ cursor }: Member): void {
    if (this.#lines === 0) this.#start = cursor.position;
    cursor.backlog = new Replay(cursor, this.#first);
    cursor.position = this.#start;
    this.#room.log.holdFrom(this.#start);
    this.#room.wake(0);
  }

  restarted(): void {
    this.#bytes = this.#lines = 0;
  }

  #add(start: number, end: number): void {
    if (this.#last.end === start) this.#last.end = end;
    else this.#last = this.#last.next = { start, end };
    if (this.#lines === 0) {
      this.#first = this.#last;
      this.#start = start;
    }
    for (let at = start; at < end; at = this.#room.log.lineStart(at + 1)) this.#lines++;
    this.#bytes += end - start;
  }

  #forgetOldest(): void {
    const { log } = this.#room;
    const { bytes, lines, keptBytes } = this.#max;
    const oldest = log.head - keptBytes;
    const isTooMuch = () => this.#lines > lines || this.#bytes > bytes || this.#start < oldest;
    while (this.#lines > 0 && isTooMuch()) {
      const next = log.lineStart(this.#start + 1);
      this.#lines--;
      this.#bytes -= next - this.#start;
      const { end, next: later } = this.#first;
      if (next === end && later) this.#first = later;
      this.#start = next === end && later ? later.start : next;
    }
  }
}

/** What one newcomer gets of it: that is in the log still, so its cursor goes on without a gap. */
class Replay implements Backlog {
  readonly #cursor: Cursor;
  /** Where in the log the present begins. */
  readonly #end: number;
  #span: Span;
  #mark: Uint8Array = new TextEncoder().encode(HISTORY_END);

  /** @param cursor which stands where the present begins */
  constructor(cursor: Cursor, first: Span) {
    this.#cursor = cursor;
    this.#end = cursor.position;
    this.#span = first;
  }

  get asideBytes(): number {
    return this.#mark.length;
  }

  write(turnEnd: number): boolean {
    const cursor = this.#cursor;
    const end = Math.min(this.#end, turnEnd);
    while (cursor.position < end) {
      if (!cursor.writeUpTo(Math.min(this.#span.end, end))) return false;
      if (cursor.position < this.#span.end) continue;
      const { next } = this.#span;
      cursor.position = Math.min(next?.start ?? this.#end, this.#end);
      if (next) this.#span = next;
    }
    if (cursor.position < this.#end) return false;
    this.#mark = this.#mark.subarray(cursor.offer(this.#mark, 0, this.#mark.length));
    return !cursor.gone && !cursor.blocked;
  }
}
