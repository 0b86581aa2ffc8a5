/** A terminal that can do no more than print line after line (`TERM=dumb`): it edits what is typed. */

import type { Display } from "./screen.ts";

/** Prints lines as they are added; nothing stays below them. */
export class PlainScreen implements Display {
  #printed = Promise.resolve();
  #gone = false;

  constructor() {
    process.stdout.on("error", () => (this.#gone = true));
  }

  add(lines: string): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#printed = promise;
    process.stdout.write(lines, () => resolve());
  }

  async shown(): Promise<boolean> {
    await this.#printed;
    return !this.#gone;
  }

  leave(): Promise<void> {
    return this.#printed;
  }

  paintSoon(): void {}
  restart(): void {}
  async suspend(): Promise<void> {}
}
