/** What has happened, as a person is to see it: harmless, in colours, and in time. */

import { styleAt } from "../client/notes.ts";
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

/** Whole lines with their time before each of them, or else marked if they are first after a while. */
export function inTime(lines: string, time: Date, last: Date, isBeforeEach: boolean): string {
  const timeOfDay = time.toTimeString().slice(0, "14:05".length);
  if (isBeforeEach) return lines.replace(/^(?=[^])/gm, `${dim(timeOfDay)} `);
  const isNewDay = last.toDateString() !== time.toDateString();
  if (!isNewDay && time.getTime() - last.getTime() <= SILENCE_MS) return lines;
  const mark = isNewDay ? time.toLocaleDateString("en-GB", { dateStyle: "full" }) : timeOfDay;
  return `${dim(`— ${mark} —`)}\n${lines}`;
}
