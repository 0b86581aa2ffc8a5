/** A redis-server of the test's own, which it stops, kills and robs of its memory; what tests with one need. */

import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";

import { atEnd, newFolder } from "../harness.ts";
import { besideWith, freePort } from "../harness/tools.ts";

/** A test that runs beside others, on a machine that has Redis. */
export const testOverRedis = besideWith("redis-server");

const TRIES_MAX = 5;

export class RedisServer {
  readonly port: number;
  readonly folder: string;
  readonly #options: readonly string[];
  #process: Bun.Subprocess | undefined;

  /** Starts one on a free port of 127.0.0.1, which forgets nothing unless told otherwise; until the test ends. */
  static async start(...options: string[]): Promise<RedisServer> {
    for (let tries = 1; ; tries++) {
      const server = new RedisServer(freePort(), newFolder(), options);
      atEnd(() => server.end());
      try {
        await server.start();
        return server;
      } catch (error) {
        if (tries === TRIES_MAX) throw error; // Another process has taken the port meanwhile.
      }
    }
  }

  private constructor(port: number, folder: string, options: readonly string[]) {
    this.port = port;
    this.folder = folder;
    this.#options = options;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Starts it, with what it had on disk. */
  async start(): Promise<void> {
    const where = ["--port", `${this.port}`, "--bind", "127.0.0.1", "--dir", this.folder];
    // What it has answered it has written, when it is killed: with its default, everysec, only if no
    // fsync is under way. An end of the whole machine is not tried here.
    const memory = ["--save", "", "--appendonly", "yes", "--appendfsync", "no"];
    const started = Bun.spawn(["redis-server", ...where, ...memory, ...this.#options], {
      stdio: ["ignore", "ignore", "ignore"],
    });
    this.#process = started;
    const isOwn = new RegExp(`^process_id:${started.pid}\\r|NOAUTH`, "m");
    const isUp = async () => {
      const info = this.ask("INFO", "server").catch((error: Error) => error.message);
      return isOwn.test(String(await Promise.race([info, started.exited])));
    };
    while (!(await isUp())) {
      if (started.exitCode !== null) throw new Error(`redis-server cannot have ${this.url}`);
      await Bun.sleep(10);
    }
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.#process?.kill(signal);
    await this.#process?.exited;
  }

  /** SIGSTOP, and its end. */
  standStill(): void {
    this.#process?.kill("SIGSTOP");
  }

  goOn(): void {
    this.#process?.kill("SIGCONT");
  }

  async ask(command: string, ...words: string[]): Promise<unknown> {
    const client = new Bun.RedisClient(this.url, { autoReconnect: false });
    try {
      return await client.send(command, words);
    } finally {
      client.close();
    }
  }

  /** Keeps what is on disk now, under a name. */
  keep(name: string): void {
    rmSync(join(this.folder, name), { recursive: true, force: true });
    cpSync(join(this.folder, "appendonlydir"), join(this.folder, name), { recursive: true });
  }

  /** Puts that back; it is to be started then. */
  putBack(name: string): void {
    rmSync(join(this.folder, "appendonlydir"), { recursive: true });
    cpSync(join(this.folder, name), join(this.folder, "appendonlydir"), { recursive: true });
  }

  async end(): Promise<void> {
    this.goOn();
    await this.kill();
  }
}
