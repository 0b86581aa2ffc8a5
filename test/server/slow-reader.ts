/** A client that takes what it is sent as slowly as it is told. */

import { openCLibrary } from "../../lib/program/network.ts";
import { atEnd } from "../harness.ts";

/** Undefined where there is none, and tests that need it are skipped. */
const libc = openCLibrary({
  setsockopt: { args: ["i32", "i32", "i32", "buffer", "u32"], returns: "i32" },
});
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;

export interface SlowReaderOptions {
  bytesPerSecond: number;
  /** The size of its receive buffer: Bun reads all that there is at once. */
  bufferBytes?: number;
}

export class SlowReader {
  /** Whether this machine has what it needs. */
  static readonly works = libc !== undefined;

  readonly #socket: Promise<Bun.Socket<undefined>>;
  readonly #chunks: Buffer[] = [];
  /** How the server has ended the connection. */
  ending: "end of input" | "reset" | undefined;

  /** Connects to a port of 127.0.0.1, and reads from then on. */
  constructor(port: number, { bytesPerSecond, bufferBytes = 4096 }: SlowReaderOptions) {
    const socket: Bun.SocketHandler<undefined> = {
      open(socket) {
        const size = Int32Array.of(bufferBytes);
        libc?.setsockopt(Reflect.get(socket, "fd"), SOL_SOCKET, SO_RCVBUF, size, size.byteLength);
      },
      data: (socket, bytes) => {
        this.#chunks.push(Buffer.from(bytes));
        socket.pause();
        setTimeout(() => socket.resume(), (bytes.length / bytesPerSecond) * 1000);
      },
      end: () => void (this.ending = "end of input"),
      close: () => void (this.ending ??= "reset"),
      error() {},
    };
    this.#socket = Bun.connect<undefined>({ hostname: "127.0.0.1", port, socket });
    atEnd(async () => (await this.#socket).terminate());
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}
