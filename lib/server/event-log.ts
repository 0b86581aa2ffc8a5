/** What a program says about itself: one line per event on stderr. */

import { writeSync } from "node:fs";

/** Where events go. */
export interface Journal {
  /** Something normal happened. */
  note(event: string): void;
  /** Something happened that its operator may want to act on. */
  warn(event: string): void;
}

/**
 * A journal on stderr, each line with the time in front.
 *
 * @param quiet whether to leave out what is normal
 */
export function openJournal(quiet: boolean): Journal {
  const write = (event: string) => {
    try {
      writeSync(2, `${new Date().toISOString()} ${event}\n`);
    } catch {
      // Nobody reads stderr any more; the room goes on without.
    }
  };
  return { note: quiet ? () => {} : write, warn: write };
}
