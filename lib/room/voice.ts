/** What the program around a room says in it, in turn with the members. */

import { LF, LineBuffer } from "./line-buffer.ts";
import type { Speaker } from "./line-log.ts";
import type { Sharing } from "./sharing.ts";
import type { Talker } from "./turns.ts";

/** One line, from whoever has no connection: a voice without a listener. */
export class Voice implements Talker {
  readonly cursor: Speaker = { lastRun: -1 };
  readonly lines: LineBuffer;
  hold: Talker["hold"];
  readonly isGone = false;
  readonly #sharing: Sharing | undefined;
  readonly #said = Promise.withResolvers<boolean>();

  /** @throws {RangeError} if this is more than one line, or longer than `lineBytesMax` with its LF */
  constructor(line: string | Uint8Array, lineBytesMax: number, sharing: Sharing | undefined) {
    this.#sharing = sharing;
    this.lines = new LineBuffer(lineBytesMax);
    this.lines.push(wholeLine(line));
    if (this.lines.tooLong) throw new RangeError(`a line longer than ${lineBytesMax} bytes`);
  }

  /** Resolves, to true, once the line is in the log; to false, if it will not be. */
  get isSaid(): Promise<boolean> {
    return this.#said.promise;
  }

  saidAll(): void {
    if (this.#sharing) this.#sharing.whenPlaced(this.#said.resolve);
    else this.#said.resolve(true);
  }

  pause(): void {}
  resume(): void {}
  said(): void {}
}

/** @throws {RangeError} if there is an LF in it */
function wholeLine(line: string | Uint8Array): Uint8Array {
  const bytes = typeof line === "string" ? new TextEncoder().encode(line) : line;
  if (bytes.includes(LF)) throw new RangeError("more than one line: the LF at its end is added");
  const whole = new Uint8Array(bytes.length + 1);
  whole.set(bytes);
  whole[bytes.length] = LF;
  return whole;
}
