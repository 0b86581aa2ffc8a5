/** Lines that were entered before, in this program and in those before it. */

import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";

const LINES_MAX = 1000;
/** A longer line is remembered, but not for ever; so many bytes are appended at once. */
const KEPT_LENGTH_MAX = 4096;

/** Where the history is kept, by the XDG Base Directory Specification. */
export function historyPath(): string {
  const { XDG_STATE_HOME = "" } = process.env;
  const state = isAbsolute(XDG_STATE_HOME) ? XDG_STATE_HOME : join(homedir(), ".local", "state");
  return join(state, "linechat", "history");
}

/** The lines, and where in them a person is who looks for one. */
export class History {
  readonly #path: string | undefined;
  readonly #secret: string | undefined;
  #lines: string[] = [];
  /** The line that is shown, counted from the end; 0 is the one that was being typed. */
  #back = 0;
  #typed = "";

  /**
   * @param path a file that is kept if that is possible; undefined for none
   * @param secret a line that is not to be kept
   */
  constructor(path?: string, secret?: string) {
    this.#path = path !== undefined && mayBeKept(path) ? path : undefined;
    this.#secret = secret;
    this.#try((file) => mkdirSync(dirname(file), { recursive: true, mode: 0o700 }));
    this.#try((file) => (this.#lines = linesIn(file).slice(-LINES_MAX)));
    this.close();
  }

  /** Remembers a line that was entered; one that starts with a space is not kept for later. */
  add(line: string): void {
    this.#back = 0;
    if (line.trim() === "" || line === this.#secret || line === this.#lines.at(-1)) return;
    this.#lines.push(line);
    if (this.#lines.length > LINES_MAX) this.#lines.shift();
    if (line.startsWith(" ") || Buffer.byteLength(line) >= KEPT_LENGTH_MAX) return;
    // Others append to it as well, so it is opened anew, and a line goes out in one write.
    this.#try((path) => appendFileSync(path, `${line}\n`, { mode: 0o600 }));
  }

  /** Goes a line back, or on with `by` -1; returns what to show instead of `line`. */
  go(by: 1 | -1, line: string): string {
    if (this.#back === 0) this.#typed = line;
    this.#back = Math.max(0, Math.min(this.#lines.length, this.#back + by));
    return this.#back === 0 ? this.#typed : (this.#lines.at(-this.#back) ?? "");
  }

  /**
   * Leaves the file no longer than it may be: replaces it in one step, unless somebody has just
   * appended to it.
   */
  close(): void {
    this.#try((link) => {
      const path = realpathSync(link);
      const { size } = statSync(path);
      const lines = linesIn(path);
      chmodSync(path, 0o600);
      if (lines.length <= LINES_MAX) return;
      const shorter = `${path}.${process.pid}`;
      writeFileSync(shorter, `${lines.slice(-LINES_MAX).join("\n")}\n`, { mode: 0o600 });
      if (statSync(path).size === size) renameSync(shorter, path);
      else rmSync(shorter);
    });
  }

  /** A history that cannot be kept is no reason not to talk. */
  #try(work: (path: string) => void): void {
    try {
      if (this.#path !== undefined) work(this.#path);
    } catch {}
  }
}

function linesIn(path: string): string[] {
  return readFileSync(path, "utf8").match(/[^\n]+/g) ?? [];
}

/** A file, or nothing yet. A pipe may never end, and a device, as /dev/null, stays as it is. */
function mayBeKept(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return true;
  }
}
