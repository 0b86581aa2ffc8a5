/**
 * A client that takes what it is sent as slowly as it is told. Bun's sockets read
 * all there is at once, so it asks the C library for a socket, with a small buffer.
 */

import { openCLibrary } from "../../lib/program/network.ts";
import { atEnd } from "../harness.ts";

const TRANSFER = { args: ["i32", "buffer", "u64", "i32"], returns: "i64" } as const;
/** Undefined where there is none, and tests that need it are skipped. */
const libc = openCLibrary({
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "buffer", "u32"], returns: "i32" },
  getsockopt: { args: ["i32", "i32", "i32", "buffer", "buffer"], returns: "i32" },
  connect: { args: ["i32", "buffer", "u32"], returns: "i32" },
  send: TRANSFER,
  recv: TRANSFER,
  close: { args: ["i32"], returns: "i32" },
});

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_RCVBUF = 8;
const MSG_DONTWAIT = 0x40;
const TICK_MS = 10;

export interface SlowReaderOptions {
  bytesPerSecond: number;
  /** The size of its receive buffer. */
  bufferBytes?: number;
}

export class SlowReader {
  /** Whether this machine has what it needs. */
  static readonly works = libc !== undefined;

  readonly #libc = libc!; // Nobody makes one where it does not work.
  readonly #file = this.#libc.socket(AF_INET, SOCK_STREAM, 0);
  readonly #timer: Timer;
  readonly #buffer = new Uint8Array(64 << 10);
  readonly #chunks: Buffer[] = [];
  #takenBytes = 0;
  #open = true;
  /** How the server has ended the connection. */
  ending: "end of input" | "reset" | undefined;

  /** Connects to a port of 127.0.0.1, and reads from then on. */
  constructor(port: number, { bytesPerSecond, bufferBytes = 4096 }: SlowReaderOptions) {
    this.#libc.setsockopt(this.#file, SOL_SOCKET, SO_RCVBUF, Int32Array.of(bufferBytes), 4);
    const address = new Uint8Array(16);
    address.set([AF_INET, 0, port >> 8, port & 255, 127, 0, 0, 1]);
    if (this.#libc.connect(this.#file, address, address.length) !== 0)
      throw new Error(`cannot connect to port ${port}`);
    atEnd(() => this.close());
    const sinceMs = performance.now();
    this.#timer = setInterval(() => {
      const due = ((performance.now() - sinceMs) * bytesPerSecond) / 1000;
      this.#read(Math.floor(due) - this.#takenBytes);
    }, TICK_MS);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** Says something short. */
  say(text: string): void {
    this.#libc.send(this.#file, Buffer.from(text), text.length, 0);
  }

  close(): void {
    clearInterval(this.#timer);
    if (this.#open) this.#libc.close(this.#file);
    this.#open = false;
  }

  #read(bytesMax: number): void {
    const error = new Int32Array(1);
    this.#libc.getsockopt(this.#file, SOL_SOCKET, SO_ERROR, error, Uint32Array.of(4));
    if (error[0] !== 0) return this.#end("reset");
    for (let left = bytesMax; left > 0;) {
      const size = Math.min(left, this.#buffer.length);
      const count = Number(this.#libc.recv(this.#file, this.#buffer, size, MSG_DONTWAIT));
      if (count === 0) return this.#end("end of input");
      // What it could have taken and was not there is not made up for later.
      if (count < 0) return void (this.#takenBytes += left);
      this.#chunks.push(Buffer.from(this.#buffer.subarray(0, count)));
      this.#takenBytes += count;
      left -= count;
    }
  }

  #end(ending: "end of input" | "reset"): void {
    this.ending = ending;
    clearInterval(this.#timer);
  }
}
