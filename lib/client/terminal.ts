/**
 * This end of the conversation as a person has it. A line that is entered waits below until it has
 * gone out, then stands among what was said; whoever leaves earlier is told what was not sent.
 */

import { LF } from "../room/line-buffer.ts";
import { Colours } from "./colour.ts";
import { type Command, HELP } from "./commands.ts";
import { Completion } from "./completion.ts";
import { History } from "./history.ts";
import type { Input } from "./keyboard.ts";
import type { LocalEnd, Notes } from "./local-end.ts";
import type { Bell } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { RawInput } from "./raw-input.ts";
import { Replay } from "./replay.ts";
import { type Below, Screen } from "./screen.ts";
import { Transcript, type TranscriptOptions } from "./transcript.ts";
import { Typing } from "./typing.ts";
import { WholeLines } from "./whole-lines.ts";

const HINT = "; /quit leaves, /help helps";
const HISTORY_START = "what was said before, perhaps shown already:";
const WAITING_SHOWN = 3;
/** A long line is laid out only near the cursor, and starts where it does for a while. */
const NEAR_LENGTH = 8192;
/** How soon after SIGTSTP this program stands still, if anything can wake it. */
const STOP_MS = 50;

/** How a person wants it. */
export interface TerminalOptions extends TranscriptOptions {
  bell: Bell;
  history: History;
}

/** A terminal that takes part in a conversation. Opened once, at most. */
export class Terminal implements LocalEnd, Notes {
  readonly #colours = new Colours(1);
  readonly #screen = new Screen(() => this.#below());
  readonly #input = new RawInput((inputs) => this.#takeAll(inputs));
  readonly #heard = new WholeLines();
  readonly #replay = new Replay((history, lines) => this.#heardLines(history, lines));
  readonly #outbox = new Outbox((line) => this.#sent(line));
  readonly said = this.#outbox.taken();
  readonly #prompt: string;
  readonly #options: TerminalOptions;
  readonly #transcript: Transcript;
  readonly #completion: Completion;
  readonly #typing: Typing;
  #hinted = false;
  #hasHeard = false;
  #activity = "";
  #editing = true;
  #stopping: Timer | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: TerminalOptions) {
    const { name, history } = options;
    this.#prompt = name ? this.#colours.bySpeaker(`${name}: `) : this.#colours.dim("> ");
    this.#options = options;
    this.#transcript = new Transcript(this.#colours, options);
    this.#completion = new Completion(name);
    const events = {
      say: (line: string) => this.#outbox.add(line),
      obey: (command: Command) => this.#obey(command),
      endInput: () => this.#endInput(),
      press: (key: string) => this.#press(key),
    };
    this.#typing = new Typing(events, history, this.#completion);

    process.stdin.on("end", () => this.#endInput());
    process.on("SIGCONT", () => this.#resume());
    const hungUp = () => {
      this.#screen.gone = true;
      this.#endInput();
    };
    for (const side of [process.stdin, process.stdout]) side.on("error", hungUp);
    // However the program ends, the terminal is as it was.
    process.on("exit", () => this.#giveBack());
    this.#screen.paintSoon();
  }

  show(bytes: Uint8Array): Promise<boolean> {
    const run = this.#heard.push(bytes);
    if (run !== undefined) this.#hear(run);
    return this.#screen.shown();
  }

  /** What comes first may be history, and shown already, if anything was. */
  connected(): void {
    if (this.#hasHeard) this.#replay.begin();
  }

  /** The first time that it is connected, it also says how to leave. */
  note(event: string): void {
    const isConnected = event.startsWith("connected to ");
    this.#remark(isConnected && !this.#hinted ? event + HINT : event);
    this.#hinted ||= isConnected;
  }

  status(activity: string): void {
    this.#activity = activity;
    this.#screen.paintSoon();
  }

  /** Shows everything, says what was not sent, and gives the terminal back. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    const rest = this.#heard.end();
    if (rest !== undefined) this.#hear(rest);
    this.#replay.release();
    const { line } = this.#typing;
    const unsent = [...this.#outbox.last(WAITING_SHOWN), ...(line === "" ? [] : [line])];
    for (const one of unsent) this.#add(`${this.#asWaiting(one, " (not sent)")}\n`);
    const { count } = this.#outbox;
    if (count > 0) this.#remark(`${linesAre(count, "was", "were")} not sent`);
    this.#editing = false;
    this.#options.history.close();
    await this.#screen.leave();
    this.#giveBack();
  }

  #takeAll(inputs: Input[]): void {
    for (const input of inputs) if (this.#editing) this.#take(input);
    this.#screen.paintSoon();
  }

  #take(input: Input): void {
    const isOrder = "key" in input && !/^[\r\n]/.test(input.key);
    if (isOrder || !this.#outbox.isFull) this.#typing.take(input);
    else this.#screen.ring();
  }

  /** Does what a key does that does not edit. */
  #press(key: string): void {
    if (key === "\x03") process.kill(process.pid, "SIGINT");
    else if (key === "\x0c") this.#screen.restart(true);
    else if (key === "\x1a") void this.#suspend();
  }

  #obey(command: Command): void {
    if (command === "quit") this.#endInput();
    else if (command === "help") this.#screen.add(HELP);
    else {
      this.#transcript.showsTime = !this.#transcript.showsTime;
      this.#remark(`times are ${this.#transcript.showsTime ? "shown" : "no longer shown"}`);
    }
  }

  /** No more will be said here; or nobody is here any more. */
  #endInput(): void {
    if (!this.#editing) return;
    this.#editing = false;
    this.#outbox.end();
    if (!this.#screen.gone) this.#input.close();
    this.#screen.paintSoon();
  }

  /** Ctrl-Z was pressed: does what the terminal itself does when it is not in raw mode. */
  async #suspend(): Promise<void> {
    await this.#screen.leave();
    this.#input.lend();
    process.kill(0, "SIGTSTP");
    // The system does not stop a program that nothing could wake: it goes on at once.
    this.#stopping = setTimeout(() => this.#resume(), STOP_MS);
  }

  #resume(): void {
    clearTimeout(this.#stopping);
    if (this.#closed) return;
    if (this.#editing) this.#input.reopen();
    this.#screen.restart(false);
  }

  #giveBack(): void {
    if (this.#screen.gone) return;
    this.#input.close();
    if (!this.#screen.left) this.#screen.abandon();
  }

  #hear(run: Uint8Array): void {
    this.#hasHeard = true;
    const harmless = this.#colours.harmless(run);
    // What was passed on by force, or ends with the connection, gets a row of its own.
    this.#replay.heard(run.at(-1) === LF ? harmless : `${harmless}\n`);
  }

  /** History is dim, between two marks: some of it was perhaps shown before. */
  #heardLines(history: string, lines: string): void {
    if (history !== "") {
      this.#remark(HISTORY_START);
      this.#add(history.replace(/.+/g, (line) => this.#colours.dim(line)));
    }
    if (lines === "") return;
    this.#completion.see(lines);
    const { text, called } = this.#transcript.heard(lines);
    const { bell } = this.#options;
    if (bell === "all" || (bell === "name" && called)) this.#screen.ring();
    this.#screen.add(text);
  }

  #sent(line: string): void {
    this.#add(`${this.#prompt}${this.#colours.harmless(line)}\n`);
  }

  #remark(remark: string): void {
    this.#add(`${this.#colours.dim(this.#colours.harmless(remark))}\n`);
  }

  #add(lines: string): void {
    this.#screen.add(this.#transcript.add(lines));
  }

  #below(): Below {
    const above = this.#waiting();
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
  #waiting(): string[] {
    const { count } = this.#outbox;
    if (count === 0) return [];
    const more = this.#outbox.isFull ? "; no more is taken until then" : "";
    const leave = this.#editing ? "" : "; Ctrl-C leaves without";
    const summary = `${linesAre(count, "waits", "wait")} to be sent${leave || more}`;
    const last = this.#outbox.last(WAITING_SHOWN).map((line) => this.#asWaiting(line));
    return [this.#colours.dim(summary), ...last];
  }

  #asWaiting(line: string, mark = ""): string {
    const near = line.length > NEAR_LENGTH ? `${line.slice(0, NEAR_LENGTH)}…` : line;
    return this.#colours.dim(`${this.#prompt}${this.#colours.harmless(near)}${mark}`);
  }
}

function linesAre(count: number, one: string, many: string): string {
  return count === 1 ? `1 line ${one}` : `${count} lines ${many}`;
}
