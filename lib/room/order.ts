/**
 * Where what is said gets its place among all that is said: at the head of this
 * room's log; or elsewhere, where rooms on several servers are one.
 */

import type { LineLog, Speaker } from "./line-log.ts";
import type { RoomOptions } from "./options.ts";

/** What takes a line. A `LineLog` is one: there, a line has its place at once. */
export interface Order {
  /** How many bytes it has taken, ever. */
  readonly head: number;
  /** How many bytes it takes now. */
  readonly freeBytes: number;
  /** Takes what was said: whole lines, at most `freeBytes`. */
  append(speaker: Speaker, run: Uint8Array): void;
}

/**
 * An order that rooms share. What it has taken comes back from it once it has its
 * place, as what the other rooms say does, and is then appended to the log.
 */
export interface SharedOrder extends Order {
  /**
   * Whether somebody can come: the log has what is said everywhere, so that nobody misses anything,
   * and not too much waits for its place already.
   */
  readonly takesNewcomers: boolean;
  /** Whether all that it has taken is in the log. */
  readonly isIdle: boolean;
  /** Whether something that has its place waits for room in the log. */
  readonly isHeldUp: boolean;
  /** Figures of it, as they are now. */
  readonly state: OrderState;
  /** Resolves once it has begun; rejects if it cannot. */
  readonly opened: Promise<void>;
  /** Begins, for a room. */
  attach(room: SharingRoom): void;
  /** Calls back once all that has a place before this moment is in the log; never, if the room is to begin anew. */
  after(done: () => void): void;
  /** Names, by their keys, which members of other rooms may have. */
  readonly claims: {
    /** Asks for one; `answer` is told, or never if the room is to begin anew. */
    ask(key: string, answer: (granted: boolean) => void): void;
    /** Gives one back. */
    release(key: string): void;
  };
  /** Moves what has its place to the log, as far as there is room. */
  moveToLog(): void;
  /** Does the work of a turn; returns when it is to be called again at the latest. */
  flush(now: number): number;
  /** Takes its leave of the other rooms; `done` is told once they know, or cannot know. */
  close(done: () => void): void;
  /** Ends at once; what has no place by then is lost. */
  end(): void;
}

/** What an operator may want to know of a shared order. */
export interface OrderState {
  /** Whether it is there: what is said gets its place. */
  readonly isUp: boolean;
  /** How many servers share it, this one included, for all that is known. */
  readonly servers: number;
  /** How long the oldest of what was said here has waited to come back, in ms. */
  readonly lagMs: number;
  /** What was taken, and is not with all servers yet, in bytes. */
  readonly owedBytes: number;
}

/** What a shared order asks of its room. */
export interface SharingRoom {
  readonly log: LineLog;
  readonly settings: Pick<RoomOptions, "now" | "wake"> & { readonly logBytes: number };
  /**
   * Sends all members away, because what they would hear next is not what follows.
   *
   * @returns how many lines of theirs were waiting, and are dropped
   */
  sendAllAway(word: string, reason: string): number;
  /** From here on, what goes into the log is history for newcomers, and nothing before. */
  beginHistory(): void;
  /** Forgets what waits to be said; returns how many lines that is. */
  dropUnsaid(): number;
}
