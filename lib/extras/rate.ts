/** `--max-rate`: of a member that sends more lines a second, the rest is taken later. */

import { countLines } from "../program/lines.ts";
import { UserError } from "../program/system-errors.ts";
import type { Lines } from "../room/fair-queue.ts";
import { LF } from "../room/line-buffer.ts";
import type { Member } from "../room/member.ts";
import type { Room } from "../room/room.ts";
import type { Part } from "./part.ts";

const SECOND_MS = 1000;

/** @param linesPerSecond at least 1 */
export function rate(linesPerSecond: number): Part {
  if (!(linesPerSecond >= 1))
    throw new UserError(`linesPerSecond is a number of at least 1, not ${linesPerSecond}`);
  return {
    extra(room) {
      /** Those whose buckets are not full. */
      const paced = new Set<PacedLines>();
      const goOn = () => {
        for (const lines of paced) lines.goOn();
      };
      return {
        linesOf: (member, lines) => new PacedLines(room, member, lines, linesPerSecond, paced),
        stopped: goOn,
        flush(now) {
          goOn();
          let dueAtMs = Number.POSITIVE_INFINITY;
          for (const lines of paced) {
            if (lines.isHeldBack) dueAtMs = Math.min(dueAtMs, lines.nextAtMs(now));
            else if (lines.fullAtMs <= now) paced.delete(lines);
          }
          return dueAtMs;
        },
      };
    },
  };
}

/**
 * The lines of a member, and its token bucket. That holds a second's worth of lines: so many may be
 * sent at once, and then so many a second, until it leaves.
 */
class PacedLines implements Lines {
  /** When the bucket is full again. */
  fullAtMs = -Infinity;
  readonly #room: Room;
  readonly #member: Member;
  readonly #lines: Lines;
  readonly #linesPerSecond: number;
  readonly #paced: Set<PacedLines>;

  constructor(
    room: Room,
    member: Member,
    lines: Lines,
    linesPerSecond: number,
    paced: Set<PacedLines>,
  ) {
    this.#room = room;
    this.#member = member;
    this.#lines = lines;
    this.#linesPerSecond = linesPerSecond;
    this.#paced = paced;
  }

  get isHeldBack(): boolean {
    return this.#lines.next !== undefined && this.#tokens(this.#room.now()) < 1;
  }

  get objection(): Lines["objection"] {
    return this.#lines.objection;
  }

  /** As much of the oldest run as may be sent. */
  get next(): Uint8Array | undefined {
    const run = this.#lines.next;
    const lines = Math.floor(this.#tokens(this.#room.now()));
    return run && lines >= 1 ? run.subarray(0, endOfLine(run, lines)) : undefined;
  }

  push(chunk: Uint8Array): void {
    this.#lines.push(chunk);
    this.#mindHeldBack();
  }

  end(): void {
    this.#lines.end();
    this.#mindHeldBack();
  }

  take(bytesMax: number): Uint8Array | undefined {
    const { next } = this;
    const run = next && this.#lines.take(Math.min(bytesMax, next.length));
    if (run === undefined || this.#isUnlimited) return run;
    const now = this.#room.now();
    const spentMs = (countLines(run) * SECOND_MS) / this.#linesPerSecond;
    this.fullAtMs = Math.max(this.fullAtMs, now) + spentMs;
    this.#paced.add(this);
    return run;
  }

  /** Sends what may be sent by now. */
  goOn(): void {
    if (!this.#member.isWaiting && this.next) this.#room.send(this.#member);
  }

  /** When its next line may be sent. */
  nextAtMs(now: number): number {
    return now + Math.ceil(((1 - this.#tokens(now)) * SECOND_MS) / this.#linesPerSecond);
  }

  /** Nothing may be sent, so nothing else asks for a flush, which knows when something may. */
  #mindHeldBack(): void {
    if (this.isHeldBack) this.#room.wake(0);
  }

  get #isUnlimited(): boolean {
    return this.#room.isStopping || this.#member.isLeaving;
  }

  /** How many lines may be sent, and which part of one more is in the bucket. */
  #tokens(now: number): number {
    if (this.#isUnlimited) return Number.POSITIVE_INFINITY;
    const missingMs = Math.max(0, this.fullAtMs - now);
    return ((SECOND_MS - missingMs) * this.#linesPerSecond) / SECOND_MS;
  }
}

/** Where in a run of whole lines the first `count` lines end, or the run. */
function endOfLine(run: Uint8Array, count: number): number {
  let end = 0;
  for (let line = 0; line < count && end < run.length; line++) end = run.indexOf(LF, end) + 1;
  return end;
}
