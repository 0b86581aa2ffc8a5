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

/** More than this said at once would make others late. */
const SHARE_BYTES = 64 << 10;
const NEVER = Number.POSITIVE_INFINITY;

/** The talkers that wait, and why. */
export class Turns {
  /** The most one talker says before it is the next one's turn, in bytes. */
  readonly shareBytes: number;
  readonly #room: Room;
  /** Talkers whose lines the log has no room for, in the order they speak next. */
  readonly #queue: Member[] = [];
  #goneInQueue = 0;
  /** Talkers that are over their rate. */
  readonly #paced = new Set<Member>();
  /** Only where there is a rate; it ends with the connection and with the room. */
  readonly #buckets = new Map<Member, TokenBucket>();

  constructor(room: Room) {
    const { lineBytesMax, logBytes } = room.settings;
    this.#room = room;
    this.shareBytes = Math.max(lineBytesMax, Math.min(SHARE_BYTES, logBytes >> 4));
  }

  /** Whose turn it is, of those who wait for room in the log. */
  get next(): Member | undefined {
    return this.#queue[0];
  }

  /** How many wait whose connections are gone: their lines are said, and bounded, like a member's. */
  get gone(): number {
    return this.#goneInQueue;
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
    const { linesPerSecond, now } = this.#room.settings;
    if (linesPerSecond) this.#buckets.set(talker, new TokenBucket(linesPerSecond, now()));
  }

  /** A talker says no more but what it has said already. */
  remove(talker: Member): void {
    this.#buckets.delete(talker);
    if (talker.cursor.gone && talker.hold === "room") this.#goneInQueue++;
  }

  /** No more is said, so nobody has to be slowed. */
  stop(): void {
    this.#buckets.clear();
  }

  /** How many lines a talker may say now. */
  linesNow(talker: Member): number {
    if (this.#buckets.size === 0) return NEVER;
    return this.#buckets.get(talker)?.linesNow(this.#room.settings.now()) ?? NEVER;
  }

  /** A talker has said a run of lines. */
  spend(talker: Member, run: Uint8Array): void {
    if (this.#buckets.size > 0) this.#buckets.get(talker)?.spend(countLines(run));
  }

  /** Makes a talker wait with what it still has to say, reading nothing more from it. */
  hold(talker: Member): void {
    const why = this.linesNow(talker) < 1 ? "rate" : "room";
    const { hold, cursor } = talker;
    if (hold === why) return;
    if (hold === undefined && !cursor.gone && !talker.hasEnded) cursor.socket.pause();
    this.#dequeue(talker);
    talker.hold = why;
    this.#room.wake(0);
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

  /** Lets those speak whose rate allows it now. */
  resumePaced(): void {
    for (const talker of this.#paced) if (this.linesNow(talker) >= 1) this.#room.say(talker);
  }

  /** Lets those who wait for room speak, a share each in turn; returns whether there was room for all. */
  takeTurns(): boolean {
    const { log } = this.#room;
    for (;;) {
      const [talker] = this.#queue;
      if (talker === undefined) return true;
      const before = log.head;
      this.#room.say(talker);
      if (this.#queue[0] !== talker) continue;
      if (log.head === before) return false;
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
