/** Colours, where they help to see who says what; and none where they are not wanted. */

import { isatty } from "node:tty";

import { sanitise } from "./sanitise.ts";

/** Black and white are left out: one of them is the background. */
const NAME_COLOURS = [31, 32, 33, 34, 35, 36, 91, 92, 93, 94, 95, 96];

/** A line of the server's own, or a name at the start of a line: one word and a colon. */
const SERVER_LINE_OR_NAME = /^(?:(\* .*)|([^\s:\x1b]{1,32}:)(?= |$))/gm;

/** Whether a descriptor is a terminal that can do more than show line after line. */
export function canPaint(descriptor: number): boolean {
  return isatty(descriptor) && process.env["TERM"] !== "dumb";
}

/** Text as a terminal is to show it: harmless, and in colours if it takes them. */
export class Colours {
  readonly #on: boolean;

  /** @param descriptor where it is shown, in colours unless `NO_COLOR` (no-color.org) is set */
  constructor(descriptor: number) {
    this.#on = canPaint(descriptor) && !process.env["NO_COLOR"];
  }

  /** What this program says about itself, and the server about itself. */
  dim(text: string): string {
    return this.#style(text, 2, 22);
  }

  /** A line that has the name of whoever looks at it. */
  bold(text: string): string {
    return this.#style(text, 1, 22);
  }

  /** Text of unknown content; the visible form of what is not shown as it is stands out. */
  harmless(text: Uint8Array | string): string {
    return sanitise(text, (visible) => this.#style(visible, 7, 27));
  }

  /** Whole lines of unknown content, by speaker: always the same colour for the same name. */
  bySpeaker(lines: Uint8Array | string): string {
    return this.ofSpeakers(this.harmless(lines));
  }

  /** The same, of lines that are harmless. */
  ofSpeakers(lines: string): string {
    return lines.replace(SERVER_LINE_OR_NAME, (start: string, server?: string) => {
      const colour = NAME_COLOURS[Bun.hash.crc32(start) % NAME_COLOURS.length] ?? 39;
      return server === undefined ? this.#style(start, colour, 39) : this.dim(server);
    });
  }

  /** By the numbers of ECMA-48 (SGR) that turn a style on and off. */
  #style(text: string, on: number, off: number): string {
    return this.#on ? `\x1b[${on}m${text}\x1b[${off}m` : text;
  }
}
