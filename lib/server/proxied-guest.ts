/** A connection that a load balancer passes on: whose it is, its first bytes tell. */

import { formatAddress } from "../program/address.ts";
import { formatTime } from "../program/units.ts";
import type { Deadlines } from "../room/deadlines.ts";
import { NO_PROXY_HEADER, noProxyHeaderWithin } from "../program/server-messages.ts";
import { close, GONE, type Life } from "../room/socket.ts";
import type { AcceptedSocket } from "./connection-options.ts";
import type { Connections } from "./connections.ts";
import type { Waiting } from "./guest.ts";
import { type Client, readProxyHeader } from "./proxy-protocol.ts";

/** One whose PROXY header is awaited; what follows it comes from the client. */
export class ProxiedGuest implements Life, Waiting {
  readonly #connections: Connections;
  readonly #socket: AcceptedSocket;
  readonly #proxy: Client;
  readonly #deadlines: Deadlines<Waiting>;
  #said = new Uint8Array(0);
  /** Whether the load balancer has said that it is there for itself; mostly it only looks, and goes again. */
  #isLocal = false;

  constructor(connections: Connections, socket: AcceptedSocket, proxy: Client) {
    this.#connections = connections;
    this.#socket = socket;
    this.#proxy = proxy;
    this.#deadlines = connections.isFull() ? connections.refused : connections.seated;
    this.#deadlines.start(this);
    socket.data = this;
    connections.room.settings.wake(0);
  }

  received(bytes: Uint8Array): void {
    if (this.#isLocal) return this.#meet(this.#proxy, bytes);
    this.#said = Buffer.concat([this.#said, bytes]);
    let header;
    try {
      header = readProxyHeader(this.#said);
    } catch (error) {
      return this.#refuse(error instanceof Error ? error.message : String(error));
    }
    if (header === undefined) return;
    const rest = this.#said.subarray(header.bytes);
    this.#isLocal = header.isLocal && rest.length === 0;
    if (!this.#isLocal) this.#meet(header.client ?? this.#proxy, rest);
  }

  drained(): void {}

  ended(): void {
    if (this.#isLocal) close(this.#socket);
    else this.#refuse(NO_PROXY_HEADER);
  }

  closed(): void {
    this.#socket.data = GONE;
    this.#deadlines.stop(this);
  }

  failed(reason = "reset"): void {
    this.closed();
    this.#report(reason);
    this.#socket.terminate();
  }

  stopped(): void {
    this.#report("server stopping");
    close(this.#socket);
  }

  late(): void {
    if (this.#isLocal) return this.#meet(this.#proxy);
    this.#refuse(noProxyHeaderWithin(formatTime(this.#connections.settings.guestMs)));
  }

  #meet(client: Client, firstBytes?: Uint8Array): void {
    this.#deadlines.stop(this);
    this.#connections.meet(this.#socket, client, undefined, firstBytes);
  }

  /** Where TLS is to begin after the header, a word in plain text would only confuse. */
  #refuse(word: string): void {
    if (this.#connections.settings.handshake) return this.failed(word);
    this.#deadlines.stop(this);
    this.#connections.room.refuse(this.#socket, this.#name, word);
  }

  get #name(): string {
    return formatAddress(this.#proxy.address, this.#proxy.port);
  }

  #report(why: string): void {
    this.#connections.room.settings.onRefuse?.(this.#name, why);
  }
}
