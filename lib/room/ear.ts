/** What members say, line by line, for the program around a room: a bot inside hears with it. */

import type { Member } from "./member.ts";

/** Gathers what is said in a turn, and tells it when the room has done its work. */
export class Ear {
  readonly #onLine: (line: string, by: Member) => void;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #heard: { readonly run: Uint8Array; readonly by: Member }[] = [];

  constructor(onLine: (line: string, by: Member) => void) {
    this.#onLine = onLine;
  }

  /** A run is in the log. */
  hears(run: Uint8Array, by: Member): void {
    this.#heard.push({ run: run.slice(), by });
  }

  /** Whatever is done meanwhile, the room is ready for it. */
  tell(): void {
    if (this.#heard.length === 0) return;
    const heard = this.#heard;
    this.#heard = [];
    for (const { run, by } of heard)
      for (const line of this.#decoder.decode(run).split("\n").slice(0, -1))
        this.#onLine(line.endsWith("\r") ? line.slice(0, -1) : line, by);
  }
}
