/**
 * What a newcomer hears first: the last lines that were said before it came. They are in the log
 * still, so its cursor starts further back, and goes on from there without a gap.
 */

import type { Cursor } from "./member.ts";
import type { Room } from "./room.ts";

/** How much of it a newcomer is written at once: as much as it has to take in a patience. */
const PIECE_BYTES = 64 << 10;
/** How many of them in a turn, to all newcomers together, so that nobody is late because of them. */
const PIECES_MAX = 16;
/** The line that tells a newcomer where it ends. */
const MARK = new TextEncoder().encode("* until here what was said before\n");
const NOTHING = MARK.subarray(0, 0);

/** The newcomers that have not come to the present yet. */
export class History {
  readonly #room: Room;
  readonly #linesMax: number | undefined;
  readonly #mark: Uint8Array;
  /** Those whose sockets take more, in the order of their turns. */
  readonly #waiting = new Set<Cursor>();

  constructor(room: Room, linesMax: number | undefined, isMarked: boolean) {
    this.#room = room;
    this.#linesMax = linesMax;
    this.#mark = isMarked ? MARK : NOTHING;
  }

  /** Has a newcomer start further back, if there is something to hear. */
  begin(cursor: Cursor): void {
    const { log } = this.#room;
    const start = log.lookBack(this.#linesMax);
    if (start === log.head) return;
    cursor.position = start;
    cursor.past = new Past(this, cursor, log.head, this.#mark);
    this.wait(cursor);
  }

  /** A newcomer is written its next piece when it is its turn, and nothing before. */
  wait(cursor: Cursor): void {
    cursor.blocked = true;
    this.#waiting.add(cursor);
    this.#room.settings.wake(0);
  }

  /** Writes newcomers a piece each, one after the other. */
  flush(): void {
    let pieces = 0;
    for (const cursor of this.#waiting) {
      if (pieces++ === PIECES_MAX) return this.#room.settings.wake(0);
      this.#waiting.delete(cursor);
      if (cursor.gone) continue;
      cursor.blocked = false;
      cursor.write();
    }
  }
}

/** What one newcomer still has to hear of what was said before. */
export class Past {
  readonly #history: History;
  readonly #cursor: Cursor;
  /** Where in the log the present begins. */
  readonly #seam: number;
  /** What remains of the mark. */
  #mark: Uint8Array;

  constructor(history: History, cursor: Cursor, seam: number, mark: Uint8Array) {
    this.#history = history;
    this.#cursor = cursor;
    this.#seam = seam;
    this.#mark = mark;
  }

  /** Its socket takes bytes again. */
  drained(): void {
    this.#history.wait(this.#cursor);
  }

  /** Writes the next piece, or the mark; returns whether the present is next. */
  write(): boolean {
    const cursor = this.#cursor;
    const end = Math.min(cursor.position + PIECE_BYTES, this.#seam);
    if (!cursor.writeUpTo(end)) return false;
    if (end < this.#seam) {
      this.#history.wait(cursor);
      return false;
    }
    if (this.#mark.length > 0) this.#mark = this.#mark.subarray(cursor.writeAside(this.#mark));
    if (cursor.gone || cursor.blocked) return false;
    cursor.past = undefined;
    return true;
  }
}
