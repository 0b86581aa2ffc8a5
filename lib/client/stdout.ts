/** stdout as a program reads it: written in large pieces, and watched for the end of its reader. */

import { writeOut } from "../program/descriptor.ts";
import { hangUp } from "../program/hang-up.ts";
import { release } from "../program/release.ts";

/** What waits while something is written: one read of a socket brings up to 512 KiB. */
const PIECES_MAX = 4;

/** A short queue before stdout: it fills while one of Bun's threads writes what was there before. */
export class Stdout {
  #pieces: Uint8Array[] = [];
  #batch: Promise<void> | undefined;
  #isOver = false;
  readonly #over = Promise.withResolvers<void>();

  constructor() {
    this.#over.promise.catch(() => {}); // Whoever writes is told, too.
  }

  /**
   * Writes bytes after those before. Returns once there is room for more: whether anybody still
   * reads.
   *
   * @param bytes handed over: their memory is freed once they are written
   * @throws {UserError} that says why it cannot be written to
   */
  async write(bytes: Uint8Array): Promise<boolean> {
    if (!this.#isOver) {
      this.#pieces.push(bytes);
      this.#batch ??= this.#writeBatch();
    }
    while (this.#pieces.length >= PIECES_MAX && !this.#isOver) await this.#batch;
    if (this.#isOver) await this.#over.promise;
    return !this.#isOver;
  }

  /** Waits until all is written, or nobody reads it any more; throws as `write` does. */
  async flush(): Promise<void> {
    while (this.#batch) await this.#batch;
    if (this.#isOver) await this.#over.promise;
  }

  /** Waits until nobody reads any more, also while nothing is written; throws as `write` does. */
  gone(): Promise<void> {
    void hangUp(1).then(() => this.#end(this.#over.resolve));
    return this.#over.promise;
  }

  async #writeBatch(): Promise<void> {
    const pieces = this.#pieces.splice(0);
    try {
      if (!(await writeOut(...pieces))) this.#end(this.#over.resolve);
      pieces.forEach(release);
    } catch (error) {
      this.#end(() => this.#over.reject(error));
    }
    this.#batch = this.#pieces.length > 0 && !this.#isOver ? this.#writeBatch() : undefined;
  }

  #end(settle: () => void): void {
    this.#isOver = true;
    settle();
  }
}
