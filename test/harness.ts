/** What the end-to-end tests share: the real programs as processes, and peers on plain sockets. */

import { afterAll, afterEach, setDefaultTimeout, test } from "bun:test";
import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectTcp, type NetConnectOpts, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, type ConnectionOptions } from "node:tls";

import { usageOf } from "./bench/usage.ts";
import { type Found, LONGEST_MS, Watched } from "./harness/watched.ts";

export { LONGEST_MS };

export const ROOT = join(import.meta.dir, "..");

type Started = Set<{ end(): Promise<void> }>;

/** What a test beside others has started; those that run alone share one set. */
const beside = new AsyncLocalStorage<Started>();
const alone: Started = new Set();
/** What the tests of a file share. */
const shared: Started = new Set();

/** What the test that runs has started, and has not ended. */
function startedHere(): Started {
  return beside.getStore() ?? alone;
}

/** For a file of tests with programs and peers: ends after each what it has started. */
export function endAfterEach(): void {
  setDefaultTimeout(2 * LONGEST_MS); // A wait in vain says so before its test is over.
  afterEach(() => endAll(alone));
  afterAll(() => endAll(shared));
}

/** Starts something that ends not with this test, but with the last one of its file. */
export function startShared<Result>(start: () => Result): Result {
  return beside.run(shared, start);
}

/**
 * A test that runs beside the others of its file that do: for those that mostly wait. What it has
 * started ends with it.
 *
 * @param kind of test, as `testWith` has them
 */
export function testBeside(name: string, run: () => Promise<unknown>, kind = test): void {
  kind.concurrent(name, async () => void (await endingAll(run)), 4 * LONGEST_MS);
}

/** Runs something, and ends what it has started; so does the end of what it is a part of. */
export function endingAll<Result>(run: () => Promise<Result>): Promise<Result> {
  const started: Started = new Set();
  const part = { end: () => endAll(started) };
  const whole = beside.getStore();
  whole?.add(part);
  return beside.run(started, () =>
    run().finally(() => part.end().finally(() => whole?.delete(part))),
  );
}

async function endAll(started: Started): Promise<void> {
  await Promise.all([...started].map((one) => one.end()));
  started.clear();
}

/** Has something done at the end of this test. */
export function atEnd(end: () => unknown): void {
  startedHere().add({ end: async () => void (await end()) });
}

/** A folder for the test, which goes with it. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "linechat-test-"));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A file for the test, in a folder of its own. */
export function newFile(name: string, content: string): string {
  const file = join(newFolder(), name);
  writeFileSync(file, content);
  return file;
}

/** The folder of programs that `bun run build` has made, to test these. */
const DIST = process.env["LINECHAT_DIST"];

/** `bun server.ts` with these arguments. */
export function serverCommand(...words: string[]): string[] {
  return command("server", words);
}

/** `bun client.ts` with these arguments. */
export function clientCommand(...words: string[]): string[] {
  return command("client", words);
}

function command(program: string, words: string[]): string[] {
  const run = DIST ? [join(DIST, `linechat-${program}`)] : [process.execPath, `${program}.ts`];
  return [...run, ...words];
}

/** A command that a shell becomes, having done something before. */
export function commandAfter(before: string, command: readonly string[]): string[] {
  return ["bash", "-c", `${before}; exec "$@"`, "bash", ...command];
}

/** A command with a limit on the files it may open. */
export function limitFiles(filesMax: number, command: readonly string[]): string[] {
  return commandAfter(`ulimit -n ${filesMax}`, command);
}

/** A program that runs: what it prints, and how it ends. */
export class Program {
  readonly #process: Bun.Subprocess<"pipe", "pipe", "pipe">;
  readonly #changes = new Watched(
    () => `; it printed ${this.stdout.slice(-500)}\n${this.stderr.slice(-500)}`,
  );
  stdout = "";
  stderr = "";
  /** Resolves to the exit code once the program has ended and all its output is here. */
  readonly exited: Promise<number>;
  readonly #started = startedHere();

  constructor(command: readonly string[], environment: Record<string, string> = {}) {
    this.#process = Bun.spawn([...command], {
      cwd: ROOT,
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
      env: { ...process.env, ...environment },
    });
    this.exited = this.#follow();
    this.#started.add(this);
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Resident memory now, in bytes. */
  memoryBytes(): number {
    return usageOf(this.pid).residentBytes;
  }

  /** The processor time it has used, in ms. */
  get processorMs(): number {
    return usageOf(this.pid).cpuMs;
  }

  say(text: string): void {
    void this.sayAll(text);
  }

  /** Says and waits until its stdin has taken all of it; returns false once that is hopeless. */
  async sayAll(what: string | Uint8Array): Promise<boolean> {
    try {
      await this.#process.stdin.write(what);
      await this.#process.stdin.flush();
    } catch {
      return false; // It has ended, or has closed its stdin.
    }
    return this.#process.exitCode === null && this.#process.signalCode === null;
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
  until<Value>(what: string, check: () => Found<Value>): Promise<Value> {
    return this.#changes.until(what, check);
  }

  async end(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
  }

  async #follow(): Promise<number> {
    const [code] = await Promise.all([
      this.#process.exited,
      this.#collect(this.#process.stdout, (text) => (this.stdout += text)),
      this.#collect(this.#process.stderr, (text) => (this.stderr += text)),
    ]);
    this.#started.delete(this);
    // First it is told to those who wait for the end, and then to those who wait for something else.
    setImmediate(() => this.#changes.end(`it has ended, with ${code}`));
    return code;
  }

  async #collect(output: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of output) {
      take(decoder.decode(chunk, { stream: true }));
      this.#changes.changed();
    }
  }
}

/**
 * What a promise is rejected with. `expect().rejects` waits in an event loop inside the one that
 * called it, in which events of the outer one get lost: the output of a program is not read any more.
 */
export function rejection(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => Promise.reject(new Error("it was not rejected")),
    (error) => error,
  );
}

/** Runs a command with an empty stdin; waits for its end. */
export async function runToEnd(command: readonly string[]) {
  const program = new Program(command);
  program.endInput();
  const code = await program.exited;
  return { code, stdout: program.stdout, stderr: program.stderr };
}

/** `bun server.ts`, as soon as it listens. */
export class ServerProgram extends Program {
  /** 0 on a Unix socket. */
  port = 0;

  /** On a free port of 127.0.0.1. */
  static start(...options: string[]): Promise<ServerProgram> {
    return ServerProgram.run(serverCommand("--host", "127.0.0.1", ...options, "0"));
  }

  /** Starts any command that reports where it listens. */
  static async run(command: readonly string[]): Promise<ServerProgram> {
    const server = new ServerProgram(command);
    const [, port] = await server.logged(/listening on \S+?(?::(\d+))?\n/);
    server.port = Number(port ?? 0);
    return server;
  }

  /** Waits for text, or a pattern, in its log, be it there already or not. */
  logged(what: string | RegExp): Promise<RegExpExecArray> {
    return this.printed(what, "stderr");
  }

  /** Its log, a line an event. */
  get journal(): string[] {
    return this.stderr.split("\n").slice(0, -1);
  }

  /** How many lines of its log match. */
  count(event: RegExp): number {
    return this.journal.filter((line) => event.test(line)).length;
  }

  /**
   * Waits until so many clients are there, by the last event that tells; a certain one is known to
   * be there by its name in the log.
   */
  members(count: number): Promise<true> {
    return this.until(`${count} to be here`, () => {
      const end = this.stderr.lastIndexOf(" here)\n");
      return this.stderr.slice(this.stderr.lastIndexOf("(", end) + 1, end) === `${count}`;
    });
  }

  /** A peer that has joined. */
  async join(options?: PeerOptions): Promise<Peer> {
    const from = this.stderr.length;
    const peer = await Peer.connect(this.port, options);
    const joined = ` joined ${peer.name} (`;
    await this.until(`${peer.name} to join`, () => this.stderr.includes(joined, from));
    return peer;
  }

  /** A peer that has said its name, and has it. */
  async connectNamed(name: string): Promise<Peer> {
    const peer = await Peer.connect(this.port, { says: `${name}\n` });
    await this.logged(` joined ${name} ${peer.name} (`);
    return peer;
  }

  /** Tells it to stop; returns its exit code. */
  stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number> {
    this.kill(signal);
    return this.exited;
  }
}

/** `bun client.ts` in a room, its three streams being pipes. */
export function startClient(port: number, ...options: string[]): Program {
  return new Program(clientCommand(...options, "127.0.0.1", String(port)));
}

export interface PeerOptions {
  /** Does not read from the start. */
  stopped?: boolean;
  /** Counts what arrives and keeps none of it. */
  countOnly?: boolean;
  /** The address it comes from; 127.0.0.1 by default. */
  from?: string;
  /** The path of a Unix socket, in place of the port. */
  unix?: string;
  /** Speaks TLS, with what it is to trust and to show. */
  tls?: ConnectionOptions;
  /** What it says as soon as it is connected. */
  says?: string;
  /** Gets what arrives, as it arrives, instead of `heard`. */
  onBytes?: (bytes: Buffer) => void;
  /** What it sends and receives is wrapped in; it can send something of its own. */
  codec?: (send: (bytes: Uint8Array) => void) => Codec;
}

/** What stands between the bytes of a connection and what a peer says and hears. */
export interface Codec {
  encode(bytes: Uint8Array): Uint8Array;
  decode(bytes: Buffer): Buffer;
  /** What says that nothing more comes, where there is no half-close. */
  ending: Uint8Array;
}

/** A socket of node:net that is connected, over TLS if there is something to trust and to show. */
export async function openSocket(at: NetConnectOpts, tls?: ConnectionOptions): Promise<Socket> {
  const how = { ...at, noDelay: true, allowHalfOpen: true };
  const socket = tls ? connectTls({ ...how, ...tls }) : connectTcp(how);
  await once(socket, tls ? "secureConnect" : "connect");
  return socket;
}

/** A client that the test drives, over plain TCP or TLS. */
export class Peer {
  readonly #socket: Socket;
  /** What the server calls it. */
  readonly name: string;
  readonly #changes = new Watched(() => {
    const last = JSON.stringify(
      this.heard.toString("latin1", Math.max(0, this.heard.length - 200)),
    );
    return `; ${this.heardBytes} bytes have come, the last ${last}`;
  });
  readonly #options: PeerOptions;
  #heard: Buffer[] = [];
  heardBytes = 0;
  #ended: "in order" | "by a reset" | undefined;
  #closed: "end" | "error" | undefined;
  readonly #codec: Codec | undefined;

  static async connect(port: number, options: PeerOptions = {}): Promise<Peer> {
    const { from, tls, unix } = options;
    const here = { host: "127.0.0.1", port, ...(from && { localAddress: from }) };
    return new Peer(await openSocket(unix === undefined ? here : { path: unix }, tls), options);
  }

  constructor(socket: Socket, options: PeerOptions = {}) {
    this.#socket = socket;
    this.#options = options;
    this.#codec = options.codec?.((bytes) => void socket.write(bytes));
    this.name = `${socket.localAddress}:${socket.localPort}`;
    const started = startedHere();
    started.add(this);
    if (options.stopped) socket.pause();
    else this.#read();
    if (options.says) this.write(options.says);
    let failed = false;
    socket.on("error", () => (failed = true));
    socket.on("end", () => {
      this.#ended ??= "in order";
      this.#changes.changed();
    });
    socket.on("close", () => {
      started.delete(this);
      this.#ended ??= "by a reset";
      this.#closed = failed ? "error" : "end";
      this.#changes.end("its connection is closed");
    });
  }

  /** All that has arrived. */
  get heard(): Buffer {
    if (this.#heard.length > 1) this.#heard = [Buffer.concat(this.#heard)];
    return this.#heard[0] ?? Buffer.alloc(0);
  }

  get text(): string {
    return this.heard.toString("latin1");
  }

  say(what: string | Uint8Array): void {
    this.write(this.encode(what));
  }

  /** Says and waits until the system has taken all of it; returns false once that is hopeless. */
  sayAll(what: string | Uint8Array): Promise<boolean> {
    const bytes = this.encode(what);
    return new Promise((resolve) => this.#socket.write(bytes, (error) => resolve(!error)));
  }

  /** The bytes that say something. */
  encode(what: string | Uint8Array): Uint8Array {
    const bytes = Buffer.from(what);
    return this.#codec?.encode(bytes) ?? bytes;
  }

  /** Sends bytes as they are. */
  write(bytes: string | Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Says it over and over, until the connection is gone. */
  async flood(what: Uint8Array): Promise<void> {
    while (await this.sayAll(what));
  }

  /** Half-closes. */
  endInput(): void {
    if (this.#codec) this.write(this.#codec.ending);
    else this.#socket.end();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    if (this.#socket.listenerCount("data") === 0) this.#read();
    this.#socket.resume();
  }

  /** Waits until so much has arrived. */
  hears(text: string): Promise<true> {
    const what = `a peer to hear ${JSON.stringify(text.slice(-80))}`;
    return this.until(what, () => this.heard.includes(text, 0, "latin1"));
  }

  hearsBytes(count: number): Promise<true> {
    return this.until(`${count} bytes`, () => this.heardBytes >= count);
  }

  /** Waits until what has arrived passes a check. */
  until<Value>(what: string, check: () => Found<Value>, withinMs?: number): Promise<Value> {
    return this.#changes.until(what, check, withinMs);
  }

  /** Reads a bit more, and no more for now; waits until it has. */
  async sip(): Promise<void> {
    const bytes = this.heardBytes;
    this.resume();
    await this.until("a sip", () => this.heardBytes > bytes || this.#ended);
    this.pause();
  }

  /** Waits for the end of input; returns whether it came, rather than a reset. */
  async endOfInput(withinMs?: number): Promise<boolean> {
    return (await this.until("the end of input", () => this.#ended, withinMs)) === "in order";
  }

  /** Waits for the end of input; returns all that came before. */
  async hearsAll(): Promise<string> {
    await this.endOfInput();
    return this.text;
  }

  /** Waits until the connection is gone; returns how: in order, or by an error. */
  closed(): Promise<"end" | "error"> {
    return this.until("the end of a connection", () => this.#closed);
  }

  async end(): Promise<void> {
    this.#socket.destroy();
  }

  #read(): void {
    const keep = (bytes: Buffer) => void this.#heard.push(bytes);
    const take = this.#options.onBytes ?? (this.#options.countOnly ? () => {} : keep);
    this.#socket.on("data", (received: Buffer) => {
      const bytes = this.#codec?.decode(received) ?? received;
      this.heardBytes += bytes.length;
      take(bytes);
      this.#changes.changed();
    });
  }
}
