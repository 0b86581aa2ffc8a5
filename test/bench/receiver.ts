/** Checks what a receiver hears against what was said: every line there, whole, once and in order. */

import type { Dialect } from "./dialects.ts";
import { readNumber, readTalker, type Script } from "./script.ts";

const LF = 0x0a;
/** Of the lines of many talkers, one in so many is compared byte for byte. */
const WHOLE_LINE_EVERY = 16;

/**
 * Takes the bytes that a client gets. Of one talker, many lines are compared at once; of many, the
 * talker and the number of each line have to go on from that talker's last line.
 */
export class Receiver {
  /** Whole lines heard so far that others said. */
  lines = 0;
  readonly #dialect: Dialect;
  readonly #scripts: readonly Script[];
  /** That of the first talker: all are of one form. */
  readonly #form: Script;
  readonly #self: number;
  /** For each talker, the line that is to come. */
  readonly #next: Uint32Array;
  /** An unfinished line, of which the first `#partBytes` are there. */
  readonly #part: Buffer;
  #partBytes = 0;
  /** What there is of an unfinished aside. */
  #aside = "";
  #frames = 0;

  /** @param self which talker it belongs to, whose lines it must not hear; -1 for none */
  constructor(dialect: Dialect, scripts: readonly Script[], self = -1) {
    const [first] = scripts;
    if (first === undefined) throw new Error("nobody talks");
    this.#dialect = dialect;
    this.#scripts = scripts;
    this.#form = first;
    this.#self = self;
    this.#next = new Uint32Array(scripts.length);
    this.#part = Buffer.alloc(first.frameBytes);
  }

  /**
   * @param answer sends what the protocol wants answered
   * @throws {Error} that says how the bytes differ from what was said
   */
  hear(bytes: Buffer, answer: (text: string) => void): void {
    const { frameBytes, heard } = this.#form;
    for (let offset = 0; offset < bytes.length;) {
      const isBetween = this.#partBytes === 0;
      if (this.#aside !== "" || (isBetween && bytes[offset] !== heard[0])) {
        offset = this.#hearAside(bytes, offset, answer);
      } else if (isBetween && bytes.length - offset >= frameBytes) {
        offset = this.#hearLines(bytes, offset);
      } else {
        const copied = bytes.copy(this.#part, this.#partBytes, offset);
        offset += copied;
        this.#partBytes = (this.#partBytes + copied) % frameBytes;
        if (this.#partBytes === 0) this.#hearLines(this.#part, 0);
      }
    }
  }

  /** Checks whole lines, up to the first that is not one; returns where it stopped. */
  #hearLines(bytes: Buffer, start: number): number {
    return this.#scripts.length === 1
      ? this.#compareRun(bytes, start)
      : this.#checkEach(bytes, start);
  }

  #compareRun(bytes: Buffer, start: number): number {
    const { frameBytes, heard, lines } = this.#form;
    const next = this.#next[0] ?? 0;
    const from = next * frameBytes;
    const isSame = (length: number) =>
      heard.compare(bytes, start, start + length, from, from + length) === 0;
    let frames = Math.min(Math.floor((bytes.length - start) / frameBytes), lines - next);
    // Halving finds how far they are the same: an aside may follow.
    while (frames > 0 && !isSame(frames * frameBytes)) frames >>= 1;
    if (frames === 0) throw new Error(`line ${next} is broken, lost or moved`);
    this.#next[0] = (next + frames) % lines;
    this.#count(0, frames);
    return start + frames * frameBytes;
  }

  #checkEach(bytes: Buffer, start: number): number {
    const { frameBytes, digitsAt, heard, lines } = this.#form;
    const next = this.#next;
    let offset = start;
    for (
      ;
      offset + frameBytes <= bytes.length && bytes[offset] === heard[0];
      offset += frameBytes
    ) {
      const talker = readTalker(bytes, offset + digitsAt);
      const number = readNumber(bytes, offset + digitsAt);
      if (next[talker] !== number || bytes[offset + frameBytes - 1] !== LF)
        throw new Error(`line ${number} of talker ${talker} is broken, lost or moved`);
      if (this.#frames++ % WHOLE_LINE_EVERY === 0) this.#compare(bytes, offset, talker, number);
      next[talker] = number + 1 === lines ? 0 : number + 1;
      this.#count(talker, 1);
    }
    return offset;
  }

  #count(talker: number, lines: number): void {
    if (talker !== this.#self) this.lines += lines;
    else if (!this.#dialect.echo) throw new Error("a talker heard its own line");
  }

  #compare(bytes: Buffer, offset: number, talker: number, number: number): void {
    const { frameBytes } = this.#form;
    const from = number * frameBytes;
    const heard = this.#scripts[talker]?.heard;
    if (heard?.compare(bytes, offset, offset + frameBytes, from, from + frameBytes) !== 0)
      throw new Error(`line ${number} of talker ${talker} is broken`);
  }

  /** Takes what the server may send between two lines, or a part of it; returns where it ends. */
  #hearAside(bytes: Buffer, start: number, answer: (text: string) => void): number {
    const { asides } = this.#dialect;
    const end = bytes.indexOf(LF, start) + 1 || bytes.length;
    const text = this.#aside + bytes.toString("latin1", start, end);
    if (!Object.keys(asides).some((aside) => aside.startsWith(text)))
      throw new Error(`unexpected ${JSON.stringify(text)} between two lines`);
    if (asides[text]) answer(asides[text]);
    this.#aside = text in asides ? "" : text;
    return end;
  }
}
