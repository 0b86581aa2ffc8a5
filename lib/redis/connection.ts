/** A connection to a Redis: Bun's own client would make text of bytes and back. */

import { ADDRESS_ERRORS } from "../program/network.ts";
import { explain, UserError } from "../program/system-errors.ts";

const CR = 0x0d;
/** An answer that is so late is given up, as is a connection that takes so long. */
const LATE_MS = 5_000;

/** Bytes stay as they are until `onReply` returns. */
export type Reply = Buffer | string | number | null | Error | readonly Reply[];

/** Commands go out in order, at once, and are answered in order. */
export class RedisConnection {
  readonly #onLost: (why: UserError) => void;
  readonly #asked: { readonly onReply: (reply: Reply) => void; readonly atMs: number }[] = [];
  readonly #replies = new Replies();
  readonly #alarm = setInterval(() => this.#passed(), LATE_MS / 20);
  /** Once it can be written to. */
  #socket: Bun.Socket | undefined;
  #isClosed = false;
  /** What the socket has not taken yet is [start, end). */
  #output: Buffer = Buffer.allocUnsafe(64 << 10);
  #start = 0;
  #end = 0;

  /**
   * Connects.
   *
   * @param onLost told once, in one line, why it is of no use any more: also after an error in a reply,
   *   not after `close`
   */
  constructor(url: URL, onLost: (why: UserError) => void) {
    this.#onLost = onLost;
    const { hostname, port, protocol, username, password, pathname } = url;
    const secret = [username || "default", password].map(decodeURIComponent);
    if (username || password) this.ask(["AUTH", ...secret], () => {});
    if (pathname.length > 1) this.ask(["SELECT", pathname.slice(1)], () => {});
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
          if (this.#isClosed) socket.terminate();
          else if (!isTls) this.#ready(socket);
        },
        handshake: (socket, isDone, error) => {
          if (isDone && !error && socket.authorized) this.#ready(socket);
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
  ask(words: readonly (string | Uint8Array)[], onReply: (reply: Reply) => void): void {
    if (this.#isClosed) return;
    this.#asked.push({ onReply, atMs: performance.now() });
    let text = `*${words.length}\r\n`;
    for (const word of words) {
      text += `$${typeof word === "string" ? Buffer.byteLength(word) : word.length}\r\n`;
      if (typeof word === "string") text += word;
      else {
        this.#put(Buffer.from(text));
        this.#put(word);
        text = "";
      }
      text += "\r\n";
    }
    this.#put(Buffer.from(text));
    this.#write();
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#alarm);
    this.#socket?.terminate();
  }

  #ready(socket: Bun.Socket): void {
    this.#socket = socket;
    this.#write();
  }

  #put(bytes: Uint8Array): void {
    if (this.#start === this.#end) this.#start = this.#end = 0;
    this.#output = enlarged(this.#output, this.#end, bytes.length);
    this.#output.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  #write(): void {
    const length = this.#end - this.#start;
    if (length > 0)
      this.#start += Math.max(0, this.#socket?.write(this.#output, this.#start, length) ?? 0);
  }

  #received(chunk: Buffer): void {
    try {
      this.#replies.push(chunk, (reply) => {
        if (this.#isClosed) return;
        if (reply instanceof Error) this.#fail(reply.message);
        else this.#asked.shift()?.onReply(reply);
      });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#fail(error.message);
    }
  }

  #passed(): void {
    const [oldest] = this.#asked;
    const isLate = oldest !== undefined && performance.now() - oldest.atMs >= LATE_MS;
    if (isLate) this.#fail(`no answer for ${LATE_MS / 1000} s`);
  }

  #fail(why: string, cause?: unknown): void {
    if (this.#isClosed) return;
    this.close();
    this.#onLost(new UserError(why, { cause }));
  }
}

/** Makes replies of bytes as they arrive. */
export class Replies {
  /** The start of a reply that is not complete, and how long it has to be at least. */
  #rest: Buffer = Buffer.allocUnsafe(64 << 10);
  #restBytes = 0;
  #leastBytes = 0;
  /** What is read, and how far it is read. */
  #bytes: Buffer = this.#rest;
  #at = 0;

  /**
   * Takes bytes, and gives each reply that they complete.
   *
   * @throws {RangeError} if this is something else
   */
  push(chunk: Buffer, onReply: (reply: Reply) => void): void {
    this.#bytes = chunk;
    if (this.#restBytes > 0) {
      this.#rest = enlarged(this.#rest, this.#restBytes, chunk.length);
      this.#restBytes += chunk.copy(this.#rest, this.#restBytes);
      if (this.#restBytes < this.#leastBytes) return;
      this.#bytes = this.#rest.subarray(0, this.#restBytes);
    }
    const bytes = this.#bytes;
    let end = (this.#at = this.#leastBytes = 0);
    for (let reply = this.#next(); reply !== undefined; reply = this.#next()) {
      end = this.#at;
      onReply(reply);
    }
    this.#leastBytes -= end;
    this.#rest = enlarged(this.#rest, 0, bytes.length - end);
    this.#restBytes = bytes.copy(this.#rest, 0, end);
  }

  /** Undefined if it is not complete. */
  #next(): Reply | undefined {
    const bytes = this.#bytes;
    const lineEnd = bytes.indexOf(CR, this.#at);
    if (lineEnd < 0 || lineEnd + 2 > bytes.length) return undefined;
    const [type, text] = [bytes[this.#at] ?? 0, bytes.toString("latin1", this.#at + 1, lineEnd)];
    this.#at = lineEnd + 2;
    switch (String.fromCharCode(type)) {
      case "+":
        return text;
      case "-":
        return new Error(text);
      case ":":
        return Number(text);
      case "$":
        return this.#bulk(Number(text));
      case "*":
        return this.#array(Number(text));
      default:
        throw new RangeError("it does not answer as Redis does");
    }
  }

  #bulk(length: number): Reply | undefined {
    if (length < 0) return null;
    const [start, end] = [this.#at, this.#at + length];
    this.#at = end + 2;
    if (this.#at <= this.#bytes.length) return this.#bytes.subarray(start, end);
    this.#leastBytes = this.#at;
    return undefined;
  }

  #array(length: number): Reply | undefined {
    if (length < 0) return null;
    const replies: Reply[] = [];
    while (replies.length < length) {
      const reply = this.#next();
      if (reply === undefined) return undefined;
      replies.push(reply);
    }
    return replies;
  }
}

/** A buffer that has room for so many bytes more, with those that it has. */
function enlarged(buffer: Buffer, filled: number, more: number): Buffer {
  if (filled + more <= buffer.length) return buffer;
  const larger = Buffer.allocUnsafe(2 * (filled + more));
  buffer.copy(larger, 0, 0, filled);
  return larger;
}
