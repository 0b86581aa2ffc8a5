/** Checks what a receiver hears against what was sent: every line there, whole, once and in order. */

import type { Dialect } from "./dialects.ts";
import { readNumber, type Script } from "./script.ts";

const LF = 0x0a;
const NOTHING = Buffer.alloc(0);
/** Of the lines of many talkers, one in so many is compared byte for byte. */
const WHOLE_LINE_EVERY = 16;

/**
 * Takes the bytes that a client gets. Of one talker, many lines are compared at once; of many, the
 * number of each line has to follow that of its talker's last one.
 */
export class Receiver {
  /** Whole lines received so far that others sent. */
  lines = 0;
  /** For each talker, the number of the line that is to come. */
  readonly #next: number[];
  /** The start of a line, or of an aside, that is not whole yet. */
  #part = NOTHING;
  #checks = 0;

  /** @param self which talker it belongs to, whose lines are not delivered; undefined for none */
  constructor(
    readonly dialect: Dialect,
    readonly script: Script,
    readonly self?: number,
  ) {
    this.#next = Array.from({ length: script.talkers }, (_, talker) => talker * script.linesEach);
  }

  /** @throws {Error} that says how the bytes differ from what was sent */
  receive(bytes: Buffer): void {
    let offset = 0;
    if (this.#part.length > 0) {
      const whole = Buffer.concat([this.#part, bytes.subarray(0, this.script.heardBytes)]);
      const end = this.#take(whole, 0);
      if (end === 0) return void (this.#part = whole);
      offset = end - this.#part.length;
    }
    const end = this.#take(bytes, offset);
    this.#part = end < bytes.length ? Buffer.from(bytes.subarray(end)) : NOTHING;
  }

  /** Checks the whole lines from some place on; returns where they end. */
  #take(bytes: Buffer, start: number): number {
    const { heard, heardBytes, talkers } = this.script;
    const { aside } = this.dialect;
    let offset = start;
    while (offset < bytes.length) {
      if (bytes[offset] === heard[0]) {
        if (bytes.length - offset < heardBytes) break;
        offset = talkers === 1 ? this.#takeRun(bytes, offset) : this.#takeEach(bytes, offset);
      } else {
        const text = bytes.toString("latin1", offset, offset + (aside.length || 80));
        if (!aside.startsWith(text))
          throw new Error(`unexpected ${JSON.stringify(text)} between two lines`);
        if (text.length < aside.length) break;
        offset += text.length;
      }
    }
    return offset;
  }

  /** Compares as many lines of the only talker as there are. */
  #takeRun(bytes: Buffer, offset: number): number {
    const { heardBytes, linesEach } = this.script;
    const [next = 0] = this.#next;
    const most = Math.min(Math.floor((bytes.length - offset) / heardBytes), linesEach - next);
    // An aside may stand between two of them: then it is one at a time.
    const lines = [most, 1].find((count) => this.#isSame(bytes, offset, next, count));
    if (lines === undefined) throw broken(next);
    this.#next[0] = (next + lines) % linesEach;
    this.#count(0, lines);
    return offset + lines * heardBytes;
  }

  /** Checks each line of many talkers, up to what is none. */
  #takeEach(bytes: Buffer, start: number): number {
    const { heard, heardBytes, linesEach, digitsAt } = this.script;
    const next = this.#next;
    let offset = start;
    while (offset + heardBytes <= bytes.length && bytes[offset] === heard[0]) {
      const number = readNumber(bytes, offset + digitsAt);
      const talker = Math.floor(number / linesEach);
      const isNext = next[talker] === number && bytes[offset + heardBytes - 1] === LF;
      const isCompared = this.#checks++ % WHOLE_LINE_EVERY === 0;
      if (!isNext || (isCompared && !this.#isSame(bytes, offset, number, 1))) throw broken(number);
      next[talker] = (number + 1) % linesEach === 0 ? number + 1 - linesEach : number + 1;
      this.#count(talker, 1);
      offset += heardBytes;
    }
    return offset;
  }

  #count(talker: number, lines: number): void {
    if (talker !== this.self) this.lines += lines;
    else if (!this.dialect.echo) throw new Error("a talker received its own line");
  }

  /** Whether bytes are those of some lines, from the one with this number on. */
  #isSame(bytes: Buffer, offset: number, number: number, lines: number): boolean {
    const { heard, heardBytes } = this.script;
    const from = number * heardBytes;
    const length = lines * heardBytes;
    return heard.compare(bytes, offset, offset + length, from, from + length) === 0;
  }
}

function broken(number: number): Error {
  return new Error(`line ${number} is broken, lost or moved`);
}
