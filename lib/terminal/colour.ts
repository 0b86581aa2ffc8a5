/** Text as a terminal is to show it: harmless, and in colours that help to see who sent what. */

import { styleAt } from "../client/notes.ts";
import { sanitise } from "./sanitise.ts";

/** Black and white are left out: one of them is the background. */
const NAME_COLOURS = [31, 32, 33, 34, 35, 36, 91, 92, 93, 94, 95, 96];

/** A server message, or a name at the start of a line: one word and a colon. */
const SERVER_MESSAGE_OR_NAME = /^(?:(\* .*)|([^\s:\x1b]{1,32}:)(?= |$))/gm;

/** Styles for text at a descriptor, which change nothing where colours are not wanted. */
export class Colours {
  readonly #style;

  /** @param descriptor where the text is shown */
  constructor(descriptor: number) {
    this.#style = styleAt(descriptor);
  }

  /** What this program and the server report about themselves. */
  dim(text: string): string {
    return this.#style(text, 2, 22);
  }

  /** A line that mentions the user. */
  bold(text: string): string {
    return this.#style(text, 1, 22);
  }

  /** Text of unknown content; the visible form of what is not shown as it is stands out. */
  harmless(text: Uint8Array | string): string {
    return sanitise(text, (visible) => this.#style(visible, 7, 27));
  }

  /** Harmless lines by sender: always the same colour for the same name. */
  bySender(lines: string): string {
    return lines.replace(SERVER_MESSAGE_OR_NAME, (start: string, server?: string) => {
      const colour = NAME_COLOURS[Bun.hash.crc32(start) % NAME_COLOURS.length] ?? 39;
      return server === undefined ? this.#style(start, colour, 39) : this.dim(server);
    });
  }
}
