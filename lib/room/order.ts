/** Where a run of lines gets its place among all that is sent. */

/** Sends runs, and reads those of others. */
export interface Author {
  /** The number of the run it sent last, kept by the log; −1 before the first. */
  lastRun: number;
  /** Whether its lines, such as join notices, are kept out of the history. */
  readonly isPassing?: boolean;
}

/** What takes runs. A `LineLog` is one: there, a run has its place at once. */
export interface Order {
  /** How many bytes it has taken, ever. */
  readonly head: number;
  /** How many bytes it takes now. */
  readonly freeBytes: number;
  /** Why nobody can join at the moment; undefined while everybody can. */
  readonly refusal?: string | undefined;
  /** Whether all that it has taken is in the log. */
  readonly isSettled: boolean;
  /** Takes whole lines, at most `freeBytes`. */
  append(author: Author, run: Uint8Array): void;
  /** Calls back once all that it has taken before this moment is in the log. */
  after(done: () => void): void;
  /** Moves to the log what has its place, as far as there is space. */
  moveToLog?(): void;
  /** Whether something that has its place waits for space in the log, if senders wait for this order. */
  isHeldUp(areSendersWaiting: boolean): boolean;
  /** Does the work of a turn; returns when it is to be called again, on the clock of the room. */
  flush?(now: number): number;
}
