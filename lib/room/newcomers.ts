/**
 * What only newcomers get, and first: a greeting, the last lines that were said before they came,
 * and a mark where these end. The lines are in the log still, so a newcomer's cursor starts further
 * back, and goes on from there without a gap.
 */

import { type Cursor, PROGRESS_BYTES } from "./cursor.ts";
import { HISTORY_END } from "../program/server-messages.ts";
import type { Room } from "./room.ts";

/** How much one is written at once: as much as it has to take in a patience. */
const PIECE_BYTES = PROGRESS_BYTES;
/** How much in a turn, to all of them together, so that nobody is late because of them. */
const TURN_BYTES = 1 << 20;
const ENCODER = new TextEncoder();
const NOTHING: Uint8Array = new Uint8Array(0);

/** Those who have not come to the present yet. */
export class Newcomers {
  readonly #room: Room;
  readonly #isMarked: boolean;
  /** Where history begins at the earliest. */
  #first = 0;
  /** Those whose sockets take more, in the order of their turns. */
  readonly #waiting = new Set<Cursor>();

  /** @param isMarked whether a newcomer is told where history ends */
  constructor(room: Room, isMarked: boolean) {
    this.#room = room;
    this.#isMarked = isMarked;
  }

  /** What is in the log is not what was said before. */
  begin(): void {
    this.#first = this.#room.log.head;
  }

  /** Has a newcomer start further back, if there is history. */
  add(cursor: Cursor): void {
    const { log } = this.#room;
    cursor.position = Math.max(this.#first, log.historyStart);
    log.goBack(cursor.position);
    if (cursor.position < log.head) this.#tell(cursor, "mark", this.#isMarked ? HISTORY_END : "");
  }

  /** Tells a newcomer a line before all else. */
  greet(cursor: Cursor, line: string): void {
    this.#tell(cursor, "greeting", line);
  }

  /** A newcomer gets its next piece when it is its turn, and nothing before. */
  wait(cursor: Cursor): void {
    cursor.blocked = true;
    this.#waiting.add(cursor);
    this.#room.settings.wake(0);
  }

  #tell(cursor: Cursor, what: "greeting" | "mark", line: string): void {
    cursor.past ??= new Past(this, cursor, this.#room.log.head);
    cursor.past.tell(what, line);
    this.wait(cursor);
  }

  /** Writes newcomers a piece each, one after the other. */
  flush(): void {
    let bytes = 0;
    for (const cursor of this.#waiting) {
      if (bytes >= TURN_BYTES) return this.#room.settings.wake(0);
      this.#waiting.delete(cursor);
      // It may have come to the present by being asked, as one that leaves is.
      if (cursor.gone || cursor.past === undefined) continue;
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
  /** What it has still to take of the lines for it alone: the one before history, and the one after. */
  readonly #left = { greeting: NOTHING, mark: NOTHING };

  constructor(newcomers: Newcomers, cursor: Cursor, seam: number) {
    this.#newcomers = newcomers;
    this.#cursor = cursor;
    this.#seam = seam;
  }

  /** How much there is to take that is not in the log. */
  get asideBytes(): number {
    return this.#left.greeting.length + this.#left.mark.length;
  }

  tell(what: "greeting" | "mark", line: string): void {
    this.#left[what] = ENCODER.encode(line);
  }

  /** Its socket takes bytes again. */
  drained(): void {
    this.#newcomers.wait(this.#cursor);
  }

  /** Writes what comes before history, its next piece, and what comes after it; returns whether it has all. */
  write(): boolean {
    const cursor = this.#cursor;
    if (!this.#write("greeting")) return false;
    const end = Math.min(cursor.position + PIECE_BYTES, this.#seam);
    if (!cursor.writeUpTo(end)) return false;
    if (end < this.#seam) {
      this.#newcomers.wait(cursor);
      return false;
    }
    if (!this.#write("mark")) return false;
    cursor.past = undefined;
    return true;
  }

  /** Writes a line for it alone; returns whether it has all of it. */
  #write(what: "greeting" | "mark"): boolean {
    const cursor = this.#cursor;
    const line = this.#left[what];
    if (line.length === 0) return true;
    const taken = cursor.offer(line, 0, line.length);
    if (cursor.gone) return false;
    cursor.blocked = taken < line.length;
    this.#left[what] = cursor.blocked ? line.subarray(taken) : NOTHING;
    return !cursor.blocked;
  }
}
