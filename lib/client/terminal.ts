/**
 * This end of the conversation as a person has it: what is said scrolls by above,
 * what is being typed stays below.
 *
 * `node:readline` edits and remembers; it writes to a stream that shows nothing.
 * The screen is painted here, from its `line` and `cursor`, once a frame and in
 * one write: take the prompt away, add what was said, put the prompt back. So a
 * paste, a flood, a resized window and a wrapped line are all the same case.
 */

import { fstatSync } from "node:fs";
import { createInterface, type Interface, type Key } from "node:readline";
import { Writable } from "node:stream";

import { type Colours, colourSpeakers, openColours, takesColours } from "./colour.ts";
import type { LocalEnd, Notes } from "./local-end.ts";
import { sanitise } from "./sanitise.ts";
import { WholeLines } from "./whole-lines.ts";
import { type Row, wrap } from "./wrap.ts";

/** How a terminal takes part. */
export interface TerminalOptions {
  /** Put before each line said, and shown as the prompt; empty for none. */
  prefix: string;
  /** Where the client speaks of itself, should stderr be something else than this terminal. */
  notes: Notes;
  /** Whether it speaks of itself at all. */
  quiet: boolean;
}

/** What is heard is shown at most once in this time; what is typed, at once. */
const FRAME_MS = 16;
/** The most characters of what is heard to show at once, so that typing never waits for long. */
const FRAME_CHARACTERS = 16 << 10;
/** Typing is not read on while so many bytes wait to be sent. */
const UNSENT_BYTES_MAX = 1 << 20;
const HISTORY_LINES = 1000;

/** Where the last frame has left the cursor, to find the way back to its first row. */
interface Painted {
  columns: number;
  /** The width of each row below what was said. */
  widths: number[];
  cursorRow: number;
  cursorColumn: number;
}

/** Whether there is a person on both sides of this program, at a terminal that can be painted. */
export function isTerminal(): boolean {
  const { isTTY } = process.stdout;
  return process.stdin.isTTY && isTTY && process.env["TERM"] !== "dumb";
}

/** A terminal that takes part in a conversation. Opened once, at most. */
export class Terminal implements LocalEnd {
  readonly #options: TerminalOptions;
  readonly #colours: Colours = openColours(takesColours(process.stdout));
  readonly #notesElsewhere: boolean;
  readonly #readline: Interface;
  readonly #prompt: string;

  /** What is to be shown above the prompt, in pieces of whole lines. */
  #unshown: string[] = [];
  readonly #heard = new WholeLines();
  #onShown: (() => void)[] = [];
  #activity: string | undefined;
  #editing = true;
  /** Whether its window was closed, or the like. */
  #gone = false;
  #painted: Painted | undefined;
  #paintedAtMs = 0;
  #clearScreen = false;
  #frame: { due: "soon" | "at once"; cancel: () => void } | undefined;

  #unsent: Buffer[] = [];
  #unsentBytes = 0;
  #onTyped: (() => void) | undefined;

  constructor(options: TerminalOptions) {
    this.#options = options;
    this.#notesElsewhere = !isSameTerminal(1, 2);
    this.#prompt = options.prefix
      ? colourSpeakers(options.prefix, this.#colours)
      : this.#colours.dim("> ");

    const unseen = new Writable({
      write: (_chunk, _encoding, done) => {
        this.#paintSoon("at once");
        done();
      },
    });
    this.#readline = createInterface({
      input: process.stdin,
      output: unseen,
      terminal: true,
      historySize: HISTORY_LINES,
    });
    this.#readline.on("line", (line) => this.#say(line));
    this.#readline.on("close", () => this.#endInput());
    this.#readline.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
    this.#readline.on("SIGTSTP", () => this.#suspend());
    for (const side of [process.stdin, process.stdout, this.#readline])
      side.on("error", () => this.#hangUp());
    process.stdin.on("keypress", (_text: string, key: Key | undefined) => {
      if (key?.ctrl && key.name === "l") this.#clearScreen = true;
    });
    process.stdout.on("resize", () => this.#paintSoon("at once"));
    process.on("SIGCONT", () => this.#resume());
    // However the program ends, the terminal is as it was.
    process.on("exit", () => this.#readline.close());
    this.#paintSoon("at once");
  }

  async *said(): AsyncIterable<Uint8Array> {
    for (;;) {
      const lines = Buffer.concat(this.#unsent);
      if (lines.length > 0) {
        this.#unsent = [];
        yield lines;
        this.#unsentBytes -= lines.length;
        if (this.#editing) this.#readline.resume();
      } else if (this.#editing) await new Promise<void>((resolve) => (this.#onTyped = resolve));
      else return;
    }
  }

  show(bytes: Uint8Array): Promise<boolean> {
    if (this.#gone) return Promise.resolve(false);
    const run = this.#heard.push(bytes);
    if (run === undefined) return Promise.resolve(true);
    this.#add(this.#harmless(run));
    return new Promise((resolve) => this.#onShown.push(() => resolve(!this.#gone)));
  }

  note(event: string): void {
    if (this.#options.quiet) return;
    if (this.#notesElsewhere) this.#options.notes.note(event);
    else this.#add(`${this.#colours.dim(sanitise(event))}\n`);
  }

  status(activity: string | undefined): void {
    if (this.#options.quiet || this.#notesElsewhere || activity === this.#activity) return;
    this.#activity = activity;
    this.#paintSoon("at once");
  }

  /** Shows everything, leaves a half-typed line where it is, and gives the terminal back. */
  close(): Promise<void> {
    const rest = this.#heard.end();
    if (rest !== undefined) this.#add(`${this.#harmless(rest)}\n`);
    this.#activity = undefined;
    const { line } = this.#readline;
    if (this.#editing && line !== "") this.#add(this.#asSaid(line));
    this.#readline.close();
    this.#frame?.cancel();
    this.#unshown = [this.#unshown.join("")];
    return new Promise((resolve) => this.#paint(resolve));
  }

  /** Enter was pressed. */
  #say(line: string): void {
    this.#add(this.#asSaid(line));
    const bytes = Buffer.from(`${this.#options.prefix}${line}\n`);
    this.#unsent.push(bytes);
    this.#unsentBytes += bytes.length;
    if (this.#unsentBytes > UNSENT_BYTES_MAX) this.#readline.pause();
    this.#typed();
  }

  /** There is no terminal any more; nothing can be shown, and nothing set right. */
  #hangUp(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#unshown = [];
    this.#shown();
    this.#endInput();
  }

  /** Ctrl-D was pressed on an empty line, or the terminal has gone. */
  #endInput(): void {
    this.#editing = false;
    this.#paintSoon("at once");
    this.#typed();
  }

  #typed(): void {
    this.#onTyped?.();
    this.#onTyped = undefined;
  }

  /** Ctrl-Z was pressed: does what the terminal itself does when it is not in raw mode. */
  #suspend(): void {
    this.#leavePrompt();
    process.stdin.setRawMode(false);
    process.kill(0, "SIGTSTP");
  }

  /** Takes the terminal back, which the shell may have changed meanwhile. */
  #resume(): void {
    if (!this.#editing) return;
    process.stdin.setRawMode(false);
    process.stdin.setRawMode(true);
    this.#painted = undefined;
    this.#paintSoon("at once");
  }

  /** Moves the cursor below the prompt, for somebody else to go on there. */
  #leavePrompt(): void {
    this.#frame?.cancel();
    this.#frame = undefined;
    const { line } = this.#readline;
    const last = line === "" ? "" : this.#asSaid(line).replace("\n", "\r\n");
    process.stdout.write(this.#wayBack(screenSize().columns) + last);
    this.#painted = undefined;
  }

  #asSaid(line: string): string {
    return `${this.#prompt}${sanitise(line, this.#colours.mark)}\n`;
  }

  #harmless(run: Uint8Array): string {
    return colourSpeakers(sanitise(run, this.#colours.mark), this.#colours);
  }

  /** Adds whole lines to what is to be shown. */
  #add(lines: string): void {
    for (let start = 0; start < lines.length;) {
      const last = lines.lastIndexOf("\n", start + FRAME_CHARACTERS);
      const end = last < start ? lines.indexOf("\n", start) + 1 || lines.length : last + 1;
      this.#unshown.push(lines.slice(start, end));
      start = end;
    }
    this.#paintSoon("soon");
  }

  #paintSoon(due: "soon" | "at once"): void {
    if (this.#frame?.due === "at once" || this.#frame?.due === due) return;
    this.#frame?.cancel();
    const paint = () => {
      this.#frame = undefined;
      this.#paint(() => {
        if (this.#unshown.length > 0) return this.#paintSoon("at once");
        this.#shown();
      });
    };
    const waitMs = due === "soon" ? this.#paintedAtMs + FRAME_MS - performance.now() : 0;
    if (waitMs <= 0) {
      const immediate = setImmediate(paint);
      this.#frame = { due: "at once", cancel: () => clearImmediate(immediate) };
    } else {
      const timer = setTimeout(paint, waitMs);
      this.#frame = { due, cancel: () => clearTimeout(timer) };
    }
  }

  #shown(): void {
    for (const shown of this.#onShown.splice(0)) shown();
  }

  /** Paints one frame; tells when the terminal has it. */
  #paint(onPainted: () => void): void {
    if (this.#gone) return onPainted();
    const { columns, rows } = screenSize();
    let frame = this.#wayBack(columns);
    if (this.#clearScreen) frame = "\x1b[H\x1b[2J";
    this.#clearScreen = false;
    frame += (this.#unshown.shift() ?? "").replaceAll("\n", "\r\n");

    const status = this.#activity === undefined ? [] : wrap(this.#activity, columns).slice(0, 1);
    const prompt = this.#promptRows(columns, Math.max(1, rows - 1 - status.length));
    frame += status.map((row) => `${this.#colours.dim(row.text)}\r\n`).join("");
    frame += `${prompt.rows.map((row) => row.text).join("\r\n")}\x1b[m`;
    // Writing the cursor's row again up to the cursor puts it where this terminal has that character.
    const down = prompt.rows.length - 1 - prompt.cursorRow;
    frame += `${down > 0 ? `\x1b[${down}A` : ""}\r${prompt.beforeCursor.text}`;

    this.#painted = {
      columns,
      widths: [...status, ...prompt.rows].map((row) => row.width),
      cursorRow: status.length + prompt.cursorRow,
      cursorColumn: prompt.beforeCursor.width,
    };
    this.#paintedAtMs = performance.now();
    process.stdout.write(frame, () => onPainted());
  }

  /** Moves to the first row that the last frame has painted below what was said, and erases from there. */
  #wayBack(columns: number): string {
    // What was typed before the program was there is still on this row; it is in `line` as well.
    if (this.#painted === undefined) return "\r\x1b[K";
    const { widths, cursorRow, cursorColumn } = this.#painted;
    // Terminals break rows again when they get narrower.
    const rowsOf = (width: number) => Math.max(1, Math.ceil(width / columns));
    const sum = (total: number, width: number) => total + rowsOf(width);
    const up = widths.slice(0, cursorRow).reduce(sum, rowsOf(cursorColumn) - 1);
    const several = widths.reduce(sum, 0) > 1;
    // Erased in two steps: some terminals keep a screen that is erased from its first column on as history.
    return `\r${up > 0 ? `\x1b[${up}A` : ""}\x1b[K${several ? "\x1b[B\x1b[J\x1b[A" : ""}`;
  }

  /** The prompt with what is being typed, or the rows around the cursor if it fills the screen. */
  #promptRows(
    columns: number,
    rowsMax: number,
  ): { rows: Row[]; cursorRow: number; beforeCursor: Row } {
    if (!this.#editing) {
      const nothing = { text: "", width: 0 };
      return { rows: [nothing], cursorRow: 0, beforeCursor: nothing };
    }
    const { line, cursor } = this.#readline;
    const before = this.#prompt + sanitise(line.slice(0, cursor), this.#colours.mark);
    const after = sanitise(line.slice(cursor), this.#colours.mark);
    const rows = wrap(before + after, columns);
    const rowsBefore = wrap(before, columns);
    let beforeCursor = rowsBefore.at(-1) ?? { text: "", width: 0 };
    let cursorRow = rowsBefore.length - 1;
    // Behind a full row the cursor stands at the start of the next.
    if (beforeCursor.width >= columns) {
      beforeCursor = { text: "", width: 0 };
      cursorRow++;
      if (cursorRow === rows.length) rows.push(beforeCursor);
    }
    const first = Math.max(0, Math.min(cursorRow - Math.floor(rowsMax / 2), rows.length - rowsMax));
    return {
      rows: rows.slice(first, first + rowsMax),
      cursorRow: cursorRow - first,
      beforeCursor,
    };
  }
}

/** Asked anew for each frame: the event that tells of a change comes late. */
function screenSize(): { columns: number; rows: number } {
  const [columns, rows] = process.stdout.getWindowSize();
  return { columns: columns || 80, rows: rows || 24 };
}

function isSameTerminal(one: number, other: number): boolean {
  try {
    return process.stderr.isTTY && fstatSync(one).rdev === fstatSync(other).rdev;
  } catch {
    return false;
  }
}
