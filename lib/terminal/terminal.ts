/**
 * The local side of the conversation as a person has it. A line that is entered waits below until it
 * has gone out, then stands among those received; whatever was not sent is told at the end.
 */

import type { Notes } from "../client/notes.ts";
import { type LocalSide, WholeLines } from "../client/pipe.ts";
import { type Input, Keyboard } from "./keyboard.ts";
import { mentions } from "./names.ts";
import { Outbox } from "./outbox.ts";
import { type Below, Screen } from "./screen.ts";
import { bold, bySender, dim, harmless, inTime } from "./transcript.ts";
import { type Command, HELP, Typing } from "./typing.ts";

const WAITING_SHOWN = 3;
const WAITING_MAX = 1 << 20;
/** A long line is laid out only near the cursor, and starts where it does for a while. */
const NEAR_LENGTH = 8192;
/** How soon after SIGTSTP this program stands still, if anything can wake it. */
const STOP_MS = 50;

/** The name of the user, or none if empty; whether times are shown; which lines ring the bell. */
export type TerminalOptions = { name: string; showsTime: boolean; bell: "name" | "none" };

/** A terminal that takes part in a conversation. Opened once, at most. */
export class Terminal implements LocalSide, Notes {
  readonly #screen = new Screen(() => this.#below());
  readonly #keyboard = new Keyboard((input) => this.#take(input));
  readonly #received = new WholeLines();
  readonly #outbox = new Outbox();
  readonly #typing = new Typing(
    (line) => this.#outbox.add(line),
    (command) => this.#obey(command),
  );
  readonly #options: TerminalOptions;
  readonly #isMention: (line: string) => boolean;
  readonly #prompt: string;
  #lastTime = new Date();
  #hint = "; /quit to leave, /help for help";
  #activity = "";
  #editing = true;
  #isRaw = false;
  #closed: Promise<void> | undefined;
  readonly lines = this.#outbox.taken((line) => this.#add(this.#prompted(line)));

  constructor(options: TerminalOptions) {
    const { name } = options;
    this.#options = { ...options };
    this.#isMention = mentions(name);
    this.#prompt = name ? bySender(`${name}: `) : dim("> ");

    process.stdin.setEncoding("utf8").on("data", (chunk: string) => this.#keyboard.push(chunk));
    process.stdin.on("end", () => this.#endInput());
    process.on("SIGCONT", () => this.#resume());
    const hungUp = () => {
      this.#screen.gone = true;
      this.#endInput();
    };
    for (const side of [process.stdin, process.stdout]) side.on("error", hungUp);
    // However the program ends, the terminal is as it was.
    process.on("exit", () => this.#setRaw(false));
    this.#setRaw(true);
    this.#screen.paintSoon();
  }

  show(bytes: Uint8Array): Promise<boolean> {
    this.#receive(this.#received.push(bytes));
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
    this.#receive(this.#received.end());
    const { count } = this.#outbox;
    const { line } = this.#typing.line;
    const unsent = [...this.#outbox.last(WAITING_SHOWN), ...(line === "" ? [] : [line])];
    for (const one of unsent) this.#add(dim(`${this.#prompted(one)} (not sent)`));
    if (count > 0) this.#remark(`${linesAre(count, "was", "were")} not sent`);
    this.#editing = false;
    await this.#screen.leave();
    this.#setRaw(false);
  }

  #take(input: Input): void {
    if (!this.#editing) return;
    const key = "key" in input ? input.key : undefined;
    if (key === "\x03") process.kill(process.pid, "SIGINT");
    else if (key === "\x0c") this.#screen.restart(true);
    else if (key === "\x1a") void this.#suspend();
    else if (this.#outbox.count >= WAITING_MAX) this.#screen.ring();
    else this.#typing.take(input);
    this.#screen.paintSoon();
  }

  #obey(command: Command): void {
    if (command === "quit") return this.#endInput();
    if (command === "help") return this.#screen.add(HELP);
    this.#options.showsTime = !this.#options.showsTime;
    this.#remark(`times are ${this.#options.showsTime ? "shown" : "no longer shown"}`);
  }

  /** No more is entered here, or the terminal has gone. */
  #endInput(): void {
    if (!this.#editing) return;
    this.#editing = false;
    this.#outbox.end();
    this.#setRaw(false);
    this.#screen.paintSoon();
  }

  /** Ctrl-Z was pressed: does what the terminal itself does when it is not in raw mode. */
  async #suspend(): Promise<void> {
    await this.#screen.leave();
    this.#setRaw(false);
    process.kill(0, "SIGTSTP");
    // The system does not stop a program that nothing could wake: it goes on at once.
    setTimeout(() => this.#isRaw || this.#resume(), STOP_MS);
  }

  #resume(): void {
    if (this.#closed) return;
    // In two steps: the other program may have changed the mode.
    this.#setRaw(false);
    this.#setRaw(this.#editing);
    this.#screen.restart(false);
  }

  /** Whether each key comes here at once, and pastes are marked (DECSET 2004, of xterm). */
  #setRaw(raw: boolean): void {
    if (raw === this.#isRaw || this.#screen.gone) return;
    this.#isRaw = raw;
    process.stdin.setRawMode(raw);
    process.stdin[raw ? "resume" : "pause"]();
    process.stdout.write(raw ? "\x1b[?2004h" : "\x1b[?2004l");
  }

  #receive(run: Uint8Array | undefined): void {
    if (run === undefined) return;
    const lines = harmless(run);
    this.#typing.names.see(lines, this.#options.name);
    // What was passed on by force, or ends with the connection, gets a row of its own.
    const shown = lines.replace(/\n$/, "").replace(/.+/g, (line) => {
      if (!this.#isMention(line)) return bySender(line);
      if (this.#options.bell === "name") this.#screen.ring();
      return bold(bySender(line));
    });
    this.#add(shown);
  }

  #remark(remark: string): void {
    this.#add(dim(harmless(remark)));
  }

  #add(lines: string): void {
    const time = new Date();
    this.#screen.add(inTime(`${lines}\n`, time, this.#lastTime, this.#options.showsTime));
    this.#lastTime = time;
  }

  #below(): Below {
    const above = this.#waiting();
    if (this.#activity) above.push(dim(this.#activity));
    if (!this.#editing) return { above, before: "", after: "" };
    const { question } = this.#typing;
    const { line, cursor } = question?.answer ?? this.#typing.line;
    const start = NEAR_LENGTH * Math.max(0, Math.floor(cursor / NEAR_LENGTH) - 1);
    const prompt = question ? harmless(question.text) : this.#prompt;
    const before = (start > 0 ? "…" : prompt) + harmless(line.slice(start, cursor));
    return { above, before, after: harmless(line.slice(cursor, cursor + NEAR_LENGTH)) };
  }

  #waiting(): string[] {
    const { count } = this.#outbox;
    if (count === 0) return [];
    const full = count >= WAITING_MAX ? "; no more is taken until then" : "";
    const hint = this.#editing ? full : "; Ctrl-C to quit without sending";
    const last = this.#outbox.last(WAITING_SHOWN).map((line) => line.slice(0, NEAR_LENGTH));
    const summary = `${linesAre(count, "waiting", "waiting")} to be sent${hint}`;
    return [summary, ...last.map((line) => this.#prompted(line))].map(dim);
  }

  #prompted(line: string): string {
    return this.#prompt + harmless(line);
  }
}

const linesAre = (count: number, one: string, many: string) =>
  count === 1 ? `1 line ${one}` : `${count} lines ${many}`;
