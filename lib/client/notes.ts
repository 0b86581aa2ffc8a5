/** What the client reports about itself, on stderr or in its terminal. */

import { fstatSync } from "node:fs";
import { isatty } from "node:tty";

import { openStderr } from "../program/stderr.ts";
import type { Notes } from "./local-side.ts";
import { canPaint, styleAt } from "./style.ts";

/** Opens them: in the terminal of the conversation if stderr is that, else on stderr. */
export function openNotes(terminal: Notes | undefined): Notes {
  const seenThere = terminal && isatty(2) && fstatSync(1).rdev === fstatSync(2).rdev;
  return seenThere ? terminal : notesOnStderr();
}

/** Notes on stderr, dim on a terminal. A file does not get the line that changes. */
function notesOnStderr(): Notes {
  const style = styleAt(2);
  const dim = (text: string) => style(text, 2, 22);
  let shown = "";
  const write = (event: string, activity: string) => {
    const erase = shown && "\r\x1b[K";
    shown = activity;
    // Cut by the terminal (DECAWM off): only one row can be erased so simply.
    const line = activity && `\x1b[?7l${dim(activity)}\x1b[?7h`;
    openStderr().write(erase + event + line);
  };
  return {
    note: (event) => write(`${dim(event)}\n`, ""),
    status: (activity) => void (canPaint(2) && activity !== shown && write("", activity)),
  };
}
