/**
 * The server's last word or a line like any other? Only the end of the connection tells: until then,
 * or for a moment, a line that may be one is held back.
 */

import {
  disconnectOf,
  type LastWord,
  SERVER_MESSAGE_BYTES_MAX,
} from "../program/server-messages.ts";
import { LF } from "../room/line-buffer.ts";

const STAR = 0x2a;
const SPACE = 0x20;
const NOTHING = new Uint8Array(0);

/**
 * Holds at most one short line, or its beginning, at the end of what has arrived; all else passes.
 *
 * Cost: a look at the end of each chunk; nothing is copied but where something was held.
 */
export class LastLine {
  #held: Uint8Array = NOTHING;
  /** Whether what has passed ends inside a line. */
  #insideLine = false;

  /** Whether something is held back. */
  get holds(): boolean {
    return this.#held.length > 0;
  }

  /**
   * Takes what has arrived; returns what can be passed on, which may be nothing.
   *
   * @param chunk at least one byte; a part of it is kept by reference
   */
  push(chunk: Uint8Array): Uint8Array {
    const bytes = this.holds ? Buffer.concat([this.#held, chunk]) : chunk;
    const start = startOfLastLine(bytes);
    const isWhole = start > 0 || !this.#insideLine;
    this.#held = isWhole && mayBeLastWord(bytes, start) ? bytes.subarray(start) : NOTHING;
    this.#insideLine = !this.holds && bytes.at(-1) !== LF;
    return bytes.subarray(0, bytes.length - this.#held.length);
  }

  /** Passes on what is held: the conversation goes on. */
  release(): Uint8Array {
    const held = this.#held;
    this.#insideLine ||= this.holds && held.at(-1) !== LF;
    this.#held = NOTHING;
    return held;
  }

  /** Tells that the connection has ended: either with a last word, or with a rest to pass on. */
  end(): { word: LastWord | undefined; rest: Uint8Array } {
    const word = wordOf(this.#held);
    return { word, rest: word ? NOTHING : this.release() };
  }
}

/** Where the last line begins, finished or not; `bytes.length` if it is too long to look further. */
function startOfLastLine(bytes: Uint8Array): number {
  const from = Math.max(0, bytes.length - SERVER_MESSAGE_BYTES_MAX - 1);
  const before = bytes.subarray(from, -1).lastIndexOf(LF);
  if (before < 0 && bytes.length > SERVER_MESSAGE_BYTES_MAX) return bytes.length;
  return from + before + 1;
}

/** Whether a last word stands there, or what may become one. */
function mayBeLastWord(bytes: Uint8Array, start: number): boolean {
  if (bytes[start] !== STAR || (bytes[start + 1] ?? SPACE) !== SPACE) return false;
  return bytes.at(-1) !== LF || wordOf(bytes.subarray(start)) !== undefined;
}

function wordOf(line: Uint8Array): LastWord | undefined {
  if (line.at(-1) !== LF) return undefined;
  return disconnectOf(new TextDecoder().decode(line.subarray(0, -1)));
}
