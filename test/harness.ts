/** What the end-to-end tests share: the real programs as processes, and peers on plain sockets. */

import { afterEach, setDefaultTimeout } from "bun:test";
import { connect as connectTcp, type Socket } from "node:net";
import { join } from "node:path";

export const ROOT = join(import.meta.dir, "..");

const started = new Set<{ end(): Promise<void> }>();

/** For a file of tests with programs and peers: ends after each what it has started. */
export function endAfterEach(): void {
  // A test that waits for an event in vain says so before its own time is over.
  setDefaultTimeout(20_000);
  afterEach(endAll);
}

async function endAll(): Promise<void> {
  await Promise.all([...started].map((one) => one.end()));
  started.clear();
}

/** The resident memory of a process now, in bytes. */
export async function memoryBytes(pid: number): Promise<number> {
  const status = await Bun.file(`/proc/${pid}/status`).text();
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

/** Waits until `check` gives something, looking again after each `change`. */
class Watched {
  #watchers = new Set<() => void>();

  changed(): void {
    for (const watcher of this.#watchers) watcher();
  }

  until<Value>(
    what: string,
    check: () => Value | undefined | false,
    withinMs = 10_000,
  ): Promise<Value> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const value = check();
        if (value === undefined || value === false) return;
        clearTimeout(deadline);
        this.#watchers.delete(look);
        resolve(value);
      };
      const deadline = setTimeout(() => {
        this.#watchers.delete(look);
        reject(new Error(`waited ${withinMs} ms for ${what}`));
      }, withinMs);
      this.#watchers.add(look);
      look();
    });
  }
}

/** A program that runs: what it prints, and how it ends. */
export class Program {
  readonly #process: Bun.Subprocess<"pipe", "pipe", "pipe">;
  readonly #changes = new Watched();
  stdout = "";
  stderr = "";
  /** Resolves to the exit code once the program has ended and all its output is here. */
  readonly exited: Promise<number>;

  constructor(command: string[], environment: Record<string, string> = {}) {
    this.#process = Bun.spawn(command, {
      cwd: ROOT,
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
      env: { ...process.env, ...environment },
    });
    const outputs = [
      this.#collect(this.#process.stdout, (text) => (this.stdout += text)),
      this.#collect(this.#process.stderr, (text) => (this.stderr += text)),
    ];
    this.exited = Promise.all([this.#process.exited, ...outputs]).then(([code]) => code);
    started.add(this);
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Resident memory now, in bytes. */
  memoryBytes(): Promise<number> {
    return memoryBytes(this.pid);
  }

  say(text: string): void {
    void this.#process.stdin.write(text);
    void this.#process.stdin.flush();
  }

  /** Says and waits until its stdin has taken all of it. */
  async sayAll(what: Uint8Array): Promise<true> {
    this.#process.stdin.write(what);
    await this.#process.stdin.flush();
    return true;
  }

  endInput(): void {
    void this.#process.stdin.end();
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Waits for text, or a pattern, on one of its outputs. */
  printed(what: string | RegExp, on: "stdout" | "stderr" = "stdout"): Promise<RegExpExecArray> {
    const pattern = typeof what === "string" ? new RegExp(RegExp.escape(what)) : what;
    return this.until(`${what} on ${on}`, () => pattern.exec(this[on]) ?? undefined);
  }

  /** Waits until what it has printed passes a check. */
  async until<Value>(what: string, check: () => Value | undefined | false): Promise<Value> {
    try {
      return await this.#changes.until(what, check);
    } catch (error) {
      throw new Error(
        `${error}; it printed ${this.stdout.slice(-500)}\n${this.stderr.slice(-500)}`,
      );
    }
  }

  async end(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
  }

  async #collect(output: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of output) {
      take(decoder.decode(chunk, { stream: true }));
      this.#changes.changed();
    }
  }
}

/** `bun server.ts` on a free port of 127.0.0.1. */
export class ServerProgram extends Program {
  port = 0;

  static async start(...options: string[]): Promise<ServerProgram> {
    const command = [process.execPath, "server.ts", "--host", "127.0.0.1", ...options, "0"];
    return ServerProgram.run(command);
  }

  /** Starts any command that reports where it listens. */
  static async run(command: string[]): Promise<ServerProgram> {
    const server = new ServerProgram(command);
    const [, port] = await server.printed(/listening on \S+:(\d+)\n/, "stderr");
    server.port = Number(port);
    return server;
  }

  /** Waits until so many clients are there. */
  async members(count: number): Promise<void> {
    await this.printed(new RegExp(`\\(${count} here\\)\\n$`), "stderr");
  }

  /** A peer that has joined. */
  async join(options?: PeerOptions): Promise<Peer> {
    const joined = this.#joinedCount();
    const peer = await Peer.connect(this.port, options);
    await this.until("another to join", () => this.#joinedCount() > joined);
    return peer;
  }

  #joinedCount(): number {
    return this.stderr.split(" joined ").length - 1;
  }
}

/** `bun client.ts` in a room, its three streams being pipes. */
export function startClient(port: number, ...options: string[]): Program {
  return new Program([process.execPath, "client.ts", ...options, "127.0.0.1", String(port)]);
}

export interface PeerOptions {
  /** Does not read from the start. */
  stopped?: boolean;
  /** Counts what arrives and keeps none of it. */
  countOnly?: boolean;
}

/** A plain TCP client that the test drives. */
export class Peer {
  readonly #socket: Socket;
  /** What the server calls it. */
  readonly name: string;
  readonly #changes = new Watched();
  readonly #chunks: Buffer[] = [];
  heardBytes = 0;
  #ended = false;
  #closed = false;
  #error: Error | undefined;

  static connect(port: number, options: PeerOptions = {}): Promise<Peer> {
    return new Promise((resolve, reject) => {
      const socket = connectTcp({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => resolve(new Peer(socket, options)));
    });
  }

  private constructor(socket: Socket, options: PeerOptions) {
    this.#socket = socket;
    this.name = `127.0.0.1:${socket.localPort}`;
    started.add(this);
    if (options.stopped) socket.pause();
    else this.#read(options);
    socket.on("error", (error) => {
      this.#error = error;
    });
    socket.on("end", () => {
      this.#ended = true;
      this.#changes.changed();
    });
    socket.on("close", () => {
      this.#closed = true;
      this.#changes.changed();
    });
  }

  /** All that has arrived. */
  get heard(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.heard.toString("latin1");
  }

  say(what: string | Uint8Array): void {
    this.#socket.write(what);
  }

  /** Says and waits until the system has taken all of it; returns false once that is hopeless. */
  sayAll(what: Uint8Array): Promise<boolean> {
    return new Promise((resolve) => this.#socket.write(what, (error) => resolve(!error)));
  }

  /** Half-closes. */
  endInput(): void {
    this.#socket.end();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    if (this.#socket.listenerCount("data") === 0) this.#read({});
    this.#socket.resume();
  }

  /** Waits until so much has arrived. */
  hears(text: string, withinMs?: number): Promise<true> {
    return this.#changes
      .until(
        `a peer to hear ${JSON.stringify(text.slice(-80))}`,
        () => this.text.includes(text) || undefined,
        withinMs,
      )
      .catch((error: Error) => {
        throw new Error(`${error.message}; it heard ${JSON.stringify(this.text.slice(-200))}`);
      }) as Promise<true>;
  }

  hearsBytes(count: number, withinMs?: number): Promise<true> {
    return this.#changes.until(
      `${count} bytes`,
      () => this.heardBytes >= count || undefined,
      withinMs,
    );
  }

  /** Waits for the end of input; returns whether it came, rather than a reset. */
  async endOfInput(): Promise<boolean> {
    await this.#changes.until("the end of input", () => this.#ended || this.#closed || undefined);
    return this.#ended && !this.#error;
  }

  /** Waits until the connection is gone; returns how: in order, or by an error. */
  async closed(): Promise<"end" | "error"> {
    await this.#changes.until("the end of a connection", () => this.#closed || undefined);
    return this.#error ? "error" : "end";
  }

  async end(): Promise<void> {
    this.#socket.destroy();
  }

  #read({ countOnly }: PeerOptions): void {
    this.#socket.on("data", (chunk: Buffer) => {
      this.heardBytes += chunk.length;
      if (!countOnly) this.#chunks.push(chunk);
      this.#changes.changed();
    });
  }
}
