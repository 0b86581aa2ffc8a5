/**
 * What only newcomers get, and first: the last lines that were said before they came, then what the
 * server has to say to each alone. The lines are in the log still, so a newcomer's cursor starts
 * further back, and goes on from there without a gap.
 */

import { type Cursor, PROGRESS_BYTES } from "./cursor.ts";
import type { Room } from "./room.ts";

/** How much one is written at once: as much as it has to take in a patience. */
const PIECE_BYTES = PROGRESS_BYTES;
/** How much in a turn, to all of them together, so that nobody is late because of them. */
const TURN_BYTES = 1 << 20;
/** The line that tells a person where history ends. */
const MARK = "* until here what was said before\n";

/** Those who have not come to the present yet. */
export class Newcomers {
  readonly #room: Room;
  readonly #linesMax: number | undefined;
  readonly #isMarked: boolean;
  /** Those whose sockets take more, in the order of their turns. */
  readonly #waiting = new Set<Cursor>();

  /**
   * @param linesMax how many lines of history a newcomer gets, as far as the log has them
   * @param isMarked whether it is told where history ends
   */
  constructor(room: Room, linesMax: number | undefined, isMarked: boolean) {
    this.#room = room;
    this.#linesMax = linesMax;
    this.#isMarked = isMarked;
  }

  /** Has a newcomer start further back, if there is history. */
  add(cursor: Cursor): void {
    cursor.position = this.#room.log.lookBack(this.#linesMax);
    if (cursor.position < this.#room.log.head) this.tell(cursor, this.#isMarked ? MARK : "");
  }

  /** Tells a newcomer a line, or nothing, where history ends; before anything else is said. */
  tell(cursor: Cursor, line: string): void {
    cursor.past ??= new Past(this, cursor, this.#room.log.head);
    cursor.past.tell(line);
    this.wait(cursor);
  }

  /** A newcomer gets its next piece when it is its turn, and nothing before. */
  wait(cursor: Cursor): void {
    cursor.blocked = true;
    this.#waiting.add(cursor);
    this.#room.settings.wake(0);
  }

  /** Writes newcomers a piece each, one after the other. */
  flush(): void {
    let bytes = 0;
    for (const cursor of this.#waiting) {
      if (bytes >= TURN_BYTES) return this.#room.settings.wake(0);
      this.#waiting.delete(cursor);
      if (cursor.gone) continue;
      bytes -= cursor.reached;
      cursor.blocked = false;
      cursor.write();
      bytes += cursor.reached;
    }
  }
}

/** What one newcomer still has to get before it is where the others are. */
export class Past {
  readonly #newcomers: Newcomers;
  readonly #cursor: Cursor;
  /** Where in the log the present begins. */
  readonly #seam: number;
  /** The lines for it alone, and what remains of them. */
  #lines = "";
  #aside = new Uint8Array(0);

  constructor(newcomers: Newcomers, cursor: Cursor, seam: number) {
    this.#newcomers = newcomers;
    this.#cursor = cursor;
    this.#seam = seam;
  }

  /** How much there is to take that is not in the log. */
  get asideBytes(): number {
    return this.#aside.length;
  }

  tell(line: string): void {
    this.#lines += line;
    this.#aside = new TextEncoder().encode(this.#lines);
  }

  /** Its socket takes bytes again. */
  drained(): void {
    this.#newcomers.wait(this.#cursor);
  }

  /** Writes the next piece of history, then what is for it alone; returns whether it has all. */
  write(): boolean {
    const cursor = this.#cursor;
    const end = Math.min(cursor.position + PIECE_BYTES, this.#seam);
    if (!cursor.writeUpTo(end)) return false;
    if (end < this.#seam) {
      this.#newcomers.wait(cursor);
      return false;
    }
    const { length } = this.#aside;
    if (length > 0) {
      const taken = cursor.offer(this.#aside, 0, length);
      if (cursor.gone) return false;
      cursor.blocked = taken < length;
      this.#aside = this.#aside.subarray(taken);
      if (cursor.blocked) return false;
    }
    cursor.past = undefined;
    return true;
  }
}
