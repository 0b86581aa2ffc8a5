/** The local side of the conversation, a terminal or a pipe; and what the client reports. */

import { fstatSync } from "node:fs";
import { isatty } from "node:tty";

import { openStderr } from "../program/stderr.ts";
import { canPaint, styleAt } from "./style.ts";

/** What the client reports about itself. */
export interface Notes {
  /** Tells that something has happened, in one line that stays. */
  note(event: string): void;
  /** Tells what is going on, in one line that changes; an empty one is taken away. */
  status(activity: string): void;
}

/** Where a client takes the lines it sends from, and where it shows those it receives. */
export interface LocalSide {
  /**
   * What is to be sent, in pieces, up to the end of input. Asking for the next piece tells that the
   * last one has gone out.
   */
  readonly lines: AsyncIterable<Uint8Array>;
  /**
   * Shows bytes as they arrived from the room. Returns once there is room for more, which is
   * back-pressure: whether anybody still looks. The bytes are handed over, with their memory.
   */
  show(bytes: Uint8Array): Promise<boolean>;
  /** Waits until nobody looks any more, also while nothing is shown; throws as `show` does. */
  gone?(): Promise<void>;
  /** Shows what is still to be shown, and leaves everything as it was found. */
  close(): Promise<void>;
}

/**
 * Where the client reports: in the terminal of the conversation, else on stderr. A pipeline that
 * nobody watches gets only failures.
 */
export function notesFor(
  terminal: Notes | undefined,
  { quiet, reconnect }: { quiet: boolean; reconnect: boolean },
): Notes {
  if (quiet || !(terminal || isatty(2) || reconnect)) return SILENCE;
  const seenThere = terminal && isatty(2) && fstatSync(1).rdev === fstatSync(2).rdev;
  return seenThere ? terminal : openNotes();
}

const SILENCE: Notes = { note() {}, status() {} };

/** Notes on stderr, dim on a terminal. A file does not get the line that changes. */
function openNotes(): Notes {
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
