/** This end of the conversation, a terminal or a pipe; and what the client says about itself. */

import { fstatSync } from "node:fs";
import { isatty } from "node:tty";

import { openStderr } from "../program/stderr.ts";
import { canPaint, Colours } from "./colour.ts";

/** What the client says about itself. */
export interface Notes {
  /** Says that something has happened, in one line that stays. */
  note(event: string): void;
  /** Says what is going on, in one line that changes; an empty one is taken away. */
  status(activity: string): void;
}

/** Where a client takes what it says to a room from, and where it shows what it hears. */
export interface LocalEnd {
  /**
   * What is said here, in pieces, up to the end of input. Whoever asks for the next piece tells by
   * that that the last one has gone out.
   */
  readonly said: AsyncIterable<Uint8Array>;
  /** There is a connection, again perhaps: what is shown from now on was heard over it. */
  connected?(): void;
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
