/** The server as a process that is looked at from outside: its open files, its time, its stderr. */

import { spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

import { usageOf } from "../bench/usage.ts";
import { atEnd, newFolder, ROOT, ServerProgram } from "../harness.ts";
import { eventually } from "../harness/watched.ts";

/** Where a server listens: on a port of 127.0.0.1, or on a path. */
export type Place = { port: number } | { unix: string };

/** How many files a process has open. */
export function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** A server on a free port of 127.0.0.1, the shell having done something before it. */
export function startAfter(before: string, ...options: string[]): Promise<ServerProgram> {
  const script = `${before}; exec "$0" server.ts --host 127.0.0.1 "$@" 0`;
  return ServerProgram.run(["bash", "-c", script, process.execPath, ...options]);
}

/** The processor time a process has used, in ms. */
export const processorMs = (pid: number) => usageOf(pid).cpuMs;

/** Whether a process ignores a signal, by its number. */
export function ignores(pid: number, signal: number): boolean {
  const [, mask = "0"] = /SigIgn:\s+(\w+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return (BigInt(`0x${mask}`) & (1n << BigInt(signal - 1))) !== 0n;
}

/** Keeps note of the most files that a process has open. */
export function watchFiles(pid: number): { readonly most: number } {
  const watched = { most: 0 };
  const look = () => {
    try {
      watched.most = Math.max(watched.most, openFiles(pid));
    } catch {
      // It has ended.
    }
  };
  const timer = setInterval(look, 1);
  atEnd(() => clearInterval(timer));
  return watched;
}

/** What runs a program without the rights of root; undefined where there is no way. */
export const unprivileged = findUnprivileged();

function findUnprivileged(): string[] | undefined {
  const prefix =
    process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];
  const { status } = spawnSync(
    prefix[0] ?? "true",
    [...prefix.slice(1), process.execPath, "server.ts", "--version"],
    { cwd: ROOT },
  );
  if (status === 0) return prefix;
  console.warn("Tests of permissions are skipped: there is no way to be another user than root.");
  return undefined;
}

export interface ServeOptions {
  /** Its descriptors 1 and 2; both are dropped by default. */
  stdout?: number;
  stderr?: number;
  /** With what redirections the shell becomes the server. */
  redirect?: string;
}

/** A server whose output goes where a test says. */
export function serve(words: readonly string[], options: ServeOptions = {}): Served {
  const { stdout = "ignore", stderr = "ignore", redirect = "" } = options;
  const script = `exec "$0" server.ts "$@" ${redirect}`;
  const server = Bun.spawn(["bash", "-c", script, process.execPath, ...words], {
    cwd: ROOT,
    stdio: ["ignore", stdout, stderr],
  });
  atEnd(async () => {
    server.kill("SIGKILL");
    await server.exited;
  });
  return server;
}

export type Served = Bun.Subprocess<"ignore", number | "ignore", number | "ignore">;

/** Waits for a process to end, which it has to in time; returns its exit code, or the signal. */
export function exitOf(server: Served, withinMs = 3_000): Promise<number | string> {
  const ending = () => server.exitCode ?? server.signalCode ?? undefined;
  return eventually("the server to end", ending, withinMs);
}

/** A pipe that this process holds both ends of; a program is given the one for writing. */
export class Pipe {
  readonly path = join(newFolder(), "pipe");
  readonly #reader: number;
  readonly #writer: number;
  #reading = true;
  /** All that was read from it. */
  text = "";

  constructor() {
    if (spawnSync("mkfifo", [this.path]).status !== 0) throw new Error("mkfifo fails");
    const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;
    this.#reader = openSync(this.path, O_RDONLY | O_NONBLOCK);
    this.#writer = openSync(this.path, O_WRONLY);
    atEnd(() => {
      this.stopReading();
      closeSync(this.#writer);
    });
  }

  /** The end for writing, as it is handed to a program: its flags are those that the program leaves. */
  get writer(): number {
    return this.#writer;
  }

  /** Whether whoever writes to it is told to come again rather than made to wait. */
  get isNonBlocking(): boolean {
    const info = readFileSync(`/proc/self/fdinfo/${this.#writer}`, "utf8");
    const [, flags = "0"] = /flags:\s+(\d+)/.exec(info) ?? [];
    return (Number.parseInt(flags, 8) & constants.O_NONBLOCK) !== 0;
  }

  /** Writes to it until it takes no more byte. */
  fill(): void {
    const writer = openSync(this.path, constants.O_WRONLY | constants.O_NONBLOCK);
    for (const block of [Buffer.alloc(4096, "\n"), Buffer.alloc(1, "\n")])
      try {
        for (;;) writeSync(writer, block);
      } catch {
        // It is full.
      }
    closeSync(writer);
  }

  /** Closes the end for reading. */
  stopReading(): void {
    if (this.#reading) closeSync(this.#reader);
    this.#reading = false;
  }

  /** Reads on until a pattern has come. */
  printed(pattern: RegExp, withinMs?: number): Promise<RegExpExecArray> {
    const what = `${pattern} in ${this.text.slice(-300)}`;
    return this.until(what, () => pattern.exec(this.text) ?? undefined, withinMs);
  }

  /** Reads on until a check of its text gives something. */
  until<Value>(what: string, check: () => Value | undefined | false, withinMs?: number) {
    const look = () => {
      this.#read();
      return check();
    };
    return eventually(what, look, withinMs);
  }

  #read(): void {
    const bytes = Buffer.alloc(64 << 10);
    try {
      for (let count = 1; count > 0;) {
        count = readSync(this.#reader, bytes);
        this.text += bytes.toString("latin1", 0, count);
      }
    } catch {
      // There is nothing to read now.
    }
  }
}
