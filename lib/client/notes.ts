/** What the client reports about itself, on stderr or in its terminal. */

import { fstatSync } from "node:fs";
import { isatty } from "node:tty";

import { stderr } from "../program/process.ts";

/** Where the client reports what it does. */
export interface Notes {
  /** Reports an event, in one line that stays. */
  note(event: string): void;
  /** Reports what is going on, in one line that changes; an empty one is removed. */
  status(activity: string): void;
}

/** Opens them: in the terminal of the conversation if stderr is that, else on stderr, dim. */
export function openNotes(terminal: Notes | undefined): Notes {
  if (terminal && isatty(2) && fstatSync(1).rdev === fstatSync(2).rdev) return terminal;
  const style = styleAt(2);
  return {
    note: (event) => stderr.write(`${style(event, 2, 22)}\n`),
    status() {}, // No line there changes.
  };
}

/**
 * How text gets a style at a descriptor, by the numbers of ECMA-48 (SGR) that turn it on and off: not
 * at all with `NO_COLOR` (no-color.org), nor where it is no terminal that can do more than lines.
 */
export function styleAt(descriptor: number): (text: string, on: number, off: number) => string {
  const { NO_COLOR, TERM } = process.env;
  if (NO_COLOR || TERM === "dumb" || !isatty(descriptor)) return (text) => text;
  return (text, on, off) => `\x1b[${on}m${text}\x1b[${off}m`;
}
