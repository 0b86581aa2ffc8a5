/** stdin as the client sends it on. */

import { isatty } from "node:tty";

import { release } from "../program/release.ts";
import { explain, UserError } from "../program/system-errors.ts";

/** A file that is always ready would keep everything else waiting. */
const TURN_BYTES = 1 << 20;

/**
 * stdin to its end, without a change of its mode; left alone until somebody iterates. A piece is
 * there until the next one is asked for: its memory is freed then.
 */
export const STDIN: AsyncIterable<Uint8Array> = {
  // A terminal is left to `process.stdin`; of all else, Bun's own stream costs a third less.
  [Symbol.asyncIterator]: () => new Pieces(() => (isatty(0) ? process.stdin : Bun.stdin.stream())),
};

/** What a stream brings, piece by piece. A generator would cost as much as all the rest. */
export class Pieces implements AsyncIterator<Uint8Array, undefined> {
  readonly #open: () => AsyncIterable<Uint8Array>;
  #source: AsyncIterator<Uint8Array> | undefined;
  #piece: Uint8Array = new Uint8Array(0);
  /** What has come since the event loop has turned. */
  #turnBytes = 0;

  constructor(open: () => AsyncIterable<Uint8Array>) {
    this.#open = open;
  }

  /** @throws {UserError} that says why stdin cannot be read */
  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    release(this.#piece);
    // Whatever is ready, the event loop turns now and then: signals and sockets are there too.
    if (this.#turnBytes > TURN_BYTES) {
      this.#turnBytes = 0;
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
    try {
      this.#source ??= this.#open()[Symbol.asyncIterator]();
      const result = await this.#source.next();
      if (result.done) return { done: true, value: undefined };
      this.#piece = result.value;
      this.#turnBytes += result.value.length;
      return result;
    } catch (error) {
      const why = explain(error, {
        EBADF: "it is not open for reading",
        EIO: "its terminal is gone",
      });
      const message = `cannot read stdin: ${why}; --recv-only does not read it`;
      throw new UserError(message, { cause: error });
    }
  }
}
