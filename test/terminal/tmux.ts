/** A real terminal for the tests: tmux, driven by keys and read by its screen. */

import { test } from "bun:test";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ROOT } from "../harness.ts";

const WAIT_MS = 10_000;
const LOOK_AGAIN_MS = 15;

const missing = Bun.which("tmux") === null;
if (missing && !process.env["CI"])
  console.warn(
    "The tests of the terminal are skipped: tmux is not installed (apt-get install tmux).",
  );

/** `test`, skipped where tmux is missing; but never where `CI` is set, where it fails instead. */
export const terminalTest = test.skipIf(missing && !process.env["CI"]);

/** How a terminal starts. */
export interface TmuxOptions {
  /** What runs in it, for the shell, in the folder of the project. */
  command: string;
  columns?: number;
  rows?: number;
}

const started = new Set<Tmux>();
let count = 0;

/** Ends all terminals that a test has started; for `afterEach`. */
export async function endTerminals(): Promise<void> {
  await Promise.all([...started].map((one) => one.end()));
}

/** One terminal on a tmux server of its own. */
export class Tmux {
  readonly #socket = `linechat-test-${process.pid}-${++count}`;
  readonly #files: string[] = [];

  static async start(options: TmuxOptions): Promise<Tmux> {
    const { command, columns = 40, rows = 12 } = options;
    const tmux = new Tmux();
    started.add(tmux);
    await tmux.#run(
      ...["start-server", ";", "set", "-g", "status", "off", ";"],
      ...["set", "-g", "history-limit", "20000", ";", "set", "-g", "escape-time", "0", ";"],
      ...["new-session", "-d", "-x", `${columns}`, "-y", `${rows}`, "-c", ROOT],
      command,
    );
    return tmux;
  }

  /** Presses keys by their names: `Enter`, `Left`, `C-a`. */
  async press(...keys: string[]): Promise<void> {
    await this.#run("send-keys", ...keys);
  }

  async type(text: string): Promise<void> {
    await this.#run("send-keys", "-l", text);
  }

  /** Types lines, each with Enter. */
  async enter(...lines: string[]): Promise<void> {
    for (const line of lines) {
      await this.type(line);
      await this.press("Enter");
    }
  }

  /** Pastes as a terminal does that knows no bracketed paste: with CR for LF. */
  pasteAsKeys(text: string): Promise<void> {
    return this.#paste(text);
  }

  /** Pastes as a terminal does: with CR for LF, and a start and an end if they are asked for. */
  paste(text: string): Promise<void> {
    return this.#paste(text, "-p");
  }

  async #paste(text: string, ...how: string[]): Promise<void> {
    const path = join(tmpdir(), `${this.#socket}.paste`);
    await Bun.write(path, text);
    await this.#run("load-buffer", path, ";", "paste-buffer", ...how);
    rmSync(path);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#run("resize-window", "-x", `${columns}`, "-y", `${rows}`);
  }

  /** The rows on the screen, without spaces at their ends and empty rows at the bottom. */
  async screen(): Promise<string[]> {
    return lines(await this.#run("capture-pane", "-p"));
  }

  /** The screen with its colours, as SGR sequences. */
  async colouredScreen(): Promise<string[]> {
    return lines(await this.#run("capture-pane", "-p", "-e"));
  }

  /** Whether text on the screen has a style, by its number of SGR: 1 is bold, 2 is dim. */
  async hasStyle(text: string, style: number): Promise<boolean> {
    const [before = "", found] = (await this.#run("capture-pane", "-p", "-e")).split(text);
    if (found === undefined) throw new Error(`${text} is not on the screen`);
    const codes = [...before.matchAll(/\x1b\[([\d;]*)m/g)].flatMap(([, all = ""]) =>
      all.split(";"),
    );
    return codes.lastIndexOf(`${style}`) > codes.lastIndexOf("0");
  }

  /** All lines since the start, those that were wrapped in one piece. */
  async history(): Promise<string[]> {
    return lines(await this.#run("capture-pane", "-p", "-J", "-S", "-"));
  }

  /** From now on, all that the programs write to this terminal, or so many bytes of its end. */
  async output(): Promise<(last?: number) => Promise<string>> {
    const path = join(tmpdir(), `${this.#socket}.output`);
    this.#files.push(path);
    await Bun.write(path, "");
    await this.#run("pipe-pane", `cat >>"${path}"`);
    return (last = Infinity) => {
      const file = Bun.file(path);
      return file.slice(Math.max(0, file.size - last)).text();
    };
  }

  /** Waits until this is in the output, in this order. */
  outputs(output: () => Promise<string>, ...parts: string[]): Promise<void> {
    return until(new RegExp(parts.map((part) => RegExp.escape(part)).join("[^]*")), output);
  }

  async title(): Promise<string> {
    return (await this.#run("display", "-p", "#{pane_title}")).trim();
  }

  /** Waits until the screen is this, and nothing else. */
  becomes(...rows: string[]): Promise<void> {
    return until(rows.join("\n"), async () => (await this.screen()).join("\n"));
  }

  /** Waits until this is on the screen. */
  shows(what: string | RegExp): Promise<void> {
    const pattern = typeof what === "string" ? new RegExp(RegExp.escape(what)) : what;
    return until(pattern, async () => (await this.screen()).join("\n"));
  }

  /** Waits until this is all there ever was, as `history` gives it. */
  historyBecomes(...all: string[]): Promise<void> {
    return until(all.join("\n"), async () => (await this.history()).join("\n"));
  }

  async cursor(): Promise<{ column: number; row: number }> {
    const [column, row] = (await this.#run("display", "-p", "#{cursor_x} #{cursor_y}")).split(" ");
    return { column: Number(column), row: Number(row) };
  }

  cursorComesTo(column: number, row: number): Promise<void> {
    return until(`${column} ${row}`, async () => Object.values(await this.cursor()).join(" "));
  }

  comesToColumn(column: number): Promise<void> {
    return until(`${column}`, async () => `${(await this.cursor()).column}`);
  }

  async end(): Promise<void> {
    if (!started.delete(this)) return;
    const path = (await this.#run("display", "-p", "#{socket_path}").catch(() => "")).trim();
    await this.#run("kill-server").catch(() => {});
    for (const file of [path, ...this.#files]) if (file) rmSync(file, { force: true });
  }

  async #run(...words: string[]): Promise<string> {
    if (missing) throw new Error("tmux is not installed (apt-get install tmux)");
    const { TMUX: _, NO_COLOR: __, ...own } = process.env;
    const tmux = Bun.spawn(["tmux", "-u", "-L", this.#socket, "-f", "/dev/null", ...words], {
      env: { ...own, LANG: "C.UTF-8", LC_ALL: "C.UTF-8", SHELL: "/bin/sh" },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [output, errors, code] = await Promise.all([
      tmux.stdout.text(),
      tmux.stderr.text(),
      tmux.exited,
    ]);
    if (code !== 0) throw new Error(`tmux ${words.join(" ")}: ${errors.trim()}`);
    return output;
  }
}

/** Looks again and again, as tmux has no way to tell that a screen has changed. */
async function until(wanted: string | RegExp, look: () => Promise<string>): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS;
  for (;;) {
    const seen = await look();
    if (typeof wanted === "string" ? seen === wanted : wanted.test(seen)) return;
    if (performance.now() > deadlineMs)
      throw new Error(`waited for:\n${wanted}\n\nthere is:\n${seen}`);
    await Bun.sleep(LOOK_AGAIN_MS);
  }
}

function lines(screen: string): string[] {
  return screen
    .replace(/\s+$/, "")
    .split("\n")
    .map((row) => row.trimEnd());
}
