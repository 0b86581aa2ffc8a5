/**
 * Who speaks next: talkers take turns, a share each, and none speaks faster than
 * its rate. Whoever has more to say waits, and its socket is not read meanwhile:
 * that is the back-pressure which slows a flood to the pace of the readers.
 */

import { assert } from "./assert.ts";
import { countLines, type LineBuffer } from "./line-buffer.ts";
import type { Speaker } from "./line-log.ts";
import type { Room } from "./room.ts";

/** More than this said at once would make others late. */
const SHARE_BYTES = 64 << 10;
const SECOND_MS = 1000;
const NEVER = Number.POSITIVE_INFINITY;

/** Whoever says lines, and waits for its turn: a member, or the program around the room. */
export interface Talker {
  readonly cursor: Speaker;
  /** What it has said that is not in the log. */
  readonly lines: Pick<LineBuffer, "hasLine" | "take">;
  /** Why lines of it wait, if some do: for room in the log, or by its rate. Kept by `Turns`. */
  hold: "room" | "rate" | undefined;
  /** Whether its connection is gone; while lines of it wait, it keeps its seat. */
  readonly isGone: boolean;
  /** Says no more for now, or says more again. */
  pause(): void;
  resume(): void;
  /** A run of its lines is in the log. */
  said(run: Uint8Array): void;
  /** All of its lines are in the log. */
  saidAll(): void;
}

/** The talkers that wait, and why: for room in the log, or by their rate. */
export class Turns {
  /** The most one talker says before it is the next one's turn, in bytes. */
  readonly shareBytes: number;
  readonly #room: Room;
  /** Talkers whose lines the log has no room for, in the order they speak next. */
  readonly #queue: Talker[] = [];
  /** Talkers that are over their rate. */
  readonly #paced = new Set<Talker>();
  readonly #linesPerSecond: number;
  readonly #isCounted: boolean;
  /**
   * When the token bucket of each is full again. It holds a second's worth of
   * lines: so many may be said at once, and then so many a second. Only where
   * there is a rate, which ends with the connection and with the room.
   */
  readonly #fullAtMs = new Map<Talker, number>();

  constructor(room: Room) {
    const { logBytes, linesPerSecond = 0, countLines = false } = room.settings;
    this.#room = room;
    this.shareBytes = Math.max(room.saidBytesMax, Math.min(SHARE_BYTES, logBytes >> 4));
    this.#linesPerSecond = linesPerSecond;
    this.#isCounted = countLines;
  }

  /** Whose turn it is, of those who wait for room in the log. */
  get next(): Talker | undefined {
    return this.#queue[0];
  }

  /** Whether nobody waits, for room or by its rate. */
  get haveSaidAll(): boolean {
    return this.#queue.length === 0 && this.#paced.size === 0;
  }

  /** How many wait whose connections are gone; their lines are said all the same. */
  get gone(): number {
    return this.#queue.reduce((count, { isGone }) => count + Number(isGone), 0);
  }

  /** When one that is over its rate may say its next line. */
  dueAtMs(now: number): number {
    let dueAtMs = NEVER;
    for (const talker of this.#paced) {
      const waitMs = ((1 - this.linesNow(talker)) * SECOND_MS) / this.#linesPerSecond;
      dueAtMs = Math.min(dueAtMs, now + Math.ceil(waitMs));
    }
    return dueAtMs;
  }

  /** A talker has come. */
  add(talker: Talker): void {
    if (this.#linesPerSecond > 0) this.#fullAtMs.set(talker, -NEVER);
  }

  /** A talker says no more but what it has said already. */
  remove(talker: Talker): void {
    this.#fullAtMs.delete(talker);
  }

  /** No more is said, so nobody has to be slowed. */
  stop(): void {
    this.#fullAtMs.clear();
  }

  /** How many lines a talker may say now, and which part of one more is in its bucket. */
  linesNow(talker: Talker): number {
    if (this.#linesPerSecond === 0) return NEVER;
    const fullAtMs = this.#fullAtMs.get(talker);
    if (fullAtMs === undefined) return NEVER;
    const missingMs = Math.max(0, fullAtMs - this.#room.settings.now());
    return ((SECOND_MS - missingMs) * this.#linesPerSecond) / SECOND_MS;
  }

  /** Has a talker's whole lines get their place: at most its share, as its rate and the order allow. */
  sayShare(talker: Talker): void {
    const { order, settings } = this.#room;
    const { lines } = talker;
    let { shareBytes } = this;
    while (lines.hasLine) {
      const bytesMax = Math.min(shareBytes, order.freeBytes);
      const run = lines.take(bytesMax, Math.floor(this.linesNow(talker)));
      if (run === undefined) return;
      shareBytes -= run.length;
      order.append(talker.cursor, run);
      this.#spend(talker, run);
      talker.said(run);
      settings.wake(0);
    }
  }

  /** Makes a talker wait with what it still has to say, reading nothing more from it. */
  hold(talker: Talker): void {
    const why = this.linesNow(talker) < 1 ? "rate" : "room";
    const { hold } = talker;
    if (hold === why) return;
    if (hold === undefined) talker.pause();
    this.#dequeue(talker);
    talker.hold = why;
    if (why === "rate") this.#paced.add(talker);
    else this.#queue.push(talker);
    this.#room.settings.wake(0);
  }

  /** A talker has said everything and is read again. */
  release(talker: Talker): void {
    if (talker.hold === undefined) return;
    this.#dequeue(talker);
    talker.hold = undefined;
    talker.resume();
  }

  /** Lets those speak whose rate allows it now. */
  resumePaced(): void {
    for (const talker of this.#paced) if (this.linesNow(talker) >= 1) this.#room.hear(talker);
  }

  /** Lets those who wait for room speak, a share each in turn; returns whether all have. */
  takeTurns(): boolean {
    const { order } = this.#room;
    for (let talker = this.next; talker; talker = this.next) {
      const before = order.head;
      this.#room.hear(talker);
      if (this.next !== talker) continue;
      if (order.head === before) return false;
      this.#queue.push(talker);
      this.#queue.shift();
    }
    return true;
  }

  /** Forgets what some talkers that wait still had to say; returns how many lines that is. */
  drop(which: (talker: Talker) => boolean): number {
    let lines = 0;
    for (const talker of [...this.#queue, ...this.#paced].filter(which)) {
      for (
        let run = talker.lines.take(this.shareBytes);
        run;
        run = talker.lines.take(this.shareBytes)
      )
        lines += countLines(run);
      const at = this.#queue.indexOf(talker);
      if (at >= 0) this.#queue.splice(at, 1);
      this.#paced.delete(talker);
      talker.hold = undefined;
      talker.resume();
    }
    return lines;
  }

  /** A talker has said a run of lines. */
  #spend(talker: Talker, run: Uint8Array): void {
    if (this.#linesPerSecond === 0 && !this.#isCounted) return;
    const lines = countLines(run);
    this.#room.tally.lines += lines;
    const fullAtMs = this.#fullAtMs.get(talker);
    if (fullAtMs === undefined) return;
    const spentMs = (lines * SECOND_MS) / this.#linesPerSecond;
    this.#fullAtMs.set(talker, Math.max(fullAtMs, this.#room.settings.now()) + spentMs);
  }

  #dequeue(talker: Talker): void {
    if (talker.hold === "rate") this.#paced.delete(talker);
    if (talker.hold !== "room") return;
    assert(this.#queue[0] === talker, "who waits is served in turn");
    this.#queue.shift();
  }
}
