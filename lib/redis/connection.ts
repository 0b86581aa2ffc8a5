/** A connection to a Redis: Bun's own client would make text of bytes and back. */

import { ADDRESS_ERRORS } from "../program/network.ts";
import { explain, UserError } from "../program/system-errors.ts";
import { LF } from "../room/line-buffer.ts";

/** An answer that is so late is given up, as is a connection that takes so long. */
const LATE_MS = 5_000;
/** That is counted in such steps: a process that stood still finds the answers before it gives up. */
const STEPS = 20;

/** All values of a reply, whatever lists they are in; null is none. */
export type Reply = readonly Buffer[];

/** Bytes may be in several pieces. */
export type Word = string | Uint8Array | readonly Uint8Array[];

/** Commands go out in order, at once, and are answered in order. */
export class RedisConnection {
  readonly #onLost: (why: UserError) => void;
  readonly #asked: ((reply: Reply) => void)[] = [];
  readonly #replies = new Replies();
  readonly #alarm = setInterval(() => this.#passed(), LATE_MS / STEPS);
  /** How many steps the oldest of what was asked has waited. */
  #waited = 0;
  #socket: Bun.Socket | undefined;
  /** Whether it can be written to. */
  #isReady = false;
  #isClosed = false;
  /** What was asked and not written, and what of it the socket is to take next. */
  readonly #output = new Bun.ArrayBufferSink();
  #writing: Uint8Array = new Uint8Array(0);

  /**
   * Connects.
   *
   * @param onLost told once, in one line, why it is of no use any more: also after an error in a reply,
   *   not after `close`
   */
  constructor(url: URL, onLost: (why: UserError) => void) {
    this.#onLost = onLost;
    this.#output.start({ stream: true, asUint8Array: true });
    const { hostname, port, protocol, username, password, pathname } = url;
    const secret = [username || "default", password].map(decodeURIComponent);
    if (username || password) this.ask(["AUTH", ...secret]);
    if (pathname.length > 1) this.ask(["SELECT", pathname.slice(1)]);
    const isTls = protocol === "rediss:";
    const name = hostname.replace(/^\[|\]$/g, "");
    const lost = (cause: unknown) => this.#fail(explain(cause, ADDRESS_ERRORS), cause);
    Bun.connect({
      hostname: name,
      port: Number(port) || 6379,
      ...(isTls ? { tls: { serverName: name } } : {}),
      socket: {
        open: (socket) => {
          socket.setNoDelay(true);
          this.#socket = socket;
          if (this.#isClosed) socket.terminate();
          else if (!isTls) this.#ready();
        },
        handshake: (socket, isDone, error) => {
          if (isDone && !error && socket.authorized) this.#ready();
          else this.#fail(error?.message || "no TLS there", error);
        },
        data: (_, chunk) => this.#received(chunk),
        drain: () => this.#write(),
        end: (socket) => void socket.terminate(),
        close: () => this.#fail("the connection was lost"),
        error: (_, error) => lost(error),
      },
    }).catch(lost);
  }

  /** Has a command done; its words are copied. */
  ask(words: readonly Word[], onReply: (reply: Reply) => void = () => {}): void {
    if (this.#isClosed) return;
    this.#asked.push(onReply);
    let text = `*${words.length}\r\n`;
    for (const word of words) {
      if (typeof word === "string") text += `$${Buffer.byteLength(word)}\r\n${word}\r\n`;
      else {
        const pieces = word instanceof Uint8Array ? [word] : word;
        const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
        this.#output.write(`${text}$${bytes}\r\n`);
        for (const piece of pieces) this.#output.write(piece);
        text = "\r\n";
      }
    }
    this.#output.write(text);
    this.#write();
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#alarm);
    this.#socket?.terminate();
  }

  #ready(): void {
    this.#isReady = true;
    this.#write();
  }

  #write(): void {
    while (this.#socket && this.#isReady) {
      // With `asUint8Array`, it is one.
      if (this.#writing.length === 0) this.#writing = this.#output.flush() as Uint8Array;
      const { length } = this.#writing;
      const taken = length > 0 ? this.#socket.write(this.#writing, 0, length) : 0;
      if (taken <= 0) return;
      this.#writing = this.#writing.subarray(taken);
    }
  }

  #received(chunk: Buffer): void {
    try {
      this.#replies.push(chunk, (reply) => {
        this.#waited = 0;
        if (!this.#isClosed) this.#asked.shift()?.(reply);
      });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#fail(error.message);
    }
  }

  #passed(): void {
    if (this.#asked.length > 0) this.#waited++;
    if (this.#waited > STEPS) this.#fail(`no answer for ${LATE_MS / 1000} s`);
  }

  #fail(why: string, cause?: unknown): void {
    if (this.#isClosed) return;
    this.close();
    this.#onLost(new UserError(why, { cause }));
  }
}

/** Makes replies of bytes as they arrive. */
export class Replies {
  /** The start of a value that is not complete, and how long that is at the least, in bytes. */
  #chunks: Buffer[] = [];
  #bytes = 0;
  #leastBytes = 0;
  /** The values of a reply that is not complete, and how many are missing. */
  #values: Buffer[] = [];
  #missing = 1;

  /**
   * Takes bytes, which are kept by reference, and gives each reply that they complete.
   *
   * @throws {RangeError} in the words of an error that is among them, or if this is no reply
   */
  push(chunk: Buffer, onReply: (reply: Reply) => void): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#leastBytes) return;
    const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    let at = 0;
    for (let end = this.#next(bytes, at); end > at; end = this.#next(bytes, at)) {
      at = end;
      if (this.#missing > 0) continue;
      const reply = this.#values;
      [this.#values, this.#missing] = [[], 1];
      onReply(reply);
    }
    this.#chunks = at < bytes.length ? [bytes.subarray(at)] : [];
    this.#bytes = bytes.length - at;
  }

  /** Takes the value that begins at an offset; returns where it ends, or the offset if it does not. */
  #next(bytes: Buffer, at: number): number {
    this.#leastBytes = 0;
    const start = bytes.indexOf(LF, at) + 1;
    if (start === 0) return at;
    const type = String.fromCharCode(bytes[at] ?? 0);
    const line = bytes.toString("utf8", at + 1, start - 2);
    const count = Number(line);
    if (type === "-") throw new RangeError(line);
    if (!"*$+:".includes(type)) throw new RangeError("it does not answer as Redis does");
    const end = type === "$" && count >= 0 ? start + count + 2 : start;
    this.#leastBytes = end - at;
    if (end > bytes.length) return at;
    if (type === "*") this.#missing += Math.max(0, count);
    else if (end > start) this.#values.push(bytes.subarray(start, end - 2));
    else if (type !== "$") this.#values.push(bytes.subarray(at + 1, start - 2));
    this.#missing--;
    return end;
  }
}
