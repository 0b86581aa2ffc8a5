/**
 * Every open socket, from accept to close. Each has one life at a time, which
 * `socket.data` is; what happens to the socket goes there:
 *
 * | event          | guest                         | member                        | leaver          |
 * | -------------- | ----------------------------- | ----------------------------- | --------------- |
 * | handshake over | asked for its pass phrase     | –                             | –               |
 * | bytes came     | compared with the pass phrase | framed, said                  | discarded       |
 * | drained        | –                             | written on                    | written on      |
 * | input ended    | refused                       | last words said, then leaves  | –               |
 * | closed         | forgotten                     | whole lines still said        | forgotten       |
 * | failed         | reset                         | reset                         | reset           |
 * | too late       | refused                       | leaves (idle) or reset (slow) | closed or reset |
 * | server stops   | leaves                        | leaves                        | –               |
 *
 * A guest becomes a member, a member a leaver; a newcomer that is refused is a
 * leaver at once, over TLS after its handshake. Guests (lib/server/guest.ts),
 * members and leavers that are still owed something (lib/room/) hold a seat. The
 * others hold none, and the oldest of them makes room for a newcomer: so the
 * file limit, at which Bun would call `accept` in a tight loop, is never reached.
 */

import { formatAddress, unmapAddress } from "../program/address.ts";
import { KEEP_ALIVE_MS } from "../program/keep-alive.ts";
import type { Room } from "../room/room.ts";
import { GONE, type Life, type RoomSocket } from "../room/socket.ts";
import { AddressCounts, type AddressRules } from "./access.ts";
import { Guests, type GuestsOptions } from "./guest.ts";
import { handshakeFailure } from "./tls-words.ts";

const NEVER = Number.POSITIVE_INFINITY;

/** A socket that was accepted; one of `Bun.listen` is one. */
export interface AcceptedSocket extends RoomSocket {
  /** Undefined on a Unix socket, and of a peer that has reset already. */
  readonly remoteAddress?: string;
  readonly remotePort: number;
  setNoDelay(noDelay: boolean): unknown;
  setKeepAlive(keepAlive: boolean, delayMs: number): unknown;
}

/** Who may connect, and how many. */
export interface ConnectionsOptions extends GuestsOptions {
  /** Whether clients have no addresses, as on a Unix socket. */
  readonly unix: boolean;
  /** How many guests and members there may be; any number by default. */
  readonly clientsMax?: number;
  /** How many more sockets may be open that are refused, or linger after their EOF, at least 1; 64 by default. */
  readonly lingerersMax?: number;
  /** Which addresses may connect; any by default. */
  readonly rules?: AddressRules | undefined;
  /** How many open sockets one address may have; any number by default. */
  readonly clientsPerAddressMax?: number | undefined;
}

/** The owner of every open socket. */
export class Connections {
  readonly #room: Room;
  readonly #guests: Guests;
  readonly #options: ConnectionsOptions;
  readonly #clientsMax: number;
  readonly #openMax: number;
  readonly #addresses: AddressCounts<AcceptedSocket> | undefined;
  #open = 0;
  #unixClients = 0;
  #stopAtMs = NEVER;
  #stopped: PromiseWithResolvers<void> | undefined;

  constructor(room: Room, options: ConnectionsOptions) {
    const { clientsMax = NEVER, lingerersMax = 64, clientsPerAddressMax } = options;
    this.#room = room;
    this.#guests = new Guests(room, options);
    this.#options = options;
    this.#clientsMax = clientsMax;
    this.#openMax = clientsMax + lingerersMax;
    this.#addresses = clientsPerAddressMax ? new AddressCounts(clientsPerAddressMax) : undefined;
  }

  /** How many sockets are open. */
  get open(): number {
    return this.#open;
  }

  /** What the first line of newcomers has to be from now on. */
  set passPhrase(phrase: Uint8Array) {
    this.#guests.passPhrase = phrase;
  }

  /** accept: a connection has come. */
  accept(socket: AcceptedSocket): void {
    const { unix, handshake } = this.#options;
    this.#open++;
    socket.data = GONE;
    const address = unix ? "" : socket.remoteAddress;
    // A peer that has reset by now has no address any more, and never was here.
    if (address === undefined) return socket.terminate();
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    const name = unix ? `unix:${++this.#unixClients}` : formatAddress(address, socket.remotePort);
    const refusal = this.#refusalOf(socket, unmapAddress(address));
    if (this.#open > this.#openMax && !this.#room.closeOldest()) this.#guests.closeOldest();
    if (refusal === undefined || handshake) this.#guests.arrive(socket, name, refusal);
    else this.#room.refuse(socket, name, refusal);
  }

  /** close: a connection is gone. */
  closed(socket: AcceptedSocket): void {
    socket.data.closed();
    this.#addresses?.remove(socket);
    this.#open--;
    if (this.#open === 0) this.#stopped?.resolve();
  }

  /** Does the work of a turn: `Room.flush`, and disconnects guests that have taken too long. */
  flush(): void {
    const now = this.#room.settings.now();
    this.#guests.flush(now);
    this.#room.flush();
    if (now >= this.#stopAtMs) this.#abort();
    const dueAtMs = Math.min(this.#guests.dueAtMs, this.#stopAtMs);
    if (dueAtMs !== NEVER) this.#room.wake(Math.max(1, dueAtMs - now));
  }

  /**
   * Hands everybody what they are owed, then EOF.
   *
   * @param graceMs how long to wait for those who read slowly, in ms
   * @returns once the last connection is gone; the same promise when called again
   */
  stop(graceMs: number): Promise<void> {
    if (this.#stopped) return this.#stopped.promise;
    this.#stopped = Promise.withResolvers();
    this.#stopAtMs = this.#room.settings.now() + graceMs;
    this.#room.stop();
    this.#guests.stop();
    if (this.#open === 0) this.#stopped.resolve();
    return this.#stopped.promise;
  }

  #abort(): void {
    this.#stopAtMs = NEVER;
    this.#guests.stop();
    this.#room.abort();
  }

  /** Why a newcomer cannot stay. */
  #refusalOf(socket: AcceptedSocket, address: string): string | undefined {
    const { rules } = this.#options;
    const isOneTooMany = this.#addresses?.add(socket, address) === false;
    if (rules?.admits(address) === false) return `not allowed from ${address}`;
    if (isOneTooMany) return `too many connections from ${address}`;
    if (this.#guests.seats + this.#room.seats >= this.#clientsMax) return "room is full";
    return undefined;
  }
}

/**
 * The socket handlers, one line an event.
 *
 * @param asksForCertificate whether a client has to have a certificate
 * @param onError told when a handler has failed, which is a bug
 */
export function handlersOf(
  connections: Connections,
  asksForCertificate: boolean,
  onError?: (error: Error) => void,
): Bun.SocketHandler<Life> {
  return {
    open: (socket) => connections.accept(socket),
    handshake: ({ data, authorized }, success, error) =>
      data.handshaken?.(handshakeFailure(success, error, asksForCertificate, authorized)),
    data: ({ data }, bytes) => data.received(bytes),
    drain: ({ data }) => data.drained(),
    end: ({ data }) => data.ended(),
    close: (socket) => connections.closed(socket),
    error({ data }, error) {
      onError?.(error);
      data.failed();
    },
  };
}
