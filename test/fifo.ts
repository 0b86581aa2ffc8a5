/** A named pipe whose reader is the test: it reads when it wants to, or never. */

import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { codeOf } from "../lib/program/system-errors.ts";

const opened = new Set<Fifo>();

/** Removes all that a test has opened; for `afterEach`. */
export function removeFifos(): void {
  for (const fifo of opened) fifo.remove();
  opened.clear();
}

export class Fifo {
  readonly #folder = mkdtempSync(join(tmpdir(), "linechat-fifo-"));
  readonly path = join(this.#folder, "fifo");
  #reader: number | undefined;

  constructor() {
    Bun.spawnSync(["mkfifo", this.path]);
    this.open();
    opened.add(this);
  }

  /** Opens the end that reads, again. */
  open(): void {
    this.#reader = openSync(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
  }

  /** A descriptor for writing. */
  writer(flags = 0): number {
    return openSync(this.path, constants.O_WRONLY | flags);
  }

  /** Reads what there is; undefined at the end of input. */
  #read(): string | undefined {
    const buffer = Buffer.alloc(64 << 10);
    try {
      const count = readSync(this.#reader ?? -1, buffer);
      return count === 0 ? undefined : buffer.toString("latin1", 0, count);
    } catch (error) {
      if (codeOf(error) === "EAGAIN") return "";
      throw error;
    }
  }

  /** Reads until there is a text, which may take 10 s, or up to the end of input. */
  async reads(wanted?: string): Promise<string> {
    const deadlineMs = performance.now() + 10_000;
    for (let all = ""; ;) {
      const piece = this.#read();
      if (piece === undefined && wanted === undefined) return all;
      all += piece ?? "";
      if (wanted !== undefined && all.includes(wanted)) return all;
      if (performance.now() > deadlineMs) throw new Error(`waited for ${wanted} in ${all}`);
      if (!piece) await Bun.sleep(1); // A pipe has no event for who does not want to read all of it.
    }
  }

  /** Goes away as a reader. */
  close(): void {
    if (this.#reader !== undefined) closeSync(this.#reader);
    this.#reader = undefined;
  }

  remove(): void {
    this.close();
    rmSync(this.#folder, { recursive: true });
  }
}
