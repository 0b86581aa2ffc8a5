/** A redis-server of the test's own, which it stops, kills and robs of its memory. */

import { cpSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

import { newFolder } from "../harness.ts";

export class RedisServer {
  readonly port: number;
  readonly folder: string;
  readonly #options: readonly string[];
  #process: Bun.Subprocess | undefined;

  /** Starts one on a free port of 127.0.0.1, which forgets nothing unless told otherwise. */
  static async start(...options: string[]): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), newFolder(), options);
    await server.start();
    return server;
  }

  private constructor(port: number, folder: string, options: readonly string[]) {
    this.port = port;
    this.folder = folder;
    this.#options = options;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it, with what it had on disk. */
  async start(): Promise<void> {
    const where = ["--port", `${this.port}`, "--bind", "127.0.0.1", "--dir", this.folder];
    // What it has answered it has written, when it is killed: with its default, everysec, only if no
    // fsync is under way. An end of the whole machine is not tried here.
    const memory = ["--save", "", "--appendonly", "yes", "--appendfsync", "no"];
    this.#process = Bun.spawn(["redis-server", ...where, ...memory, ...this.#options], {
      stdio: ["ignore", "ignore", "ignore"],
    });
    const isUp = async () =>
      /PONG|NOAUTH/.test(String(await this.ask("PING").catch((error: Error) => error.message)));
    while (!(await isUp())) await Bun.sleep(10);
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

/** A port of 127.0.0.1 that nobody has taken yet. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address ? address.port : 0;
}

/** What stands between servers and Redis, and swallows replies. */
export class Between {
  readonly #redisPort: number;
  readonly #listener;
  /** Whether replies go no further. */
  swallows = false;
  readonly #pairs = new Set<{ near: Bun.Socket<Pair>; far: Bun.Socket<Pair> | undefined }>();

  constructor(redisPort: number) {
    this.#redisPort = redisPort;
    this.#listener = Bun.listen<Pair>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (near) => void this.#open(near),
        data: (near, bytes) => near.data.toFar(bytes),
        drain: (near) => near.data.drainNear(),
        close: (near) => near.data.close(),
        error() {},
      },
    });
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#listener.port}`;
  }

  /** Breaks all connections. */
  cut(): void {
    for (const { near, far } of this.#pairs) {
      near.terminate();
      far?.terminate();
    }
  }

  end(): void {
    this.#listener.stop(true);
    this.cut();
  }

  [Symbol.dispose](): void {
    this.end();
  }

  async #open(near: Bun.Socket<Pair>): Promise<void> {
    const pair = new Pair(near, () => this.swallows);
    near.data = pair;
    const far = await Bun.connect<Pair>({
      hostname: "127.0.0.1",
      port: this.#redisPort,
      socket: {
        data: (_, bytes) => pair.toNear(bytes),
        drain: () => pair.drainFar(),
        close: () => near.terminate(),
        error() {},
      },
    }).catch(() => undefined);
    const ends = { near, far };
    this.#pairs.add(ends);
    pair.onClose = () => this.#pairs.delete(ends);
    if (far) pair.connected(far);
    else near.terminate();
  }
}

/** A connection and what it leads to; what a socket does not take is kept. */
class Pair {
  readonly #near: Bun.Socket<Pair>;
  readonly #swallows: () => boolean;
  #far: Bun.Socket<Pair> | undefined;
  #forNear: Buffer = Buffer.alloc(0);
  #forFar: Buffer = Buffer.alloc(0);
  onClose = () => {};

  constructor(near: Bun.Socket<Pair>, swallows: () => boolean) {
    this.#near = near;
    this.#swallows = swallows;
  }

  connected(far: Bun.Socket<Pair>): void {
    this.#far = far;
    this.drainFar();
  }

  toFar(bytes: Buffer): void {
    this.#forFar = Buffer.concat([this.#forFar, bytes]);
    this.drainFar();
  }

  toNear(bytes: Buffer): void {
    if (this.#swallows()) return;
    this.#forNear = Buffer.concat([this.#forNear, bytes]);
    this.drainNear();
  }

  drainFar(): void {
    this.#forFar = write(this.#far, this.#forFar);
  }

  drainNear(): void {
    this.#forNear = write(this.#near, this.#forNear);
  }

  close(): void {
    this.onClose();
    this.#far?.terminate();
  }
}

function write(socket: Bun.Socket<Pair> | undefined, bytes: Buffer): Buffer {
  if (!socket || bytes.length === 0) return bytes;
  const taken = socket.write(bytes, 0, bytes.length);
  return bytes.subarray(Math.max(0, taken));
}
