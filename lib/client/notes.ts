/** What the client says about itself, on stderr. */

import { writeSync } from "node:fs";

import { openColours, takesColours } from "./colour.ts";
import type { Notes } from "./local-end.ts";

/** No word about itself. */
export const SILENCE: Notes = { note() {}, status() {} };

/**
 * Notes on stderr, dim on a terminal. The line that changes is for those who
 * can see it change; a file gets only the notes.
 */
export function openNotes(): Notes {
  const colours = openColours(takesColours(process.stderr));
  const canErase = process.stderr.isTTY && process.env["TERM"] !== "dumb";
  let shown: string | undefined;

  const write = (activity: string | undefined, event: string) => {
    const erase = shown === undefined ? "" : "\r\x1b[K";
    shown = activity;
    try {
      writeSync(2, erase + event + (activity === undefined ? "" : colours.dim(activity)));
    } catch {
      // Nobody reads stderr any more; the conversation goes on without.
    }
  };
  return {
    note: (event) => write(undefined, `${colours.dim(event)}\n`),
    status(activity) {
      // Cut to one row, which is all that can be erased so simply.
      if (canErase && activity !== shown)
        write(activity?.slice(0, (process.stderr.columns || 80) - 1), "");
    },
  };
}
