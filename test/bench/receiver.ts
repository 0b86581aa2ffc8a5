/** Checks what a receiver hears against what was sent: every line there, whole, once and in order. */

import type { Dialect } from "./dialects.ts";
import type { Script } from "./script.ts";

const LF = 0x0a;
/** Of the lines of many talkers, one in so many is compared byte for byte. */
const WHOLE_LINE_EVERY = 16;

/**
 * Takes the bytes that a client gets. Of one talker, many lines are compared at once; of many, the
 * number of each line has to follow that of its talker's last one.
 */
export class Receiver {
  /** Whole lines received so far that others sent. */
  lines = 0;
  readonly #dialect: Dialect;
  readonly #script: Script;
  readonly #self: number | undefined;
  /** For each talker, the number of the line that is to come. */
  readonly #next: number[];
  /** The start of a line, or of an aside, that is not whole yet. */
  #part = Buffer.alloc(0);
  #checks = 0;

  /** @param self which talker it belongs to, whose lines are not delivered; undefined for none */
  constructor(dialect: Dialect, script: Script, self?: number) {
    this.#dialect = dialect;
    this.#script = script;
    this.#self = self;
    this.#next = Array.from({ length: script.talkers }, (_, talker) => talker * script.linesEach);
  }

  /** @throws {Error} that says how the bytes differ from what was sent */
  receive(bytes: Buffer): void {
    let offset = 0;
    if (this.#part.length > 0) {
      const whole = Buffer.concat([this.#part, bytes.subarray(0, this.#script.heardBytes)]);
      const taken = this.#take(whole);
      if (taken === 0) return void (this.#part = whole);
      offset = taken - this.#part.length;
    }
    offset += this.#take(bytes.subarray(offset));
    this.#part = Buffer.from(bytes.subarray(offset));
  }

  /** Checks the whole lines at the start of some bytes; returns how many bytes these are. */
  #take(bytes: Buffer): number {
    const { heard, heardBytes } = this.#script;
    const { aside } = this.#dialect;
    let offset = 0;
    while (offset < bytes.length) {
      if (bytes[offset] === heard[0]) {
        if (bytes.length - offset < heardBytes) break;
        offset += this.#takeLines(bytes, offset) * heardBytes;
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

  /** Checks one line, or as many of one talker as there are; returns how many. */
  #takeLines(bytes: Buffer, offset: number): number {
    const { heardBytes, linesEach } = this.#script;
    const number = this.#script.numberAt(bytes, offset);
    const talker = Math.floor(number / linesEach);
    const isNext = this.#next[talker] === number && bytes[offset + heardBytes - 1] === LF;
    const lines = isNext ? this.#compare(bytes, offset, number) : 0;
    if (lines === 0) throw new Error(`line ${number} is broken, lost or moved`);
    const next = number + lines;
    this.#next[talker] = next % linesEach === 0 ? next - linesEach : next;
    if (talker !== this.#self) this.lines += lines;
    else if (!this.#dialect.echo) throw new Error("a talker received its own line");
    return lines;
  }

  /** Returns how many lines, from the one with this number on, are as they were sent. */
  #compare(bytes: Buffer, offset: number, number: number): number {
    const { heardBytes, linesEach, talkers } = this.#script;
    if (talkers > 1 && this.#checks++ % WHOLE_LINE_EVERY > 0) return 1;
    const there = Math.floor((bytes.length - offset) / heardBytes);
    const most = talkers > 1 ? 1 : Math.min(there, linesEach - number);
    if (this.#isSame(bytes, offset, number, most)) return most;
    // An aside may stand between two of them.
    return this.#isSame(bytes, offset, number, 1) ? 1 : 0;
  }

  /** Whether bytes are those of some lines, from the one with this number on. */
  #isSame(bytes: Buffer, offset: number, number: number, lines: number): boolean {
    const { heard, heardBytes } = this.#script;
    const from = number * heardBytes;
    const length = lines * heardBytes;
    return heard.compare(bytes, offset, offset + length, from, from + length) === 0;
  }
}
