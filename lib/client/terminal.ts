/**
 * This end of the conversation as a person has it. `node:readline` edits what is typed and
 * remembers what was; it writes to a stream that shows nothing, as it is the screen that paints.
 */

import { createInterface, type Key } from "node:readline";
import { PassThrough, Readable } from "node:stream";

import { Colours } from "./colour.ts";
import type { LocalEnd, Notes } from "./local-end.ts";
import { type Below, Screen } from "./screen.ts";
import { WholeLines } from "./whole-lines.ts";

/** The high-water mark: typing is not read on while so many bytes wait to be sent. */
const UNSENT_BYTES_MAX = 1 << 20;
const HISTORY_LINES = 1000;

/** A terminal that takes part in a conversation. Opened once, at most. */
export class Terminal implements LocalEnd, Notes {
  readonly #colours = new Colours(1);
  readonly #prompt: string;
  readonly #heard = new WholeLines();
  readonly #screen = new Screen(() => this.#below());
  readonly #readline = createInterface({
    input: process.stdin,
    output: new PassThrough().on("data", () => this.#screen.paintSoon()),
    terminal: true,
    historySize: HISTORY_LINES,
  });
  readonly said = new Readable({
    highWaterMark: UNSENT_BYTES_MAX,
    read: () => void (this.#editing && this.#readline.resume()),
  });
  #activity = "";
  #editing = true;

  /** @param name shown as the prompt; empty for none */
  constructor(name: string) {
    this.#prompt = name ? this.#colours.bySpeaker(`${name}: `) : this.#colours.dim("> ");
    const readline = this.#readline;
    readline.on("line", (line) => {
      this.#screen.add(this.#asEntered(line));
      if (this.#editing && !this.said.push(`${line}\n`)) readline.pause();
    });
    readline.on("close", () => this.#endInput());
    readline.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
    readline.on("SIGTSTP", () => this.#suspend());
    process.stdin.on("keypress", (_text: string, key: Key | undefined) => {
      if (key?.ctrl && key.name === "l") this.#screen.restart(true);
    });
    process.on("SIGCONT", () => this.#resume());
    const hungUp = () => {
      this.#screen.gone = true;
      this.#endInput();
    };
    for (const side of [process.stdin, process.stdout, readline]) side.on("error", hungUp);
    // However the program ends, the terminal is as it was.
    process.on("exit", () => readline.close());
    this.#screen.paintSoon();
  }

  show(bytes: Uint8Array): Promise<boolean> {
    const run = this.#heard.push(bytes);
    if (run !== undefined) this.#screen.add(this.#colours.bySpeaker(run));
    return this.#screen.shown();
  }

  note(event: string): void {
    this.#screen.add(`${this.#colours.dim(this.#colours.harmless(event))}\n`);
  }

  status(activity: string): void {
    this.#activity = activity;
    this.#screen.paintSoon();
  }

  /** Shows everything, leaves a half-typed line where it is, and gives the terminal back. */
  close(): Promise<void> {
    const rest = this.#heard.end();
    if (rest !== undefined) this.#screen.add(`${this.#colours.bySpeaker(rest)}\n`);
    const left = this.#leave();
    this.#readline.close();
    return left;
  }

  /** Ctrl-D was pressed on an empty line, or nobody is there any more. */
  #endInput(): void {
    if (this.#editing) this.said.push(null);
    this.#editing = false;
    this.#screen.paintSoon();
  }

  /** Ctrl-Z was pressed: does what the terminal itself does when it is not in raw mode. */
  async #suspend(): Promise<void> {
    await this.#leave();
    process.stdin.setRawMode(false);
    process.kill(0, "SIGTSTP");
  }

  /** Shows everything, a half-typed line as one that stays; somebody else is to go on below. */
  #leave(): Promise<void> {
    const { line } = this.#readline;
    if (this.#editing && line !== "") this.#screen.add(this.#asEntered(line));
    return this.#screen.leave();
  }

  /** Another program may have changed the mode of the terminal. */
  #resume(): void {
    if (!this.#editing) return;
    process.stdin.setRawMode(false);
    process.stdin.setRawMode(true);
    this.#screen.restart(false);
  }

  #below(): Below {
    const status = this.#activity && this.#colours.dim(this.#activity);
    if (!this.#editing) return { status, before: "", after: "" };
    const { line, cursor } = this.#readline;
    const before = this.#colours.harmless(line.slice(0, cursor));
    const after = this.#colours.harmless(line.slice(cursor));
    return { status, before: this.#prompt + before, after };
  }

  #asEntered(line: string): string {
    return `${this.#prompt}${this.#colours.harmless(line)}\n`;
  }
}
