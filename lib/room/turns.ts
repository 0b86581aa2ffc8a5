/**
 * Who speaks next: talkers take turns, a share each, and none speaks faster than
 * its rate. Whoever has more to say waits, and its socket is not read meanwhile:
 * that is the back-pressure which slows a flood to the pace of the readers.
 */

import { assert } from "./assert.ts";
import { countLines } from "./line-buffer.ts";
import type { Member } from "./member.ts";
import type { Room } from "./room.ts";
import { TokenBucket } from "./token-bucket.ts";

/** The most one talker says before it is the next one's turn, or its longest line; more would make others late. */
const SHARE_BYTES = 64 << 10;
const NEVER = Number.POSITIVE_INFINITY;

export interface TurnsOptions {
  logBytes: number;
  lineBytesMax: number;
  linesPerSecond: number | undefined;
  now: () => number;
}

/** The talkers that wait, and why. */
export class Turns {
  /** The most bytes one talker says before it is the next one's turn. */
  readonly shareBytes: number;
  readonly #linesPerSecond: number | undefined;
  readonly #now: () => number;
  /** Talkers whose lines the log has no room for, in the order they speak next. */
  readonly #queue: Member[] = [];
  #goneInQueue = 0;
  /** Talkers that are over their rate. */
  readonly #paced = new Set<Member>();
  /** Only where there is a rate. */
  readonly #buckets = new Map<Member, TokenBucket>();
  #unlimited: boolean;

  constructor({ logBytes, lineBytesMax, linesPerSecond, now }: TurnsOptions) {
    this.shareBytes = Math.max(lineBytesMax, Math.min(SHARE_BYTES, logBytes >> 4));
    this.#linesPerSecond = linesPerSecond;
    this.#unlimited = linesPerSecond === undefined;
    this.#now = now;
  }

  /** Whose turn it is, of those who wait for room in the log. */
  get next(): Member | undefined {
    return this.#queue[0];
  }

  /** How many wait whose connections are gone: their lines are said, and bounded, like a member's. */
  get gone(): number {
    return this.#goneInQueue;
  }

  /** Those over their rate. */
  get paced(): Iterable<Member> {
    return this.#paced;
  }

  /** When one that is over its rate may say its next line. */
  dueAtMs(now: number): number {
    let dueAtMs = NEVER;
    for (const talker of this.#paced)
      dueAtMs = Math.min(dueAtMs, now + (this.#buckets.get(talker)?.msToNextLine(now) ?? 0));
    return dueAtMs;
  }

  /** A talker has come. */
  add(talker: Member): void {
    if (this.#linesPerSecond !== undefined)
      this.#buckets.set(talker, new TokenBucket(this.#linesPerSecond, this.#now()));
  }

  /** A talker says no more but what it has said already; that does not wait for its rate. */
  remove(talker: Member): void {
    this.#buckets.delete(talker);
    if (talker.cursor.gone && talker.hold === "room") this.#goneInQueue++;
  }

  /** From now on nobody is slowed by its rate. */
  endRates(): void {
    this.#unlimited = true;
  }

  /** How many lines a talker may say now. */
  linesNow(talker: Member): number {
    if (this.#unlimited) return NEVER;
    return this.#buckets.get(talker)?.linesNow(this.#now()) ?? NEVER;
  }

  /** A talker has said a run of lines. */
  spend(talker: Member, run: Uint8Array): void {
    if (!this.#unlimited) this.#buckets.get(talker)?.spend(countLines(run));
  }

  /** Makes a talker wait with what it still has to say, reading nothing more from it. */
  hold(talker: Member): void {
    const why = this.linesNow(talker) < 1 ? "rate" : "room";
    const { hold, cursor } = talker;
    if (hold === why) return;
    if (hold === undefined && !cursor.gone && !talker.hasEnded) cursor.socket.pause();
    this.#dequeue(talker);
    talker.hold = why;
    if (why === "rate") return void this.#paced.add(talker);
    this.#queue.push(talker);
    if (cursor.gone) this.#goneInQueue++;
  }

  /** A talker has said everything and is read again. */
  release(talker: Member): void {
    if (talker.hold === undefined) return;
    this.#dequeue(talker);
    talker.hold = undefined;
    if (!talker.cursor.gone && !talker.hasEnded) talker.cursor.socket.resume();
  }

  /**
   * Lets waiting talkers speak, a share each in turn.
   *
   * @returns whether the log had room for all
   */
  takeTurns(room: Room): boolean {
    for (;;) {
      const [talker] = this.#queue;
      if (talker === undefined) return true;
      const before = room.log.head;
      room.say(talker);
      if (this.#queue[0] !== talker) continue;
      if (room.log.head === before) return false;
      this.#queue.push(talker);
      this.#queue.shift();
    }
  }

  #dequeue(talker: Member): void {
    if (talker.hold === "rate") this.#paced.delete(talker);
    if (talker.hold !== "room") return;
    assert(this.#queue[0] === talker, "who waits is served in turn");
    this.#queue.shift();
    if (talker.cursor.gone) this.#goneInQueue--;
  }
}
