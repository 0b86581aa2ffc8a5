/** Stage 3 at the client's end: reading and writing, with back-pressure. */

import { formatAddress, hasVanished, VANISHED } from "../program/network.ts";
import { failed, UserError } from "../program/system-errors.ts";

/** What codes mean when it is the server that has caused them. */
export const BY_SERVER = { ECONNRESET: "reset by the server", EPIPE: "closed by the server" };

const LOST_BY = { ...BY_SERVER, ETIMEDOUT: "the server has vanished" };

/** How long `close` waits for the server. */
const CLOSE_MS = 5_000;
/** How long the end of output waits for the server's, so that it shows if that was first. */
const HALF_CLOSE_MS = 1;
const LF = 0x0a;

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const textOf = (line: Uint8Array) => utf8.decode(line).replace(/\r?\n$/, "");

/** What a program has of a connection. */
export type Connection = Pick<
  SocketConnection,
  | ("address" | "remoteAddress" | "read" | "lines" | "write" | "endOutput" | "close")
  | typeof Symbol.asyncDispose
>;

/**
 * One end of a connection: `read` and `write` wait, as `rio_readlineb` and `rio_writen` do, so that
 * neither side outruns the other. It is told the events of its socket.
 */
export class SocketConnection implements AsyncDisposable {
  /** Where it is connected to, as the user wrote it. */
  readonly address: string;
  readonly #socket: Bun.Socket<SocketConnection>;
  /** What has arrived and was not read. */
  #chunks: Uint8Array[] = [];
  hasReceived = false;
  #inputEnded = false;
  /** Whether the server has ended its side, and this side was not half-closed before that. */
  endedByServer = false;
  #wakeReader: (() => void) | undefined;
  /** Resolves after the last write. */
  #written = Promise.resolve(true);
  #wakeWriter: (() => void) | undefined;
  /** Whether it is half-closed, or will be once all that was written has gone out. */
  outputEnded = false;
  #isHalfClosed = false;
  #failure: UserError | undefined;
  readonly #looking = setInterval(() => this.#look(), VANISHED.lookMs).unref();
  readonly #closed = Promise.withResolvers<void>();
  #isClosed = false;

  constructor(socket: Bun.Socket<SocketConnection>, address: string) {
    this.#socket = socket;
    this.address = address;
  }

  /** Where it is connected to in fact: the address and port of the server. */
  get remoteAddress(): string {
    const { remoteAddress, remotePort } = this.#socket; // a Unix socket has neither
    return remoteAddress ? formatAddress(remoteAddress, remotePort) : this.address;
  }

  /**
   * Waits for bytes; returns what has arrived, undefined at the end of input; over TLS, only whole
   * lines, and what is unfinished at an end in order. While nobody reads, the server is not read
   * either, once there is something to read.
   *
   * @throws {UserError} when the connection is lost, after all that came before
   * @throws {Error} at once when another `read` is still waiting
   */
  async read(): Promise<Uint8Array | undefined> {
    if (this.#wakeReader) throw new Error("a read of this connection is waiting already");
    if (this.#chunks.length <= 2) this.#socket.resume();
    if (this.#chunks.length === 0 && !this.#inputEnded) {
      await new Promise<void>((resolve) => (this.#wakeReader = resolve));
      this.#wakeReader = undefined;
    }
    const chunk = this.#chunks.shift();
    if (chunk === undefined && this.#failure) throw this.#failure;
    return chunk;
  }

  /**
   * The lines of others, one by one, as text without its line end, which is LF or CR LF. Bytes that
   * are not UTF-8 become U+FFFD. An unfinished line at the end of input counts as a line. One of
   * more than 1 MiB comes in parts.
   *
   * To leave the loop leaves the connection as it is: `read` and `lines` go on after the last line
   * that was taken.
   *
   * @throws {UserError} when the connection is lost, after the whole lines that came before
   */
  async *lines(): AsyncGenerator<string, void, undefined> {
    const { WholeLines } = await import("./whole-lines.ts"); // Only who asks for lines needs it.
    const whole = new WholeLines();
    for (;;) {
      const chunk = this.#chunks.shift() ?? (await this.read());
      if (!chunk) break;
      // No more than a line is taken out; the rest is for the next read, whosever it is.
      const end = chunk.indexOf(LF) + 1 || chunk.length;
      if (end < chunk.length) this.#chunks.unshift(chunk.subarray(end));
      const line = whole.push(chunk.subarray(0, end));
      if (line) yield textOf(line);
    }
    const rest = whole.end();
    if (rest) yield textOf(rest);
  }

  /**
   * Sends all of it, however often the system takes only a part. What is written meanwhile waits
   * for its turn.
   *
   * @param data bytes, not to be changed before they have gone out, or text, sent as UTF-8
   * @param onTaken told each time how many bytes the system has taken
   * @returns whether all went out; if not, the connection is gone and `read` tells why, or its
   *   output was ended before
   */
  write(data: Uint8Array | string, onTaken?: (count: number) => void): Promise<boolean> {
    if (this.outputEnded) return Promise.resolve(false);
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    return (this.#written = this.#written.then(() => this.#writeFully(bytes, onTaken)));
  }

  async #writeFully(bytes: Uint8Array, onTaken?: (count: number) => void): Promise<boolean> {
    for (let rest = bytes; !this.#isClosed;) {
      const taken = this.#socket.write(rest, 0, rest.length);
      if (taken < 0) return false;
      if (taken > 0) onTaken?.(taken);
      if (taken === rest.length) return true;
      rest = rest.subarray(taken);
      await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
    }
    return false;
  }

  /** Half-closes: the server gets EOF after all that was written, and may go on sending. */
  endOutput(): void {
    if (this.outputEnded) return;
    this.outputEnded = true;
    const halfClose = () => {
      this.#isHalfClosed = true;
      this.#socket.shutdown();
    };
    // In a moment: a server that closes at once, and has received nothing, has done so by then.
    void this.#written.then(() => setTimeout(halfClose, HALF_CLOSE_MS));
  }

  /** Gives it up: nothing more is taken for it; what the system has taken still goes out. */
  abandon(): void {
    this.closed();
    this.outputEnded = true;
    this.#socket.shutdown();
  }

  /**
   * Closes in order: all that was written goes out, then EOF; then it waits for the server's end.
   * What has not been read by now is discarded. It never throws; whether something went out, `write`
   * tells. `await using` ends so, too.
   *
   * @param withinMs how long it may take, in ms, before the connection is reset; 5 s by default
   */
  async close(withinMs = CLOSE_MS): Promise<void> {
    if (this.#isClosed) return;
    this.endOutput();
    this.#chunks = [];
    this.received = () => {};
    this.#socket.resume();
    await withTimeout(withinMs, "no end in time", this.#closed.promise).catch(() => this.#reset());
  }

  readonly [Symbol.asyncDispose] = () => this.close();

  // The events of the socket.

  received(bytes: Uint8Array): void {
    this.hasReceived = true;
    if (this.#chunks.push(bytes) > 1) this.#socket.pause();
    this.#wakeReader?.();
  }

  drained(): void {
    this.#wakeWriter?.();
  }

  ended(): void {
    this.#inputEnded = true;
    this.endedByServer = !this.#isHalfClosed;
    this.#wakeReader?.();
  }

  /** @param error why, unless both sides have ended it in order */
  closed(error?: Error | null): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#looking);
    this.#inputEnded = true;
    if (error) this.#failure = failed(`lost the connection to ${this.address}`, error, LOST_BY);
    this.#wakeWriter?.();
    this.#wakeReader?.();
    this.#closed.resolve();
  }

  #look(): void {
    if (hasVanished(this.#socket)) this.#reset(Object.assign(new Error(), { code: "ETIMEDOUT" }));
  }

  #reset(why?: Error): void {
    this.closed(why);
    this.#socket.terminate();
  }
}

/**
 * Waits for what a promise comes to.
 *
 * @throws {UserError} with the reason and the code ETIMEDOUT, after so many ms
 */
export async function withTimeout<T>(ms: number, why: string, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const alarm = setTimeout(() => reject(new UserError(why, { code: "ETIMEDOUT" })), ms);
  return Promise.race([promise, late]).finally(() => clearTimeout(alarm));
}
