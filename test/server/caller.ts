/** A connection that a test drives: from any address of this machine, to a path, or over TLS. */

import { atEnd } from "../harness.ts";
import { eventually } from "../harness/watched.ts";
import type { Place } from "./served.ts";

export interface CallerOptions {
  /** The address it comes from; 127.0.0.1 by default. All of 127.0.0.0/8 is this machine. */
  from?: string;
  /** Speaks TLS, without looking at the server's certificate. */
  tls?: { cert?: string; key?: string } | undefined;
  /** Keeps its side open after the server has ended its own. */
  stays?: boolean;
}

/** How the server ended a connection. */
export type Ending = "end of input" | "reset";

export class Caller {
  #socket: Bun.Socket<undefined> | undefined;
  readonly #chunks: Buffer[] = [];
  #handshaken = false;
  #drained = Promise.withResolvers<void>();
  #name = "";
  /** How the server has ended its side. */
  ending: Ending | undefined;
  /** Whether nothing of the connection is left. */
  closed = false;

  /** Connects; over TLS, the handshake goes on after this. */
  static async connect(place: Place, options: CallerOptions = {}): Promise<Caller> {
    const caller = new Caller();
    atEnd(() => caller.reset());
    const how = {
      allowHalfOpen: true,
      // Bun takes it, although its types do not list it.
      ...(options.from ? { localAddress: options.from } : {}),
      ...(options.tls ? { tls: { ...options.tls, rejectUnauthorized: false } } : {}),
      socket: caller.#handlers(options.stays ?? false),
    };
    if ("unix" in place) await Bun.connect({ unix: place.unix, ...how });
    else await Bun.connect({ hostname: "127.0.0.1", port: place.port, ...how });
    return caller;
  }

  private constructor() {}

  /** What the server calls it, unless it comes by a path. */
  get name(): string {
    return this.#name;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.bytes.toString("latin1");
  }

  /** Says something short. */
  say(what: string | Uint8Array): void {
    const bytes = Buffer.from(what);
    this.#socket?.write(bytes, 0, bytes.length);
  }

  /** Says as much as there is, as fast as it is taken. */
  async sayAll(bytes: Uint8Array): Promise<void> {
    for (let offset = 0; offset < bytes.length && !this.closed;) {
      const drained = (this.#drained = Promise.withResolvers<void>());
      const taken = this.#socket?.write(bytes, offset, bytes.length - offset) ?? -1;
      if (taken < 0) return;
      offset += taken;
      if (offset < bytes.length) await drained.promise;
    }
  }

  halfClose(): void {
    this.#socket?.shutdown();
  }

  /** Stops reading. */
  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  reset(): void {
    this.#socket?.terminate();
  }

  /** Waits until TLS is agreed on. */
  handshaken(): Promise<true> {
    return eventually("a handshake", () => this.#handshaken);
  }

  async hears(text: string): Promise<void> {
    await eventually(`${JSON.stringify(text)}; it heard ${JSON.stringify(this.text)}`, () =>
      this.text.includes(text),
    );
  }

  /** Waits until the server has ended it; returns how. */
  ended(withinMs?: number): Promise<Ending> {
    return eventually("the server to end a connection", () => this.ending, withinMs);
  }

  #handlers(stays: boolean): Bun.SocketHandler<undefined> {
    return {
      open: (socket) => {
        this.#socket = socket;
        this.#name = `${socket.localAddress}:${socket.localPort}`;
      },
      handshake: () => {
        this.#handshaken = true;
      },
      data: (_, bytes) => {
        this.#chunks.push(Buffer.from(bytes));
      },
      drain: () => this.#drained.resolve(),
      end: (socket) => {
        this.ending ??= "end of input";
        if (!stays) socket.end();
      },
      close: (_, error) => {
        this.closed = true;
        this.#drained.resolve();
        this.ending ??= error ? "reset" : "end of input";
      },
      error() {},
    };
  }
}
