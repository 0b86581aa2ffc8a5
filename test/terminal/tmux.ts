/** A real terminal for the tests: tmux, driven by keys and read by its screen. */

import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { atEnd, ROOT } from "../harness.ts";
import { Watched } from "../harness/watched.ts";

/** How a terminal starts. */
export interface TmuxOptions {
  /** What runs in it, for the shell, in the folder of the project. */
  command: string;
  columns?: number;
  rows?: number;
}

let count = 0;

/** One terminal on a tmux server of its own, which takes commands and tells of what is written. */
export class Tmux {
  readonly #socket = join(tmpdir(), `linechat-test-${process.pid}-${++count}.tmux`);
  readonly #changes = new Watched();
  readonly #tmux: Bun.Subprocess<"pipe", "pipe", "inherit">;
  /** What waits for the answers to the commands that were given. */
  readonly #asked: ((answer: string[], isError: boolean) => void)[] = [];
  /** What programs have written since `output` was called, a byte to a character. */
  #output = "";
  #changeCount = 0;

  static async start(options: TmuxOptions): Promise<Tmux> {
    const { command, columns = 40, rows = 12 } = options;
    const size = ["-x", `${columns}`, "-y", `${rows}`];
    const tmux = new Tmux([
      ...["set", "-g", "status", "off", ";", "set", "-g", "history-limit", "20000", ";"],
      ...["set", "-g", "escape-time", "0", ";", "new-session", ...size, "-c", ROOT, command, ";"],
      ...["set", "-g", "window-size", "manual", ";", "set", "-g", "destroy-unattached", "on"],
    ]);
    atEnd(() => tmux.end());
    await tmux.#changes.until("a terminal", () => tmux.#changeCount > 0);
    return tmux;
  }

  constructor(words: readonly string[]) {
    const { TMUX: _, NO_COLOR: __, ...own } = process.env;
    const env = { ...own, LANG: "C.UTF-8", LC_ALL: "C.UTF-8", SHELL: "/bin/sh", TERM: "xterm" };
    this.#tmux = Bun.spawn(["tmux", "-u", "-S", this.#socket, "-f", "/dev/null", "-C", ...words], {
      env,
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    void this.#follow();
  }

  /** Presses keys by their names: `Enter`, `Left`, `C-a`. */
  async press(...keys: string[]): Promise<void> {
    await this.#run("send-keys", ...keys);
  }

  async type(text: string): Promise<void> {
    await this.#run("send-keys", "-l", "--", text);
  }

  /** Types lines, each with Enter. */
  async enter(...lines: string[]): Promise<void> {
    for (const line of lines) {
      await this.type(line);
      await this.press("Enter");
    }
  }

  /** Pastes as a terminal does: with CR for LF, and a start and an end if they are asked for. */
  async paste(text: string): Promise<void> {
    await this.#run("set-buffer", "--", text);
    await this.#run("paste-buffer", "-p");
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#run("resize-window", "-x", `${columns}`, "-y", `${rows}`);
  }

  /** The rows on the screen, without spaces at their ends and empty rows at the bottom. */
  async screen(...options: string[]): Promise<string[]> {
    const rows = await this.#run("capture-pane", "-p", ...options);
    const text = rows.map((row) => row.trimEnd()).join("\n");
    return text.trimEnd().split("\n");
  }

  /** The screen with its colours, as SGR sequences. */
  colouredScreen(): Promise<string[]> {
    return this.screen("-e");
  }

  /** Whether text on the screen has a style, by its number of SGR: 1 is bold, 2 is dim. */
  async hasStyle(text: string, style: number): Promise<boolean> {
    const pattern = `\\x1b\\[(?:0;)?${style}m(?:(?!\\x1b\\[0)[^])*${RegExp.escape(text)}`;
    return new RegExp(pattern).test((await this.colouredScreen()).join("\n"));
  }

  /** All lines since the start, those that were wrapped in one piece. */
  history(): Promise<string[]> {
    return this.screen("-J", "-S", "-");
  }

  /** From now on, what the programs write to this terminal; given again and again. */
  output(): () => string {
    this.#output = "";
    return () => this.#output;
  }

  /** What tmux knows of it, by its formats: `#{pane_title}`. */
  async display(format: string): Promise<string> {
    return (await this.#run("display", "-p", format)).join("");
  }

  /** Waits until the screen is this, and nothing else. */
  becomes(...rows: string[]): Promise<void> {
    return this.#until(rows.join("\n"), () => this.screen());
  }

  /** Waits until this is on the screen. */
  shows(what: string | RegExp): Promise<void> {
    const pattern = typeof what === "string" ? new RegExp(RegExp.escape(what)) : what;
    return this.#until(pattern, () => this.screen());
  }

  /** Waits until this is all there ever was, as `history` gives it. */
  historyBecomes(...all: string[]): Promise<void> {
    return this.#until(all.join("\n"), () => this.history());
  }

  /** Waits until this was written, in this order, since `output` was called. */
  outputs(...parts: string[]): Promise<void> {
    const pattern = new RegExp(parts.map((part) => RegExp.escape(part)).join("[^]*"));
    return this.#until(pattern, async () => [this.#output]);
  }

  async cursor(): Promise<{ column: number; row: number }> {
    const [column, row] = (await this.display("#{cursor_x} #{cursor_y}")).split(" ");
    return { column: Number(column), row: Number(row) };
  }

  /** Waits until the cursor is in a column, counted from 0. */
  comesToColumn(column: number): Promise<void> {
    return this.#until(`${column}`, async () => [await this.display("#{cursor_x}")]);
  }

  /** Closes it as if its window was closed. */
  async end(): Promise<void> {
    void this.#tmux.stdin.end(); // Nobody is there then: see `destroy-unattached`.
    await this.#tmux.exited;
    rmSync(this.#socket, { force: true });
  }

  /** Looks at it, and again after each change. */
  async #until(wanted: string | RegExp, look: () => Promise<string[]>): Promise<void> {
    for (;;) {
      const countBefore = this.#changeCount;
      const seen = (await look()).join("\n");
      if (typeof wanted === "string" ? seen === wanted : wanted.test(seen)) return;
      const what = `\n${wanted}\n\nthere is:\n${seen.slice(-5000)}\n`;
      await this.#changes.until(what, () => this.#changeCount > countBefore);
    }
  }

  /** Gives a command; returns the lines of its answer. */
  #run(...words: string[]): Promise<string[]> {
    const quoted = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
    void this.#tmux.stdin.write(`${quoted.join(" ")}\n`);
    void this.#tmux.stdin.flush();
    return new Promise((resolve, reject) => {
      this.#asked.push((answer, isError) => {
        if (isError) reject(new Error(`tmux ${words.join(" ")}: ${answer.join("\n")}`));
        else resolve(answer.map((row) => Buffer.from(row, "latin1").toString()));
      });
    });
  }

  /** Takes what tmux says in control mode: answers to commands, and what programs write. */
  async #follow(): Promise<void> {
    let rest = "";
    let answer: string[] | undefined;
    for await (const chunk of this.#tmux.stdout) {
      const lines = (rest + Buffer.from(chunk).toString("latin1")).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const [, mark, isOurs] = /^%(begin|end|error) \d+ \d+ (\d)$/.exec(line) ?? [];
        if (mark === "begin") answer = [];
        else if (mark && answer) {
          if (isOurs === "1") this.#asked.shift()?.(answer, mark === "error");
          answer = undefined;
        } else if (answer) answer.push(line);
        else this.#notice(line);
      }
    }
    this.#changes.end("the terminal has ended");
    for (const refuse of this.#asked.splice(0)) refuse(["it has ended"], true);
  }

  #notice(line: string): void {
    const [, written = ""] = /^%output %\d+ (.*)$/.exec(line) ?? [];
    const byteOf = (octal: string) => String.fromCharCode(Number.parseInt(octal.slice(1), 8));
    this.#output += written.replace(/\\\d{3}/g, byteOf);
    this.#changeCount++;
    this.#changes.changed();
  }
}
