/** What the client reports about itself, on stderr or in its terminal. */

import { fstatSync } from "node:fs";
import { isatty } from "node:tty";

import { openStderr } from "../program/stderr.ts";
import { canPaint, Colours } from "./colour.ts";
import type { Notes } from "./local-side.ts";

/**
 * Where the client speaks of itself: in the terminal of the conversation, else on stderr. A pipeline
 * that nobody watches hears only what goes wrong.
 */
export function notesFor(
  terminal: Notes | undefined,
  { quiet, reconnect }: { quiet: boolean; reconnect: boolean },
): Notes {
  if (quiet || !(terminal || isatty(2) || reconnect)) return SILENCE;
  const seenThere = terminal && isatty(2) && fstatSync(1).rdev === fstatSync(2).rdev;
  return seenThere ? terminal : openNotes();
}

/** No word about itself. */
const SILENCE: Notes = { note() {}, status() {} };

/** Notes on stderr, dim on a terminal. A file does not get the line that changes. */
function openNotes(): Notes {
  const colours = new Colours(2);
  let shown = "";
  const write = (event: string, activity: string) => {
    const erase = shown && "\r\x1b[K";
    shown = activity;
    // Cut by the terminal (DECAWM off): only one row can be erased so simply.
    const line = activity && `\x1b[?7l${colours.dim(activity)}\x1b[?7h`;
    openStderr().write(erase + event + line);
  };
  return {
    note: (event) => write(`${colours.dim(event)}\n`, ""),
    status: (activity) => void (canPaint(2) && activity !== shown && write("", activity)),
  };
}
