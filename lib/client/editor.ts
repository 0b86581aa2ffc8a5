/**
 * What a person types. `node:readline` edits the line and remembers the others;
 * it writes to a stream that shows nothing. Lines that were entered wait here to
 * be sent.
 */

import { createInterface, type Interface, type Key } from "node:readline";
import { Writable } from "node:stream";

/** What an editor tells; `changed` is for what is being typed, the cursor in it, and its end. */
export interface EditorEvents {
  changed(): void;
  entered(line: string): void;
  /** Ctrl-L was pressed: the screen is to be cleared. */
  clear(): void;
  /** Ctrl-Z was pressed. */
  suspend(): void;
  /** There is no terminal any more. */
  hungUp(): void;
}

/** The high-water mark: typing is not read on while so many bytes wait to be sent. */
const UNSENT_BYTES_MAX = 1 << 20;
const HISTORY_LINES = 1000;

/** A line editor on stdin, which is a terminal. Opened once, at most. */
export class Editor {
  readonly #readline: Interface;
  readonly #events: EditorEvents;
  #editing = true;
  #unsent: Buffer[] = [];
  #unsentBytes = 0;
  #onEntered: (() => void) | undefined;

  /** @param prefix put before each line that is sent */
  constructor(prefix: string, events: EditorEvents) {
    this.#events = events;
    const unseen = new Writable({
      write(_chunk, _encoding, done) {
        events.changed();
        done();
      },
    });
    this.#readline = createInterface({
      input: process.stdin,
      output: unseen,
      terminal: true,
      historySize: HISTORY_LINES,
    });
    this.#readline.on("line", (line) => {
      events.entered(line);
      this.#send(Buffer.from(`${prefix}${line}\n`));
    });
    this.#readline.on("close", () => this.end());
    this.#readline.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
    this.#readline.on("SIGTSTP", () => events.suspend());
    for (const side of [process.stdin, this.#readline]) side.on("error", () => events.hungUp());
    process.stdin.on("keypress", (_text: string, key: Key | undefined) => {
      if (key?.ctrl && key.name === "l") events.clear();
    });
    // However the program ends, the terminal is as it was.
    process.on("exit", () => this.close());
  }

  /** What is being typed, up to the cursor and after it; undefined once nothing more will be. */
  get typed(): { before: string; after: string } | undefined {
    if (!this.#editing) return undefined;
    const { line, cursor } = this.#readline;
    return { before: line.slice(0, cursor), after: line.slice(cursor) };
  }

  /** The lines that were entered, up to the end of input. */
  async *entered(): AsyncIterable<Uint8Array> {
    for (;;) {
      const lines = Buffer.concat(this.#unsent);
      if (lines.length > 0) {
        this.#unsent = [];
        yield lines;
        this.#unsentBytes -= lines.length;
        if (this.#editing) this.#readline.resume();
      } else if (this.#editing) await new Promise<void>((resolve) => (this.#onEntered = resolve));
      else return;
    }
  }

  /** The end of input: Ctrl-D was pressed on an empty line, or nobody is there any more. */
  end(): void {
    this.#editing = false;
    this.#events.changed();
    this.#wake();
  }

  /** Gives the terminal to another program, or takes it back from one, which may have changed its mode. */
  setActive(active: boolean): void {
    process.stdin.setRawMode(false);
    if (active) process.stdin.setRawMode(true);
  }

  /** Ends, and leaves the terminal as it was found. */
  close(): void {
    this.#readline.close();
  }

  #send(bytes: Buffer): void {
    this.#unsent.push(bytes);
    this.#unsentBytes += bytes.length;
    if (this.#unsentBytes > UNSENT_BYTES_MAX) this.#readline.pause();
    this.#wake();
  }

  #wake(): void {
    this.#onEntered?.();
    this.#onEntered = undefined;
  }
}
