/**
 * The local side of the conversation as a person has it. A line that is entered waits below until it
 * has gone out, then stands among those received; whatever was not sent is told at the end.
 */

import type { Notes } from "../client/notes.ts";
import type { LocalSide } from "../client/pipe.ts";
import { WholeLines } from "../client/whole-lines.ts";
import { Colours } from "./colour.ts";
import { type Command, HELP } from "./commands.ts";
import { Completion } from "./completion.ts";
import { type Input, Keyboard } from "./keyboard.ts";
import { Outbox } from "./outbox.ts";
import { type Below, Screen } from "./screen.ts";
import { Transcript } from "./transcript.ts";
import { Typing } from "./typing.ts";

const HINT = "; /quit to leave, /help for help";
const WAITING_SHOWN = 3;
/** A long line is laid out only near the cursor, and starts where it does for a while. */
const NEAR_LENGTH = 8192;
/** How soon after SIGTSTP this program stands still, if anything can wake it. */
const STOP_MS = 50;

/** Whose terminal it is, and what it is to show. */
export interface TerminalOptions {
  /** The name of the user; empty for none. */
  name: string;
  /** Whether the time stands before each line. */
  showsTime: boolean;
  /** Which lines ring the bell: those with the name of the user, or none. */
  bell: "name" | "none";
}

/** A terminal that takes part in a conversation. Opened once, at most. */
export class Terminal implements LocalSide, Notes {
  readonly #colours = new Colours(1);
  readonly #screen = new Screen(() => this.#below());
  readonly #keyboard = new Keyboard((inputs) => this.#takeAll(inputs));
  readonly #received = new WholeLines();
  readonly #outbox = new Outbox((line) => this.#add(`${this.#prompted(line)}\n`));
  readonly lines = this.#outbox.taken();
  readonly #prompt: string;
  readonly #rings: boolean;
  readonly #transcript: Transcript;
  readonly #completion: Completion;
  readonly #typing: Typing;
  #hint = HINT;
  #activity = "";
  #editing = true;
  #stopping: Timer | undefined;
  #closed: Promise<void> | undefined;

  constructor({ name, showsTime, bell }: TerminalOptions) {
    this.#prompt = name ? this.#colours.bySender(`${name}: `) : this.#colours.dim("> ");
    this.#rings = bell === "name";
    this.#transcript = new Transcript(this.#colours, name, showsTime);
    this.#completion = new Completion(name);
    const send = (line: string) => this.#outbox.add(line);
    this.#typing = new Typing(send, (command) => this.#obey(command), this.#completion);

    process.stdin.setEncoding("utf8").on("data", (chunk: string) => this.#keyboard.push(chunk));
    process.stdin.on("end", () => this.#endInput());
    process.on("SIGCONT", () => this.#resume());
    const hungUp = () => {
      this.#screen.gone = true;
      this.#endInput();
    };
    for (const side of [process.stdin, process.stdout]) side.on("error", hungUp);
    // However the program ends, the terminal is as it was.
    process.on("exit", () => this.#giveBack());
    process.stdin.setRawMode(true);
    this.#screen.paintSoon();
  }

  show(bytes: Uint8Array): Promise<boolean> {
    const run = this.#received.push(bytes);
    if (run !== undefined) this.#receive(run);
    return this.#screen.shown();
  }

  /** The first note also says how to leave. */
  note(event: string): void {
    this.#remark(event + this.#hint);
    this.#hint = "";
  }

  status(activity: string): void {
    this.#activity = activity;
    this.#screen.paintSoon();
  }

  /** Shows everything, tells what was not sent, and gives the terminal back. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    const rest = this.#received.end();
    if (rest !== undefined) this.#receive(rest);
    const { line } = this.#typing;
    const unsent = [...this.#outbox.last(WAITING_SHOWN), ...(line === "" ? [] : [line])];
    for (const one of unsent) this.#add(`${this.#waiting(one, " (not sent)")}\n`);
    const { count } = this.#outbox;
    if (count > 0) this.#remark(`${linesAre(count, "was", "were")} not sent`);
    this.#editing = false;
    await this.#screen.leave();
    this.#giveBack();
  }

  #takeAll(inputs: Input[]): void {
    for (const input of inputs) if (this.#editing) this.#take(input);
    this.#screen.paintSoon();
  }

  #take(input: Input): void {
    const key = "key" in input ? input.key : undefined;
    const adds = key === undefined || /^[\r\n]/.test(key);
    if (key === "\x03") process.kill(process.pid, "SIGINT");
    else if (key === "\x0c") this.#screen.restart(true);
    else if (key === "\x1a") void this.#suspend();
    else if (adds && this.#outbox.isFull) this.#screen.ring();
    else this.#typing.take(input);
  }

  #obey(command: Command): void {
    if (command === "quit") this.#endInput();
    else if (command === "help") this.#screen.add(HELP);
    else {
      this.#transcript.showsTime = !this.#transcript.showsTime;
      this.#remark(`times are ${this.#transcript.showsTime ? "shown" : "no longer shown"}`);
    }
  }

  /** No more is entered here, or the terminal has gone. */
  #endInput(): void {
    if (!this.#editing) return;
    this.#editing = false;
    this.#outbox.end();
    if (!this.#screen.gone) this.#stopReading();
    this.#screen.paintSoon();
  }

  /** Ctrl-Z was pressed: does what the terminal itself does when it is not in raw mode. */
  async #suspend(): Promise<void> {
    await this.#screen.leave();
    process.stdin.setRawMode(false);
    process.kill(0, "SIGTSTP");
    // The system does not stop a program that nothing could wake: it goes on at once.
    this.#stopping = setTimeout(() => this.#resume(), STOP_MS);
  }

  #resume(): void {
    clearTimeout(this.#stopping);
    if (this.#closed) return;
    // In two steps: the other program may have changed the mode.
    process.stdin.setRawMode(false);
    process.stdin.setRawMode(this.#editing);
    this.#screen.restart(false);
  }

  #giveBack(): void {
    if (this.#screen.gone) return;
    this.#stopReading();
    if (!this.#screen.left) this.#screen.abandon();
  }

  #stopReading(): void {
    process.stdin.pause();
    process.stdin.setRawMode(false);
  }

  #receive(run: Uint8Array): void {
    const harmless = this.#colours.harmless(run);
    // What was passed on by force, or ends with the connection, gets a row of its own.
    const lines = harmless.endsWith("\n") ? harmless : `${harmless}\n`;
    this.#completion.see(lines);
    const { text, isMention } = this.#transcript.received(lines);
    if (isMention && this.#rings) this.#screen.ring();
    this.#screen.add(text);
  }

  #remark(remark: string): void {
    this.#add(`${this.#colours.dim(this.#colours.harmless(remark))}\n`);
  }

  #add(lines: string): void {
    this.#screen.add(this.#transcript.add(lines));
  }

  #below(): Below {
    const above = this.#allWaiting();
    if (this.#activity) above.push(this.#colours.dim(this.#activity));
    if (!this.#editing) return { above, before: "", after: "" };
    const { line, cursor } = this.#typing.edited;
    const { question } = this.#typing;
    const prompt = question === undefined ? this.#prompt : this.#colours.harmless(question);
    const start = NEAR_LENGTH * Math.max(0, Math.floor(cursor / NEAR_LENGTH) - 1);
    const before = this.#colours.harmless(line.slice(start, cursor));
    const after = this.#colours.harmless(line.slice(cursor, cursor + NEAR_LENGTH));
    return { above, before: (start > 0 ? "…" : prompt) + before, after };
  }

  /** The lines that were entered and not sent, the last of them if there are many. */
  #allWaiting(): string[] {
    const { count } = this.#outbox;
    if (count === 0) return [];
    const full = this.#outbox.isFull ? "; no more is taken until then" : "";
    const hint = this.#editing ? full : "; Ctrl-C to quit without sending";
    const summary = `${linesAre(count, "waiting", "waiting")} to be sent${hint}`;
    const last = this.#outbox.last(WAITING_SHOWN).map((line) => this.#waiting(line));
    return [this.#colours.dim(summary), ...last];
  }

  #waiting(line: string, mark = ""): string {
    const near = line.length > NEAR_LENGTH ? `${line.slice(0, NEAR_LENGTH)}…` : line;
    return this.#colours.dim(this.#prompted(near) + mark);
  }

  #prompted(line: string): string {
    return this.#prompt + this.#colours.harmless(line);
  }
}

function linesAre(count: number, one: string, many: string): string {
  return count === 1 ? `1 line ${one}` : `${count} lines ${many}`;
}
