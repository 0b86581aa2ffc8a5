/** Which descriptors are terminals that take more than plain lines, and text in a style for them. */

import { isatty } from "node:tty";

/** Whether a descriptor is a terminal that can do more than show line after line. */
export function canPaint(descriptor: number): boolean {
  return isatty(descriptor) && process.env["TERM"] !== "dumb";
}

/** Text in a style, by the numbers of ECMA-48 (SGR) that turn it on and off. */
export type Style = (text: string, on: number, off: number) => string;

/** How text gets a style at a descriptor: not at all with `NO_COLOR` (no-color.org). */
export function styleAt(descriptor: number): Style {
  if (!canPaint(descriptor) || process.env["NO_COLOR"]) return (text) => text;
  return (text, on, off) => `\x1b[${on}m${text}\x1b[${off}m`;
}
