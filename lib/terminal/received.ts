/**
 * What is received, as it is shown. A room may send its history first, which ends with a mark; without
 * that, nothing but that it comes at once tells it from what is sent now: so the first lines are held
 * back until it is known. History rings no bell and has no times, and is not shown again after a loss.
 */

import { GREETING, type People, Shown } from "../program/room-view.ts";
import { HISTORY_END } from "../program/server-messages.ts";
import { bySender, dim, harmless, inTime, mentions, promptOf, senderOf } from "./transcript.ts";

/** What comes so long after what came before it, in ms, is no history. */
const PAUSE_MS = 300;
/** How long to wait for the mark, in ms; and where the room is known to have a history. */
const LONGEST_MS = 1000;
const LONGEST_SURE_MS = 10_000;
/** How much is held back until then, in UTF-16. */
const HELD_LENGTH_MAX = 4 << 20;
/** However many lines ring the bell, it rings once in so long. */
const BELL_MS = 2000;
/** As long as the time before a line. */
const NO_TIME = " ".repeat("14:05 ".length);

/** How lines are shown. */
export interface LineOptions {
  /** Whether times are shown. */
  time: boolean;
  /** Which lines ring the bell. */
  readonly bell: "name" | "none";
}

/** Everything that is shown line by line: what others send, what the user does, and remarks. */
export class Received {
  readonly #people: People;
  readonly #options: LineOptions;
  readonly #add: (lines: string) => void;
  readonly #isMention: (line: string) => boolean;
  readonly #shown = new Shown();
  /** Whether nothing was received over this connection yet. */
  #isNew = false;
  /** What may be history, if some may come, and what is shown after it. */
  #held: string | undefined;
  readonly #after: (() => void)[] = [];
  /** When both are shown: after a pause, and at the latest. */
  #pause: Timer | undefined;
  #longest: Timer | undefined;
  /** Whether this room has ended a history with the mark. */
  #hasHistory = false;
  #lastTime = new Date();
  #rungAtMs = -Infinity;

  /** @param add given whole lines, as a terminal is to have them */
  constructor(people: People, options: LineOptions, add: (lines: string) => void) {
    this.#people = people;
    this.#options = options;
    this.#add = add;
    this.#isMention = mentions(people.own);
  }

  /** @param isReceiving whether something has come with joining: perhaps the history */
  joined(isReceiving: boolean): void {
    this.flush();
    this.#isNew = true;
    this.#people.joined();
    if (!isReceiving) return;
    const longestMs = this.#hasHistory ? LONGEST_SURE_MS : LONGEST_MS;
    this.#longest = setTimeout(() => this.flush(), longestMs);
    this.#hold("");
  }

  /** @param run whole lines, as they were received */
  receive(run: Uint8Array): void {
    let text = harmless(run);
    for (const [line] of text.matchAll(/^\* .*/gm)) this.#people.told(line);
    const [first = ""] = text.split("\n", 1);
    if (this.#isNew && this.#people.own && GREETING.test(first)) {
      // The client has sent the name by itself: what is new is who is here.
      this.remark(() => this.#people.list);
      text = text.slice(first.length + 1);
    }
    this.#isNew = false;
    if (this.#held !== undefined) this.#hold(text);
    else if (text !== "") this.#show(text, false);
  }

  /** @param line what the user has sent; shown after all that was received before */
  sent(line: string, isShown: boolean): void {
    const { own } = this.#people;
    this.#shown.sent(own ? `${own}: ${line}` : line);
    if (isShown) this.#later(() => this.#inTime(promptOf(own) + line));
  }

  /** Shows what has happened, or is so when it is shown, dim; it is harmless. */
  remark(remark: string | (() => string)): void {
    this.#later(() => this.#inTime(dim(typeof remark === "string" ? remark : remark())));
  }

  switchTimes(): void {
    this.#options.time = !this.#options.time;
    this.remark(`times are ${this.#options.time ? "shown" : "no longer shown"}`);
  }

  /** Shows what is held back: there is no history, or no more of it. */
  flush(): void {
    clearTimeout(this.#pause);
    clearTimeout(this.#longest);
    if (this.#held) this.#show(this.#held, false);
    this.#held = undefined;
    for (const show of this.#after.splice(0)) show();
  }

  #later(show: () => void): void {
    if (this.#held === undefined) show();
    else this.#after.push(show);
  }

  /** Holds lines back until it is known whether they are history. */
  #hold(lines: string): void {
    this.#held = (this.#held ?? "") + lines;
    const end = `\n${this.#held}`.indexOf(`\n${HISTORY_END}`);
    if (end >= 0) {
      this.#hasHistory = true;
      const missed = this.#shown.missed(linesOf(this.#held.slice(0, end)));
      if (missed.length > 0) this.#show(`${missed.join("\n")}\n${HISTORY_END}`, true);
      this.#held = this.#held.slice(end + HISTORY_END.length);
    }
    if (end >= 0 || this.#held.length > HELD_LENGTH_MAX) return this.flush();
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => this.flush(), PAUSE_MS);
  }

  #show(text: string, isHistory: boolean): void {
    const lines = linesOf(text);
    this.#shown.received(lines);
    let rings = false;
    const shown = lines.map((line) => {
      const sender = senderOf(line);
      if (sender !== undefined) this.#people.sent(sender, !isHistory);
      const isMention = this.#isMention(line);
      rings ||= isMention;
      return bySender(line, isMention);
    });
    const all = shown.join("\n");
    if (!isHistory) return this.#inTime((rings ? this.#bell() : "") + all);
    // When it was sent is not known.
    this.#add(`${this.#options.time ? all.replace(/^/gm, NO_TIME) : all}\n`);
  }

  /** What rings the bell, if it is to be rung, and was not just now. */
  #bell(): string {
    const now = performance.now();
    if (this.#options.bell === "none" || now - this.#rungAtMs < BELL_MS) return "";
    this.#rungAtMs = now;
    return "\x07";
  }

  #inTime(lines: string): void {
    const time = new Date();
    this.#add(inTime(`${lines}\n`, time, this.#lastTime, this.#options.time));
    this.#lastTime = time;
  }
}

/** The last one may be a part, which gets a row of its own. */
const linesOf = (text: string) => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));
