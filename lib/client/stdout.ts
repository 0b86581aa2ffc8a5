/** stdout, written in large pieces: so it is fast, and holds a room up only when it is full. */

import { writeOut } from "../program/descriptor.ts";
import { release } from "../program/release.ts";

/** What waits while something is written: one read of a socket brings up to 512 KiB. */
const PIECES_MAX = 4;

/** A short queue before stdout: it fills while one of Bun's threads writes what was there before. */
export class Stdout {
  #pieces: Uint8Array[] = [];
  #batch: Promise<void> | undefined;
  readonly #over = Promise.withResolvers<void>();
  #isOver = false;

  constructor() {
    this.#over.promise.catch(() => {}); // `write` and `flush` throw it, too.
  }

  /**
   * Resolves when a write has shown that nobody reads any more.
   *
   * @throws {UserError} that says why it cannot be written to
   */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /**
   * Writes bytes after those before. Returns once there is room for more: whether anybody still
   * reads; throws as `over` does.
   *
   * @param bytes handed over: their memory is freed once they are written
   */
  async write(bytes: Uint8Array): Promise<boolean> {
    this.#pieces.push(bytes);
    this.#batch ??= this.#writeBatch();
    while (this.#pieces.length >= PIECES_MAX && !this.#isOver) await this.#batch;
    if (this.#isOver) await this.over;
    return !this.#isOver;
  }

  /** Waits until all is written, or nobody reads it any more; throws as `over` does. */
  async flush(): Promise<void> {
    while (this.#batch && !this.#isOver) await this.#batch;
    if (this.#isOver) await this.over;
  }

  async #writeBatch(): Promise<void> {
    const pieces = this.#pieces.splice(0);
    try {
      this.#isOver = !(await writeOut(...pieces));
      pieces.forEach(release);
      if (this.#isOver) this.#over.resolve();
    } catch (error) {
      this.#isOver = true;
      this.#over.reject(error);
    }
    const goesOn = this.#pieces.length > 0 && !this.#isOver;
    this.#batch = goesOn ? this.#writeBatch() : undefined;
  }
}
