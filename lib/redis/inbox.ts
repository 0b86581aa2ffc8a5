/** What has its place in the order and waits for room in the log. */

import { LF } from "../room/line-buffer.ts";
import type { LineLog } from "../room/line-log.ts";
import { EMPTY, type Piece } from "./batches.ts";

export class Inbox {
  #pieces: Piece[] = [];
  /** Which of them is next, and what is left of it if a part is in the log. */
  #next = 0;
  #rest: Uint8Array | undefined;

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  /** Adds what is said at a time, and what is to be done once that is in the log. */
  add(pieces: readonly Piece[], done: () => void): void {
    for (const piece of pieces) this.#pieces.push(piece);
    this.#pieces.push({ ...EMPTY, done });
  }

  /**
   * Moves what fits, whole lines, and does what is to be done then.
   *
   * @param bytesMax how much the log can hold
   * @returns false if a line is longer than that
   */
  moveTo(log: LineLog, bytesMax: number): boolean {
    for (let piece = this.#pieces[this.#next]; piece; piece = this.#pieces[this.#next]) {
      // More than that at a time would overwrite history that is not counted yet.
      if (!this.#move(piece, log, bytesMax))
        return (this.#rest ?? piece.run).indexOf(LF) < bytesMax;
      this.#next++;
      this.#rest = undefined;
      piece.done?.();
    }
    this.clear();
    return true;
  }

  clear(): void {
    this.#pieces = [];
    this.#next = 0;
    this.#rest = undefined;
  }

  #move({ speaker, run }: Piece, log: LineLog, bytesMax: number): boolean {
    let rest = this.#rest ?? run;
    for (; rest.length > 0; this.#rest = rest) {
      const end = endOfFitting(rest, Math.min(log.freeBytes, bytesMax));
      if (end === 0) return false;
      log.append(speaker, rest.subarray(0, end));
      rest = rest.subarray(end);
    }
    return true;
  }
}

function endOfFitting(run: Uint8Array, bytesMax: number): number {
  if (run.length <= bytesMax) return run.length;
  return bytesMax > 0 ? run.lastIndexOf(LF, bytesMax - 1) + 1 : 0;
}
