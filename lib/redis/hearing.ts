/** What comes from the stream, on its way to the log: whether it follows, and how far all have come. */

import type { Speaker } from "../room/line-log.ts";
import type { SharingRoom } from "../room/order.ts";
import type { Batches, Piece } from "./batches.ts";
import { Inbox } from "./inbox.ts";
import { Peers } from "./peers.ts";
import { type Entry, type Readings, START } from "./stream.ts";
import { Thread } from "./thread.ts";

export class Hearing {
  readonly peers = new Peers();
  thread = new Thread();
  /** How much is in the log that the others do not know of, in bytes. */
  untoldBytes = 0;
  /** The last entry that is in the log. */
  heard = START;
  readonly #batches: Batches;
  readonly #inbox = new Inbox();
  /** Who says what is said elsewhere. */
  readonly #others: Speaker = { lastRun: -1 };

  constructor(batches: Batches) {
    this.#batches = batches;
  }

  /** Whether something waits for room in the log. */
  get isHeldUp(): boolean {
    return !this.#inbox.isEmpty;
  }

  /** How far all have read. */
  get tail(): string {
    return this.peers.tail(this.heard);
  }

  /**
   * Begins behind an entry, with what was said before it as history.
   *
   * @param bytesMax how much the log can hold
   */
  begin(
    id: string,
    servers: Readings,
    own: string,
    history: readonly string[],
    bytesMax: number,
  ): void {
    this.thread.begin(id);
    this.heard = id;
    this.peers.begin(id, servers, own);
    // A server with a larger log may have taken a line that this one cannot hold.
    const from = history.findLastIndex((lines) => !fits(lines, bytesMax)) + 1;
    for (const lines of history.slice(from)) this.#inbox.add([this.#elsewhere(lines)], () => {});
  }

  /** Forgets what has not come to the log; returns how many lines said here have no place. */
  forget(): number {
    const lines = this.#batches.dropAfter(this.thread.receivedNumber);
    this.thread = new Thread();
    this.#inbox.clear();
    return lines;
  }

  /** Takes in an entry; returns why it does not follow, if so. */
  receive(entry: Entry, isOwn: boolean): string | undefined {
    const { id, number, lines } = entry;
    const why = this.thread.follows(entry, isOwn);
    if (why) return why;
    this.peers.heard(entry, isOwn);
    const pieces = isOwn ? this.#batches.received(number) : [this.#elsewhere(lines)];
    this.#inbox.add(pieces, () => {
      this.heard = id;
      if (isOwn) this.#batches.heard(id);
      else this.untoldBytes += lines.length;
      this.forgetWhatAllHave();
    });
    return undefined;
  }

  /** Moves what fits to the log; returns false if a line never will. */
  moveTo({ log, settings }: SharingRoom): boolean {
    return this.#inbox.isEmpty || this.#inbox.moveTo(log, settings.logBytes);
  }

  forgetWhatAllHave(): void {
    this.#batches.readByAll(this.tail);
  }

  #elsewhere(lines: string): Piece {
    return { speaker: this.#others, run: Buffer.from(lines, "latin1") };
  }
}

/** Whether each line is short enough. */
function fits(lines: string, bytesMax: number): boolean {
  return lines.length <= bytesMax || lines.split("\n").every(({ length }) => length < bytesMax);
}
