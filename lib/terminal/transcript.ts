/** What has happened, as a person is to see it: by sender, in time, and with mentions standing out. */

import type { Colours } from "./colour.ts";
import { mentions } from "./mention.ts";

/** A longer silence is marked by the time at its end. */
const SILENCE_MS = 10 * 60_000;

/** Makes text for the screen, one run of whole lines after the other. */
export class Transcript {
  readonly #colours: Colours;
  readonly #isMention: (line: string) => boolean;
  #last = new Date();
  /** Whether the time stands before each line; else long silences and new days are marked. */
  showsTime: boolean;

  /** @param name of the user; empty for none */
  constructor(colours: Colours, name: string, showsTime: boolean) {
    this.#colours = colours;
    this.#isMention = mentions(name);
    this.showsTime = showsTime;
  }

  /**
   * Lines that were received.
   *
   * @param lines harmless text, each line with its LF
   * @returns text for the screen, and whether a line mentions the user
   */
  received(lines: string): { text: string; isMention: boolean } {
    let isMention = false;
    const text = lines.replace(/.+/g, (line) => {
      const coloured = this.#colours.bySender(line);
      if (!this.#isMention(line)) return coloured;
      isMention = true;
      return this.#colours.bold(coloured);
    });
    return { text: this.add(text), isMention };
  }

  /** Anything else that has happened now, in whole lines that may have colours. */
  add(lines: string): string {
    const [last, now] = [this.#last, new Date()];
    this.#last = now;
    if (this.showsTime) {
      const time = this.#colours.dim(timeOfDay(now));
      return lines.replace(/^(?=[^])/gm, `${time} `);
    }
    const mark = markBetween(last, now);
    return mark === undefined ? lines : `${this.#colours.dim(`— ${mark} —`)}\n${lines}`;
  }
}

/** The local time of day, as `14:05`. */
function timeOfDay(time: Date): string {
  return time.toTimeString().slice(0, "14:05".length);
}

/** What marks the time between two lines: a new day, or the time after a long silence. */
function markBetween(earlier: Date, later: Date): string | undefined {
  if (earlier.toDateString() !== later.toDateString())
    return later.toLocaleDateString("en-GB", { dateStyle: "full" });
  return later.getTime() - earlier.getTime() > SILENCE_MS ? timeOfDay(later) : undefined;
}
