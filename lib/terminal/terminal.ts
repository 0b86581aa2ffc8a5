/**
 * The local side of the conversation as a person has it. A line that is entered waits below until it
 * has gone out, then stands among those received; whatever was not sent is told at the end.
 */

import type { LocalSide, Notes } from "../client/pipe.ts";
import { WholeLines } from "../client/whole-lines.ts";
import { isName } from "../program/name.ts";
import { type Input, Keyboard } from "./keyboard.ts";
import { type Edited, Screen } from "./screen.ts";
import { bold, bySender, dim, harmless, inTime, mentions } from "./transcript.ts";
import { HELP, Typing } from "./typing.ts";

/** So many of the lines that wait are shown, the last ones, and so much of each. */
const WAITING_SHOWN = 3;
const WAITING_LENGTH = 200;
/** A long line is laid out only near the cursor, and starts where it does for a while. */
const NEAR_LENGTH = 8192;

/** The name of the user, or empty; whether times are shown at first; which lines ring the bell. */
export type TerminalOptions = { name: string; time: boolean; bell: "name" | "none" };

/** A terminal that takes part in a conversation. Opened once, at most. */
export class Terminal implements LocalSide, Notes {
  readonly #options: TerminalOptions;
  readonly #isMention: (line: string) => boolean;
  readonly #prompt: string;
  readonly #received = new WholeLines();
  readonly #keyboard = new Keyboard((input) => this.#take(input));
  readonly #typing = new Typing(
    (line) => this.#send(line),
    new Map([
      ["/quit", () => this.#endInput()],
      ["/help", () => this.#screen.add(HELP)],
      ["/time", () => this.#switchTimes()],
    ]),
  );
  readonly #screen = new Screen(() => this.#below());
  /** Lines that were entered and have not gone out; the first may be on its way. */
  readonly #waiting: string[] = [];
  #wake: (() => void) | undefined;
  #lastTime = new Date();
  #hint = "; /quit to leave, /help for help";
  #activity = "";
  #editing = true;
  #closed: Promise<void> | undefined;
  readonly lines = this.#takeEntered();

  constructor(options: TerminalOptions) {
    const { name } = options;
    this.#options = options;
    this.#isMention = mentions(name);
    this.#prompt = name ? bySender(`${name}: `) : dim("> ");

    process.stdin.setEncoding("utf8").on("data", (chunk: string) => this.#keyboard.push(chunk));
    for (const event of ["end", "error"]) process.stdin.on(event, () => this.#endInput());
    process.on("SIGCONT", () => this.#closed || this.#screen.restart());
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
    const { question, line } = this.#typing;
    const { before, after } = question?.line ?? line;
    const unsent = this.#waiting.slice(-WAITING_SHOWN);
    if (before + after !== "") unsent.push(before + after);
    for (const one of unsent) this.#add(dim(`${this.#prompt}${one} (not sent)`));
    if (this.#waiting.length > 0) this.#remark(`${countOf(this.#waiting.length)} not sent`);
    this.#editing = false;
    await this.#screen.leave();
  }

  #take(input: Input): void {
    const { key } = input;
    if (key === "\x03") process.kill(process.pid, "SIGINT");
    else if (key === "\x0c") this.#screen.restart("\x1b[H\x1b[2J");
    else if (key === "\x1a") void this.#screen.suspend();
    else if (this.#editing) this.#typing.take(input);
    this.#screen.paintSoon();
  }

  #send(line: string): void {
    this.#waiting.push(line);
    this.#wake?.();
  }

  /** No more is entered here, or the terminal has gone. */
  #endInput(): void {
    this.#editing = false;
    this.#wake?.();
    this.#screen.paintSoon();
  }

  /** One line after the other, with LF; it has gone out when the next one is asked for. */
  async *#takeEntered(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const [line] = this.#waiting;
      if (line !== undefined) {
        yield Buffer.from(`${line}\n`);
        this.#waiting.shift();
        this.#add(this.#prompt + line);
      } else if (!this.#editing) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #receive(run: Uint8Array | undefined): void {
    if (run === undefined) return;
    const lines = harmless(run);
    this.#typing.names.see(lines, this.#options.name);
    let bell = "";
    // What was passed on by force, or ends with the connection, gets a row of its own.
    const shown = lines.replace(/\n$/, "").replace(/.+/g, (line) => {
      if (!this.#isMention(line)) return bySender(line);
      if (this.#options.bell === "name") bell = "\x07";
      return bold(bySender(line));
    });
    this.#add(bell + shown);
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
    const last = this.#waiting.slice(-WAITING_SHOWN);
    const rows = last.map((line) => this.#prompt + line.slice(0, WAITING_LENGTH));
    const hint = this.#editing ? "" : "; Ctrl-C to quit without sending";
    const count = this.#waiting.length;
    if (count > 0) rows.unshift(`${countOf(count)} waiting to be sent${hint}`);
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

const countOf = (count: number) => (count === 1 ? "1 line" : `${count} lines`);

/** The login name; empty when there is none that `--name` takes. */
export function loginName(): string {
  const { USER, LOGNAME, USERNAME } = process.env;
  // By id(1); `os.userInfo` of Bun knows no more than `$USER`.
  const byId = () => `${Bun.spawnSync(["sh", "-c", "id -un"], { stderr: "ignore" }).stdout}`.trim();
  const name = USER || LOGNAME || USERNAME || byId();
  return isName(name) ? name : "";
}
