/**
 * The local side of the conversation as a person has it. A line that is entered waits below until it
 * has gone out, then stands among those received; what was not sent is told at the end.
 */

import type { LocalSide, Notes } from "../client/pipe.ts";
import { isName } from "../program/names.ts";
import { People } from "../program/room-view.ts";
import { type Input, Keyboard } from "./keyboard.ts";
import { type LineOptions, Received } from "./received.ts";
import type { Edited } from "./rows.ts";
import { Screen } from "./screen.ts";
import { dim, harmless, promptOf } from "./transcript.ts";
import { HELP, Typing } from "./typing.ts";

/** So many of the lines that wait are shown, the last ones, and so much of each. */
const WAITING_MAX = 3;
const WAITING_LENGTH = 200;
/** A long line is laid out only near the cursor, and starts where it does for a while. */
const NEAR_LENGTH = 8192;
/** So many lines that have gone out may be told to be lost. */
const SENT_MAX = 100;

/** How a person takes part. */
export interface TerminalOptions extends LineOptions {
  /** By default the login name; or empty. */
  name?: string | undefined;
  /** Whether the terminal can do no more than print line after line. */
  isDumb?: boolean;
}

/** A terminal that takes part in a conversation. Opened once, at most. */
export class Terminal implements LocalSide, Notes {
  /** The name of the user, or empty. */
  readonly name: string;
  readonly #isDumb: boolean;
  readonly #received: Received;
  readonly #typing: Typing;
  readonly #screen: Screen;
  /** Lines that were entered and have not gone out; the first may be on its way. */
  readonly #waiting: string[] = [];
  #wakeSender = () => {};
  /** When the last lines have gone out. */
  #sentAtMs: number[] = [];
  #hint = "; /quit to leave, /help for help";
  #activity = "";
  /** Ends what goes on, if that is a wait. */
  #skip: (() => void) | undefined;
  /** Whether more can be entered. */
  #isOpen = true;
  #closed: Promise<void> | undefined;
  readonly lines = this.#send();

  constructor(options: TerminalOptions) {
    const { name = loginName(), isDumb = false } = options;
    this.name = name;
    this.#isDumb = isDumb;
    if (isDumb && name) this.#hint = `; you are ${name}${this.#hint}`;
    const people = new People(name);
    const screen = (this.#screen = new Screen(() => this.#below(), isDumb));
    this.#received = new Received(people, options, (lines) => screen.add(lines));
    const quit = () => this.#endInput();
    this.#typing = new Typing({
      send: (line) => this.#enter(line),
      commands: new Map([
        ...["/quit", "/q", "/exit", "\x04"].map((typed) => [typed, quit] as const),
        ["/help", () => screen.add(HELP)],
        ["/time", () => this.#received.switchTimes()],
        ["/who", () => this.#received.remark(() => people.list)],
        ["", () => this.#skip?.()],
        ["\x03", interrupt],
      ]),
      complete: (before) => people.complete(before),
    });

    const keyboard = new Keyboard((input) => this.#take(input));
    const take = (chunk: string) => (isDumb ? this.#takeLines(chunk) : keyboard.push(chunk));
    process.stdin.setEncoding("utf8").on("data", take);
    for (const event of ["end", "error"]) process.stdin.on(event, quit);
    process.on("SIGCONT", () => this.#closed || screen.restart());
  }

  /** @param lines whole ones, as a conversation that outlives its connections has them */
  show(lines: Uint8Array): Promise<boolean> {
    this.#received.receive(lines);
    return this.#screen.shown();
  }

  /** The first note also says how to leave. */
  note(event: string): void {
    this.#received.remark(harmless(event + this.#hint));
    this.#hint = "";
  }

  status(activity: string, skip?: () => void): void {
    this.#activity = activity + (skip ? "; Enter to try now" : "");
    this.#skip = skip;
    this.#screen.paintSoon();
  }

  joined(isReceiving: boolean): void {
    this.#received.joined(isReceiving);
  }

  lost(sinceMs: number): void {
    const { length } = this.#sentAtMs.filter((atMs) => performance.now() - atMs < sinceMs);
    this.#sentAtMs = [];
    const [lines, them] = length === 1 ? ["line", "it"] : [countOf(length), "them"];
    if (length > 0)
      this.#received.remark(`the last ${lines} you sent may be lost; Up brings ${them} back`);
  }

  /** Shows everything, tells what was not sent, and gives the terminal back. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  #close(): Promise<void> {
    this.#received.flush();
    const { before, after } = this.#typing.question?.line ?? this.#typing.line;
    for (const line of [...this.#waiting.slice(-WAITING_MAX), before + after])
      if (line) this.#received.remark(`${Bun.stripANSI(promptOf(this.name))}${line} (not sent)`);
    const { length } = this.#waiting;
    if (length > 0) this.#received.remark(`${countOf(length)} not sent`);
    this.#isOpen = false;
    return this.#screen.leave();
  }

  #take(input: Input): void {
    if (input.key === "\x0c") this.#screen.restart("\x1b[H\x1b[2J");
    else if (input.key === "\x1a") void this.#screen.suspend();
    else if (this.#isOpen) this.#typing.take(input);
    else if (input.key === "\x03") interrupt();
    this.#screen.paintSoon();
  }

  /** Takes what a terminal sends that edits lines itself. */
  #takeLines(chunk: string): void {
    for (const part of chunk.split(/(\n)/)) {
      const isEnter = part === "\n";
      this.#take(isEnter ? { key: "\r" } : { text: harmless(part) });
      if (isEnter && this.#typing.question) this.#screen.add(`${this.#typing.question.text}\n`);
      else if (isEnter) this.#take({ key: "\x15" }); // After a No, nobody would see what is left.
    }
  }

  #enter(line: string): void {
    this.#waiting.push(line);
    this.#wakeSender();
    this.#skip?.();
  }

  /** No more is entered here, or the terminal has gone. */
  #endInput(): void {
    this.#isOpen = false;
    this.#wakeSender();
    this.#screen.paintSoon();
  }

  /** Lines that wait, one after the other; one has gone out when the next one is asked for. */
  async *#send(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const [line] = this.#waiting;
      if (line !== undefined) {
        yield Buffer.from(`${line}\n`);
        this.#waiting.shift();
        this.#sentAtMs = [...this.#sentAtMs.slice(1 - SENT_MAX), performance.now()];
        // A dumb terminal has shown it as it was typed.
        this.#received.sent(line, !this.#isDumb);
      } else if (!this.#isOpen) return;
      else await new Promise<void>((resolve) => (this.#wakeSender = resolve));
    }
  }

  /** What waits and what goes on, dim, then the line or the answer that is being typed. */
  #below(): Edited {
    const { length } = this.#waiting;
    const last = this.#waiting.slice(-WAITING_MAX);
    const ownPrompt = promptOf(this.name);
    const rows = last.map((line) => ownPrompt + line.slice(0, WAITING_LENGTH));
    const hint = this.#isOpen ? "" : "; Ctrl-C to quit without sending";
    if (length > 0) rows.unshift(`${countOf(length)} waiting to be sent${hint}`);
    else if (!this.#isOpen) rows.push("waiting for the server; Ctrl-C to quit now");
    if (this.#activity) rows.push(this.#activity);
    const above = rows.map((row) => `${dim(row)}\n`).join("");
    if (!this.#isOpen) return { before: above, after: "" };
    const { question, line } = this.#typing;
    const { before, after } = line;
    const start = NEAR_LENGTH * Math.max(0, Math.floor(before.length / NEAR_LENGTH) - 1);
    const prompt = start > 0 ? "…" : (question?.text ?? ownPrompt);
    return { before: above + prompt + before.slice(start), after: after.slice(0, NEAR_LENGTH) };
  }
}

const countOf = (count: number) => (count === 1 ? "1 line" : `${count} lines`);
const interrupt = () => process.kill(process.pid, "SIGINT");

/** The login name; empty when there is none that `--name` takes. */
function loginName(): string {
  const { USER, LOGNAME, USERNAME } = process.env;
  // By id(1); `os.userInfo` of Bun knows no more than `$USER`.
  const byId = () => `${Bun.spawnSync(["sh", "-c", "id -un"], { stderr: "ignore" }).stdout}`.trim();
  const name = USER || LOGNAME || USERNAME || byId();
  return isName(name) ? name : "";
}
