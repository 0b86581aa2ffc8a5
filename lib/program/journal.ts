/** Whether a program writes to the journal of systemd, which notes times and priorities itself. */

import { fstatSync } from "node:fs";

/** What a line begins with that is not just news, see sd-daemon(3). */
export const ERROR = "<3>";
export const WARNING = "<4>";

/**
 * Whether a descriptor is the journal, and not what somebody has put in its place: systemd names
 * the device and the inode of the journal in `JOURNAL_STREAM`, see systemd.exec(5).
 */
export function isJournal(descriptor = 2, stream = process.env["JOURNAL_STREAM"]): boolean {
  if (!stream) return false;
  try {
    const { dev, ino } = fstatSync(descriptor, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    return false; // It is closed.
  }
}
