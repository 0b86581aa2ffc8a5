/** Checks what a receiver hears against what was said: every line there, whole, once and in order. */

import type { Dialect } from "./dialects.ts";
import { digitsOffset, readNumber, readTalker, type Script } from "./script.ts";

const LF = 0x0a;
/** Of the lines of many talkers, one in so many is compared byte for byte. */
const WHOLE_LINE_EVERY = 16;

/** Takes the bytes a receiver gets. Throws an Error that says how they differ from what was said. */
export interface Receiver {
  /** Whole lines heard so far that others said. */
  readonly lines: number;
  /** @param answer sends what the protocol wants answered */
  hear(bytes: Buffer, answer: (text: string) => void): void;
}

/**
 * Hears one talker: the stream has to be the script, so whole chunks are compared
 * at once, and only where they differ it looks closer.
 */
export class OneTalkerReceiver implements Receiver {
  readonly #dialect: Dialect;
  readonly #heard: Buffer;
  readonly #frameBytes: number;
  readonly #mark: number | undefined;
  #position = 0;
  #heardBytes = 0;
  #aside = "";

  constructor(dialect: Dialect, script: Script) {
    this.#dialect = dialect;
    this.#heard = script.heard;
    this.#frameBytes = script.heard.length / script.lines;
    this.#mark = script.heard[0];
  }

  get lines(): number {
    return Math.floor(this.#heardBytes / this.#frameBytes);
  }

  hear(bytes: Buffer, answer: (text: string) => void): void {
    const heard = this.#heard;
    for (let offset = 0; offset < bytes.length;) {
      const betweenLines = this.#heardBytes % this.#frameBytes === 0;
      if (this.#aside !== "" || (betweenLines && bytes[offset] !== this.#mark)) {
        const aside = takeAside(this.#dialect, this.#aside, bytes, offset, answer);
        this.#aside = aside.text;
        offset = aside.next;
        continue;
      }
      const position = this.#position;
      let same = Math.min(bytes.length - offset, heard.length - position);
      // Halving finds how far they are the same: an aside may follow.
      while (same > 0 && heard.compare(bytes, offset, offset + same, position, position + same))
        same >>= 1;
      if (same === 0) throw new Error(`line ${this.lines} is broken, lost or moved`);
      offset += same;
      this.#heardBytes += same;
      this.#position = position + same === heard.length ? 0 : position + same;
    }
  }
}

/**
 * Hears many talkers: the talker and the number of each line, at their fixed
 * places, have to go on from that talker's last line.
 */
export class ManyTalkersReceiver implements Receiver {
  readonly #dialect: Dialect;
  readonly #scripts: readonly Script[];
  readonly #self: number;
  readonly #period: number;
  readonly #frameBytes: number;
  readonly #digits: number;
  readonly #mark: number | undefined;
  readonly #next: Uint32Array;
  /** An unfinished line, of which the first `#partBytes` are there. */
  readonly #part: Buffer;
  #partBytes = 0;
  #aside = "";
  #frames = 0;
  lines = 0;

  /** @param self which talker it belongs to, whose lines it must not hear; -1 for none */
  constructor(dialect: Dialect, scripts: readonly Script[], lineBytes: number, self: number) {
    const [first] = scripts;
    if (first === undefined) throw new Error("nobody talks");
    this.#dialect = dialect;
    this.#scripts = scripts;
    this.#self = self;
    this.#period = first.lines;
    this.#frameBytes = first.heard.length / first.lines;
    this.#digits = digitsOffset(dialect, lineBytes);
    this.#mark = first.heard[0];
    this.#next = new Uint32Array(scripts.length);
    this.#part = Buffer.alloc(this.#frameBytes);
  }

  hear(bytes: Buffer, answer: (text: string) => void): void {
    const frameBytes = this.#frameBytes;
    let offset = 0;
    while (offset < bytes.length) {
      if (this.#aside !== "" || (this.#partBytes === 0 && bytes[offset] !== this.#mark)) {
        const aside = takeAside(this.#dialect, this.#aside, bytes, offset, answer);
        this.#aside = aside.text;
        offset = aside.next;
      } else if (this.#partBytes > 0 || bytes.length - offset < frameBytes) {
        const count = Math.min(frameBytes - this.#partBytes, bytes.length - offset);
        bytes.copy(this.#part, this.#partBytes, offset, offset + count);
        offset += count;
        this.#partBytes += count;
        if (this.#partBytes < frameBytes) return;
        this.#partBytes = 0;
        this.#hearFrames(this.#part, 0);
      } else {
        offset = this.#hearFrames(bytes, offset);
      }
    }
  }

  /** Checks whole frames up to the first that is not one; returns where it stopped. */
  #hearFrames(bytes: Buffer, start: number): number {
    const next = this.#next;
    const frameBytes = this.#frameBytes;
    const mark = this.#mark;
    const period = this.#period;
    let offset = start;
    let own = 0;
    while (offset + frameBytes <= bytes.length && bytes[offset] === mark) {
      const talker = readTalker(bytes, offset + this.#digits);
      const number = readNumber(bytes, offset + this.#digits);
      if (next[talker] !== number || bytes[offset + frameBytes - 1] !== LF)
        throw new Error(`line ${number} of talker ${talker} is broken, lost or moved`);
      if (this.#frames++ % WHOLE_LINE_EVERY === 0) this.#compare(bytes, offset, talker, number);
      next[talker] = number + 1 === period ? 0 : number + 1;
      if (talker === this.#self) own++;
      offset += frameBytes;
    }
    if (own > 0 && !this.#dialect.echo) throw new Error("a talker heard its own line");
    this.lines += (offset - start) / frameBytes - own;
    return offset;
  }

  #compare(bytes: Buffer, offset: number, talker: number, number: number): void {
    const from = number * this.#frameBytes;
    const heard = this.#scripts[talker]?.heard;
    const end = from + this.#frameBytes;
    if (heard?.compare(bytes, offset, offset + this.#frameBytes, from, end) !== 0)
      throw new Error(`line ${number} of talker ${talker} is broken`);
  }
}

/** Takes an aside, or a part of one; `text` is what there is of it, empty once it is over. */
function takeAside(
  { asides }: Dialect,
  begun: string,
  bytes: Buffer,
  start: number,
  answer: (text: string) => void,
): { text: string; next: number } {
  const end = bytes.indexOf(LF, start) + 1;
  const next = end === 0 ? bytes.length : end;
  const text = begun + bytes.toString("latin1", start, next);
  const reply = asides[text];
  const isBegun = Object.keys(asides).some((aside) => aside.startsWith(text));
  if (!isBegun) throw new Error(`unexpected ${JSON.stringify(text)} between two lines`);
  if (reply) answer(reply);
  return { text: reply === undefined ? text : "", next };
}
