/** A server of which the test plays every part, for what clients do. */

import { createServer, type Server } from "node:net";

import { atEnd, Peer } from "../harness.ts";
import { Watched } from "./watched.ts";

export class Host {
  readonly #guests: Peer[] = [];
  readonly #changes = new Watched();
  readonly #server = createServer({ allowHalfOpen: true }, (socket) => {
    this.#guests.push(new Peer(socket));
    this.#changes.changed();
  });
  port = 0;

  /** @param port 0 takes a free one */
  static async open(port = 0): Promise<Host> {
    const host = new Host();
    host.#server.unref(); // A test that forgets it does not keep its file from ending.
    host.port = await listenSomewhere(host.#server, port);
    return host;
  }

  /** The next one that connects, seen from here: it "hears" what the client says. */
  guest(): Promise<Peer> {
    return this.#changes.until("a guest", () => this.#guests.shift());
  }

  /** Stops listening; who is connected stays so. */
  close(): void {
    this.#server.close();
  }
}

/** A relay that does to what one client sends, and to all others, what a test wants; returns its port. */
export function openRelay(hand: (bytes: Buffer, others: readonly Bun.Socket[]) => void): number {
  const clients = new Set<Bun.Socket>();
  const relay = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => void clients.add(socket),
      close: (socket) => void clients.delete(socket),
      data: (from, bytes) =>
        hand(
          bytes,
          [...clients].filter((client) => client !== from),
        ),
    },
  });
  atEnd(() => relay.stop(true));
  return relay.port;
}

/** Has a server listen on 127.0.0.1; returns its port, a free one unless it is given. */
export async function listenSomewhere(server: Server, port = 0): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
}
