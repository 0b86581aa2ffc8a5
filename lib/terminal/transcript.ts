/** What has happened, as a person is to see it: harmless, in colours, and in time. */

import { styleAt } from "../client/style.ts";
import { sanitise } from "./sanitise.ts";

/** Black and white are left out: one of them is the background. */
const NAME_COLOURS = [31, 32, 33, 34, 35, 36, 91, 92, 93, 94, 95, 96];
/** A server message, or a name at the start of a line: one word and a colon. */
const SERVER_MESSAGE_OR_NAME = /^(?:(\* .*)|([^\s:\x1b]{1,32}:)(?= |$))/gm;
/** A longer silence is marked by the time at its end. */
const SILENCE_MS = 10 * 60_000;

const style = styleAt(1);

/** What this program and the server report about themselves. */
export const dim = (text: string) => style(text, 2, 22);

/** Text of unknown content; the visible form of what is not shown as it is stands out. */
export const harmless = (text: Uint8Array | string) =>
  sanitise(text, (visible) => style(visible, 7, 27));

/** Harmless lines by sender: always the same colour for the same name. */
export function bySender(lines: string): string {
  return lines.replace(SERVER_MESSAGE_OR_NAME, (start: string, server?: string) => {
    const colour = NAME_COLOURS[Bun.hash.crc32(start) % NAME_COLOURS.length] ?? 39;
    return server === undefined ? style(start, colour, 39) : dim(server);
  });
}

/** A line that mentions the user. */
export const bold = (text: string) => style(text, 1, 22);

/** Tells the time of what happens. */
export class Transcript {
  #last = new Date();
  /** Whether the time stands before each line; else long silences and new days are marked. */
  showsTime: boolean;

  constructor(showsTime: boolean) {
    this.showsTime = showsTime;
  }

  /** Returns whole lines that come now, which may have colours, with the time as it is to be shown. */
  add(lines: string): string {
    const [last, now] = [this.#last, new Date()];
    this.#last = now;
    const time = now.toTimeString().slice(0, "14:05".length);
    if (this.showsTime) return lines.replace(/^(?=[^])/gm, `${dim(time)} `);
    const isNewDay = last.toDateString() !== now.toDateString();
    if (!isNewDay && now.getTime() - last.getTime() <= SILENCE_MS) return lines;
    const mark = isNewDay ? now.toLocaleDateString("en-GB", { dateStyle: "full" }) : time;
    return `${dim(`— ${mark} —`)}\n${lines}`;
  }
}
