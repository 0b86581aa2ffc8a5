/** What a room does beside relaying lines: each such thing is an extra, and is told all this. */

import type { Lines } from "./fair-queue.ts";
import type { Member } from "./member.ts";

/** What is left out does nothing. */
export interface Extra {
  /** Puts something between what a member sends and the log, such as a prefix for each line. */
  linesOf?(member: Member, lines: Lines): Lines;
  /** A member has joined: its cursor may start further back. */
  joined?(member: Member): void;
  /** A run of its lines was given to the order, as it is relayed: with what each `linesOf` has added. */
  sent?(member: Member, run: Uint8Array): void;
  /** All that it has sent is in the log; nothing of it is `sent` from now on. */
  left?(member: Member, reason: string): void;
  /**
   * It needs the log no more: it has everything, or its connection is gone and so many bytes were not
   * taken. After a reset this comes before `left`, and more of its lines may be `sent` in between.
   */
  gone?(member: Member, reason: string, behindBytes: number): void;
  /** A connection was refused, and told why, as far as it could be. */
  refused?(label: string, reason: string): void;
  /** Does its work at the end of a turn; returns when it is to be asked again, on the room's clock. */
  flush?(now: number): number;
  /** The room takes no more lines, but those that were received. */
  stopped?(): void;
  /** All members were disconnected: what the log has from now on does not follow what it had. */
  restarted?(): void;
}
