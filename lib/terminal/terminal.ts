/**
 * The local side of the conversation as a person has it. A line that is entered waits below until it
 * has gone out, then stands among those received; whatever was not sent is told at the end.
 */

import type { LocalSide, Notes } from "../client/pipe.ts";
import { WholeLines } from "../client/whole-lines.ts";
import { History } from "./history.ts";
import { type Input, Keyboard } from "./keyboard.ts";
import { GREETING, loginName, People } from "./people.ts";
import type { Edited } from "./rows.ts";
import { Screen } from "./screen.ts";
import { bold, bySender, dim, harmless, inTime, mentions } from "./transcript.ts";
import { HELP, Typing } from "./typing.ts";
import { Waiting } from "./waiting.ts";

/** So much of each line that waits is shown. */
const WAITING_LENGTH = 200;
/** A long line is laid out only near the cursor, and starts where it does for a while. */
const NEAR_LENGTH = 8192;
/** However many lines ring the bell, it rings once in so long. */
const BELL_MS = 2000;
/** As long as the time before a line. */
const NO_TIME = " ".repeat("14:05 ".length);

/** How a person takes part. */
export interface TerminalOptions {
  /** By default the login name; or empty. */
  name?: string | undefined;
  /** Whether times are shown. */
  time: boolean;
  /** Which lines ring the bell. */
  bell: "name" | "none";
  /** Whether the terminal can do no more than print line after line. */
  isDumb?: boolean;
}

/** A terminal that takes part in a conversation. Opened once, at most. */
export class Terminal implements LocalSide, Notes {
  /** The name of the user, or empty. */
  readonly name: string;
  readonly #options: TerminalOptions;
  readonly #isMention: (line: string) => boolean;
  readonly #prompt: string;
  readonly #received = new WholeLines();
  readonly #keyboard = new Keyboard((input) => this.#take(input));
  readonly #people: People;
  readonly #history = new History((lines, isHistory) => this.#receive(lines, isHistory));
  readonly #typing = new Typing((line) => this.#send(line), {
    named: new Map([
      ...["quit", "q", "exit"].map((name) => [name, () => this.#endInput()] as const),
      ["help", () => this.#screen.add(HELP)],
      ["time", () => this.#switchTimes()],
      ["who", () => this.#remark(this.#people.list)],
    ]),
    empty: () => this.#skip?.(),
    interrupt: () => process.kill(process.pid, "SIGINT"),
    complete: (before) => this.#people.complete(before),
  });
  readonly #screen: Screen;
  readonly #waiting = new Waiting((line) => this.#sent(line));
  #lastTime = new Date();
  #rungAtMs = -Infinity;
  /** Whether nothing was received over this connection yet. */
  #isNew = false;
  #hint = "; /quit to leave, /help for help";
  #activity = "";
  /** Ends what goes on, if that is a wait. */
  #skip: (() => void) | undefined;
  #editing = true;
  #closed: Promise<void> | undefined;
  readonly lines = this.#waiting.bytes;

  constructor(options: TerminalOptions) {
    const { name = loginName(), isDumb = false } = options;
    this.name = name;
    this.#options = options;
    this.#people = new People(name);
    this.#isMention = mentions(name);
    this.#prompt = name ? bySender(`${name}: `) : dim("> ");
    this.#screen = new Screen(() => this.#below(), isDumb);
    if (isDumb && name) this.#hint = `; you are ${name}${this.#hint}`;

    const take = isDumb
      ? (chunk: string) => this.#takeLines(chunk)
      : (chunk: string) => this.#keyboard.push(chunk);
    process.stdin.setEncoding("utf8").on("data", take);
    for (const event of ["end", "error"]) process.stdin.on(event, () => this.#endInput());
    process.on("SIGCONT", () => this.#closed || this.#screen.restart());
  }

  show(bytes: Uint8Array): Promise<boolean> {
    this.#show(this.#received.push(bytes));
    return this.#screen.shown();
  }

  /** The first note also says how to leave. */
  note(event: string): void {
    this.#remark(event + this.#hint);
    this.#hint = "";
  }

  status(activity: string, skip?: () => void): void {
    this.#activity = activity + (skip ? "; Enter to try now" : "");
    this.#skip = skip;
    this.#screen.paintSoon();
  }

  joined(isReceiving: boolean): void {
    this.#isNew = true;
    this.#people.joined();
    if (isReceiving) this.#history.joined();
  }

  lost(sinceMs: number): void {
    const lost = this.#waiting.lost(sinceMs);
    if (lost) this.#remark(lost);
  }

  /** Shows everything, tells what was not sent, and gives the terminal back. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#show(this.#received.end());
    this.#history.flush();
    const { question, line } = this.#typing;
    const { before, after } = question?.line ?? line;
    const unsent = this.#waiting.last;
    if (before + after !== "") unsent.push(before + after);
    for (const one of unsent) this.#add(dim(`${this.#prompt}${one} (not sent)`));
    if (this.#waiting.count) this.#remark(`${this.#waiting.count} not sent`);
    this.#editing = false;
    await this.#screen.leave();
  }

  #take(input: Input): void {
    const { key } = input;
    if (key === "\x0c") this.#screen.restart("\x1b[H\x1b[2J");
    else if (key === "\x1a") void this.#screen.suspend();
    else if (this.#editing) this.#typing.take(input);
    else if (key === "\x03") process.kill(process.pid, "SIGINT");
    this.#screen.paintSoon();
  }

  /** Takes what a terminal sends that edits lines itself. */
  #takeLines(chunk: string): void {
    for (const part of chunk.split(/(\n)/)) {
      const isEnter = part === "\n";
      this.#take(isEnter ? { key: "\r" } : { text: harmless(part) });
      if (isEnter && this.#typing.question) this.#screen.add(`${this.#typing.question.text}\n`);
    }
  }

  #send(line: string): void {
    this.#waiting.add(line);
    this.#skip?.();
  }

  /** No more is entered here, or the terminal has gone. */
  #endInput(): void {
    this.#editing = false;
    this.#waiting.end();
    this.#screen.paintSoon();
  }

  #sent(line: string): void {
    // A dumb terminal has shown it as it was typed.
    const show = () => this.#options.isDumb || this.#add(this.#prompt + line);
    this.#history.sent(this.name ? `${this.name}: ${line}` : line, show);
  }

  #show(run: Uint8Array | undefined): void {
    if (run === undefined) return;
    const received = harmless(run);
    this.#people.told(received);
    // The client has sent the name by itself: what is new is who is here.
    const lines = this.#isNew && this.name ? received.replace(GREETING, "") : received;
    if (lines !== received) this.#remark(this.#people.list);
    this.#isNew = false;
    if (lines !== "") this.#history.receive(lines);
  }

  #receive(lines: string, isHistory: boolean): void {
    this.#people.see(lines, isHistory);
    let isMention = false;
    // What was passed on by force, or ends with the connection, gets a row of its own.
    const shown = lines.replace(/\n$/, "").replace(/.+/g, (line) => {
      if (!this.#isMention(line)) return bySender(line);
      isMention = true;
      return bold(bySender(line));
    });
    if (!isHistory) return this.#add((isMention ? this.#bell() : "") + shown);
    // When it was sent is not known.
    const indent = this.#options.time ? NO_TIME : "";
    this.#screen.add(`${shown.replace(/^/gm, indent)}\n`);
  }

  /** What rings the bell, unless it has rung just now. */
  #bell(): string {
    const now = performance.now();
    if (this.#options.bell === "none" || now - this.#rungAtMs < BELL_MS) return "";
    this.#rungAtMs = now;
    return "\x07";
  }

  #switchTimes(): void {
    this.#options.time = !this.#options.time;
    this.#remark(`times are ${this.#options.time ? "shown" : "no longer shown"}`);
  }

  #remark(remark: string): void {
    this.#add(dim(harmless(remark)));
  }

  #add(lines: string): void {
    const time = new Date();
    this.#screen.add(inTime(`${lines}\n`, time, this.#lastTime, this.#options.time));
    this.#lastTime = time;
  }

  /** What waits and what goes on, dim, then the line or the answer that is being typed. */
  #below(): Edited {
    const { count, last } = this.#waiting;
    const rows = last.map((line) => this.#prompt + line.slice(0, WAITING_LENGTH));
    const hint = this.#editing ? "" : "; Ctrl-C to quit without sending";
    if (count) rows.unshift(`${count} waiting to be sent${hint}`);
    else if (!this.#editing) rows.push("waiting for the server; Ctrl-C to quit now");
    if (this.#activity) rows.push(this.#activity);
    const above = rows.map((row) => `${dim(row)}\n`).join("");
    if (!this.#editing) return { before: above, after: "" };
    const { question, line } = this.#typing;
    const { before, after } = line;
    const start = NEAR_LENGTH * Math.max(0, Math.floor(before.length / NEAR_LENGTH) - 1);
    const prompt = start > 0 ? "…" : (question?.text ?? this.#prompt);
    return { before: above + prompt + before.slice(start), after: after.slice(0, NEAR_LENGTH) };
  }
}
