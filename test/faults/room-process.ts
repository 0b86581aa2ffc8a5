/** A server as its own process, on a free port of this machine, watched from outside. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");
const TICKS_PER_SECOND = 100;

export interface RoomProcessOptions {
  /** Options of the server. */
  args?: readonly string[];
  /** Its limit on open files. */
  filesMax?: number;
}

export class RoomProcess {
  readonly #process: Bun.Subprocess<"ignore", "ignore", "pipe">;
  /** What it has said about itself, a line an event. */
  readonly journal: string[] = [];
  #port = 0;
  #wake = Promise.withResolvers<void>();

  private constructor({ args = [], filesMax }: RoomProcessOptions) {
    const command = [
      process.execPath,
      join(ROOT, "server.ts"),
      "--host",
      "127.0.0.1",
      ...args,
      "0",
    ];
    const limited = ["sh", "-c", `ulimit -n ${filesMax}; exec "$@"`, "sh", ...command];
    this.#process = Bun.spawn(filesMax === undefined ? command : limited, {
      stdio: ["ignore", "ignore", "pipe"],
    });
    void this.#follow();
  }

  /** Starts a server; returns once it listens. */
  static async start(options: RoomProcessOptions = {}): Promise<RoomProcess> {
    const room = new RoomProcess(options);
    const listening = await room.noted(/listening on .*:(\d+)$/);
    room.#port = Number(listening[1]);
    return room;
  }

  get port(): number {
    return this.#port;
  }

  /** Its resident memory, in bytes. */
  get memoryBytes(): number {
    const [, kib] = /VmRSS:\s+(\d+) kB/.exec(this.#proc("status")) ?? [];
    return Number(kib) * 1024;
  }

  /** The processor time it has used, in ms. */
  get processorMs(): number {
    const [userTicks = 0, systemTicks = 0] = this.#proc("stat")
      .replace(/^.*\) /, "")
      .split(" ")
      .slice(11, 13)
      .map(Number);
    return ((userTicks + systemTicks) * 1000) / TICKS_PER_SECOND;
  }

  /** How many events it has reported that match. */
  count(event: RegExp): number {
    return this.journal.filter((line) => event.test(line)).length;
  }

  /** Waits for an event, of those past too. */
  async noted(event: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      for (const line of this.journal) {
        const match = event.exec(line);
        if (match) return match;
      }
      if (this.#process.exitCode !== null) throw new Error(`it has ended: ${this.journal.at(-1)}`);
      await this.#wake.promise;
    }
  }

  /** SIGTERM; returns its exit code. */
  stop(): Promise<number> {
    this.#process.kill("SIGTERM");
    return this.#process.exited;
  }

  /** Ends it in any case. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
  }

  async #follow(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of this.#process.stderr) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      this.journal.push(...lines);
      this.#notify();
    }
    await this.#process.exited;
    this.#notify();
  }

  #notify(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  #proc(file: string): string {
    return readFileSync(`/proc/${this.#process.pid}/${file}`, "utf8");
  }
}
