/** What has happened, as a person is to see it: by speaker, in time, and what is meant for them. */

import { callOf } from "./call.ts";
import { markBetween, timeOfDay } from "./clock.ts";
import type { Colours } from "./colour.ts";

/** For whom it is, and what they want to see. */
export interface TranscriptOptions {
  /** The name of this person; empty for none. */
  name: string;
  /** Whether the time stands before each line. */
  showsTime: boolean;
  /** What time it is now, on the clock on the wall. */
  now?: () => Date;
}

/** Makes text for the screen, one run of whole lines after the other. */
export class Transcript {
  readonly #colours: Colours;
  readonly #calls: (line: string) => boolean;
  readonly #now: () => Date;
  #last: Date;
  /** Whether the time stands before each line; else long silences and new days are marked. */
  showsTime: boolean;

  constructor(colours: Colours, { name, showsTime, now = () => new Date() }: TranscriptOptions) {
    this.#colours = colours;
    this.#calls = callOf(name);
    this.#now = now;
    this.#last = now();
    this.showsTime = showsTime;
  }

  /**
   * Lines that others have said.
   *
   * @param lines harmless text, each of them with its LF
   * @returns text for the screen, and whether this person is called in it
   */
  heard(lines: string): { text: string; called: boolean } {
    let called = false;
    const text = lines.replace(/.+/g, (line) => {
      const coloured = this.#colours.ofSpeakers(line);
      const calls = this.#calls(line);
      called ||= calls;
      return calls ? this.#colours.bold(coloured) : coloured;
    });
    return { text: this.add(text), called };
  }

  /** Anything else that has happened now, in whole lines that may have colours. */
  add(lines: string): string {
    const [last, now] = [this.#last, this.#now()];
    this.#last = now;
    if (this.showsTime) {
      const time = this.#colours.dim(timeOfDay(now));
      return lines.replace(/^(?=[^])/gm, `${time} `);
    }
    const mark = markBetween(last, now);
    return mark === undefined ? lines : `${this.#colours.dim(mark)}\n${lines}`;
  }
}
