/** Somebody between clients and a server, who hands on what comes, and each end, until told otherwise. */

import { connect, createServer, type Socket } from "node:net";
import { Transform } from "node:stream";

import { atEnd } from "../harness.ts";
import { listenSomewhere } from "./host.ts";

/** Both ends of a connection there: towards the client, and towards the server. */
export interface Wire {
  readonly near: Socket;
  readonly far: Socket;
}

export class Between {
  /** Where clients connect to. */
  port = 0;
  /** Whether what the server sends goes no further. */
  swallows = false;
  /** All connections so far. */
  readonly wires: Wire[] = [];
  readonly #server;

  /** @param to the port of the server */
  static async open(to: number): Promise<Between> {
    const between = new Between(to);
    between.port = await listenSomewhere(between.#server);
    atEnd(() => between.end());
    return between;
  }

  private constructor(to: number) {
    this.#server = createServer({ allowHalfOpen: true }, (near) => {
      const far = connect({ host: "127.0.0.1", port: to, allowHalfOpen: true });
      near.on("error", () => far.destroy());
      far.on("error", () => near.destroy());
      const swallow = (bytes: Buffer) => (this.swallows ? undefined : bytes);
      const answers = new Transform({ transform: (bytes, _, done) => done(null, swallow(bytes)) });
      near.pipe(far).pipe(answers).pipe(near);
      this.wires.push({ near, far });
    });
  }

  /** Where servers connect to, if it is Redis that is behind it. */
  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Breaks all connections. */
  cut(): void {
    for (const { near, far } of this.wires.splice(0))
      for (const socket of [near, far]) if (!socket.destroyed) socket.resetAndDestroy();
  }

  /** Breaks all connections, and takes no more: to the others, a server behind it is dead. */
  end(): void {
    this.#server.close();
    this.cut();
  }
}
