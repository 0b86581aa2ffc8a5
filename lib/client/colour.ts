/** Colours, where they help to see who says what; and none where they are not wanted. */

import { isatty } from "node:tty";

/** What is told apart by looks. */
export interface Colours {
  /** What this program says about itself, and the server about itself. */
  dim(text: string): string;
  /** A name: always the same colour for the same name. */
  name(name: string): string;
  /** The visible form of something that is not shown as it is. */
  mark(visible: string): string;
}

/** Black and white are left out: one of them is the background. */
const NAME_COLOURS = [31, 32, 33, 34, 35, 36, 91, 92, 93, 94, 95, 96];

/** A line of the server's own, or a name at the start of a line: one word and a colon. */
const SERVER_LINE_OR_NAME = /^(?:(\* .*)|([^\s:\x1b]{1,32}:)(?= |$))/gm;

/**
 * Colours in the terms of ECMA-48 (SGR), or none.
 *
 * @param on whether the output takes them; see `takesColours`
 */
export function openColours(on: boolean): Colours {
  if (!on) return { dim: same, name: same, mark: same };
  return {
    dim: (text) => `\x1b[2m${text}\x1b[22m`,
    name: (name) => `\x1b[${colourOf(name)}m${name}\x1b[39m`,
    mark: (visible) => `\x1b[7m${visible}\x1b[27m`,
  };
}

/** Whether a descriptor takes colours: a terminal, unless `NO_COLOR` (no-color.org) or `TERM=dumb` is set. */
export function takesColours(descriptor: number): boolean {
  return isatty(descriptor) && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb";
}

/**
 * Colours whole lines by who says them.
 *
 * @param lines sanitised text
 */
export function colourSpeakers(lines: string, colours: Colours): string {
  return lines.replace(
    SERVER_LINE_OR_NAME,
    (start: string, server: string | undefined, name: string | undefined) =>
      server === undefined ? colours.name(name ?? start) : colours.dim(server),
  );
}

function colourOf(name: string): number {
  return NAME_COLOURS[Bun.hash.crc32(name) % NAME_COLOURS.length] ?? 39;
}

function same(text: string): string {
  return text;
}
