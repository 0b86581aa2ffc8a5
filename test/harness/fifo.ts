/** A named pipe whose reader is the test: it reads when it wants to, or never. */

import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";

import { codeOf } from "../../lib/program/system-errors.ts";
import { atEnd, newFolder } from "../harness.ts";
import { eventually } from "./watched.ts";

const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

export class Fifo {
  readonly path = join(newFolder(), "fifo");
  #reader: number | undefined;
  #isOver = false;
  /** What was read from it, and not taken by `reads`. */
  #text = "";

  constructor() {
    Bun.spawnSync(["mkfifo", this.path]);
    this.#reader = openSync(this.path, O_RDONLY | O_NONBLOCK);
    atEnd(() => this.close());
  }

  /** Goes away as a reader. */
  close(): void {
    if (this.#reader !== undefined) closeSync(this.#reader);
    this.#reader = undefined;
  }

  /** A descriptor for writing. */
  writer(flags = 0): number {
    return openSync(this.path, O_WRONLY | flags);
  }

  /** Writes to it until it takes no more byte. */
  fill(): void {
    const writer = this.writer(O_NONBLOCK);
    for (const block of [Buffer.alloc(4096, "\n"), Buffer.alloc(1, "\n")])
      try {
        for (;;) writeSync(writer, block);
      } catch {
        // It is full.
      }
    closeSync(writer);
  }

  /** Takes what comes until there is a text or a pattern in it, or up to the end of input. */
  reads(wanted?: string | RegExp): Promise<string> {
    const pattern = typeof wanted === "string" ? new RegExp(RegExp.escape(wanted)) : wanted;
    return eventually(`${wanted ?? "the end"}`, () => {
      this.#read();
      if (pattern ? !pattern.test(this.#text) : !this.#isOver) return undefined;
      const text = this.#text;
      this.#text = "";
      return text;
    });
  }

  #read(): void {
    const bytes = Buffer.alloc(64 << 10);
    this.#isOver = false;
    try {
      while (!this.#isOver) {
        const count = readSync(this.#reader ?? -1, bytes);
        this.#text += bytes.toString("latin1", 0, count);
        this.#isOver = count === 0;
      }
    } catch (error) {
      if (codeOf(error) !== "EAGAIN") throw error; // Else there is nothing to read now.
    }
  }
}
