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
import { Deadlines } from "../room/deadlines.ts";
import { notAllowedFrom, ROOM_IS_FULL, tooManyFrom } from "../room/last-words.ts";
import type { Room } from "../room/room.ts";
import { GONE, type Life, type RoomSocket } from "../room/socket.ts";
import type { Tally } from "../room/tally.ts";
import { AddressCounts, type AddressRules } from "./access.ts";
import { Guest } from "./guest.ts";
import type { Certified } from "./identity.ts";
import { TelnetSocket } from "./telnet.ts";
import { handshakeFailure } from "./tls-words.ts";

const NEVER = Number.POSITIVE_INFINITY;

/** A socket that was accepted; one of `Bun.listen` is one. */
export interface AcceptedSocket extends RoomSocket, Certified {
  /** Undefined on a Unix socket, and of a peer that has reset already. */
  readonly remoteAddress?: string;
  readonly remotePort: number;
  setNoDelay(noDelay: boolean): unknown;
  setKeepAlive(keepAlive: boolean, delayMs: number): unknown;
}

/** How connections come. */
export interface Way {
  /** Whether clients have no addresses, as on a Unix socket. */
  readonly unix: boolean;
  /** Whether there is a TLS handshake to wait for. */
  readonly handshake: boolean;
  /** Whether clients are spoken to as telnet does; not by default. */
  readonly telnet?: boolean | undefined;
}

/** As a WebSocket, whose handshakes are over. */
export const BY_WEB: Way = { unix: false, handshake: false };

/** Who may connect, how many, and what they have to show; and how all come who do not come by web. */
export interface ConnectionsOptions extends Way {
  /** What the first line has to be, without its line end. */
  readonly passPhrase?: Uint8Array | undefined;
  /** How long a guest may take for each thing asked of it, in ms; 10 s by default. */
  readonly guestMs?: number;
  /** How many guests and members there may be; any number by default. */
  readonly clientsMax?: number;
  /** How many more may be open, refused or lingering after EOF, at least 1; 64 by default. */
  readonly lingerersMax?: number;
  /** Which addresses may connect; any by default. */
  readonly rules?: AddressRules | undefined;
  /** How many open sockets one address may have; any number by default. */
  readonly clientsPerAddressMax?: number | undefined;
}

const DEFAULTS = { guestMs: 10_000, clientsMax: NEVER, lingerersMax: 64 };

/** Figures of a room and its connections, at one moment. */
export interface Counts {
  readonly states: { readonly guest: number; readonly member: number; readonly leaver: number };
  /** Open connections, by how they have come. */
  readonly kinds: Readonly<Record<string, number>>;
  readonly clientsMax: number;
  readonly tally: Readonly<Tally>;
  readonly log: {
    readonly saidBytes: number;
    readonly owedBytes: number;
    readonly sizeBytes: number;
  };
}

/** The owner of every open socket. */
export class Connections {
  readonly room: Room;
  readonly settings: ConnectionsOptions & typeof DEFAULTS;
  /** What the first line of newcomers has to be from now on. */
  passPhrase: Uint8Array | undefined;
  /** Guests that hold a seat, and those that only wait to be refused. */
  readonly seated: Deadlines<Guest>;
  readonly refused: Deadlines<Guest>;
  readonly #deadlines: readonly Deadlines<Guest>[];
  readonly #addresses: AddressCounts<AcceptedSocket> | undefined;
  #open = 0;
  #openByWeb = 0;
  #unixClients = 0;
  #stopAtMs = NEVER;
  #stopped: PromiseWithResolvers<void> | undefined;

  constructor(room: Room, options: ConnectionsOptions) {
    this.room = room;
    this.settings = { ...DEFAULTS, ...options };
    const { passPhrase, guestMs, clientsPerAddressMax } = this.settings;
    this.passPhrase = passPhrase;
    this.seated = new Deadlines(guestMs, room.settings.now);
    this.refused = new Deadlines(guestMs, room.settings.now);
    this.#deadlines = [this.seated, this.refused];
    this.#addresses = clientsPerAddressMax ? new AddressCounts(clientsPerAddressMax) : undefined;
  }

  /** How many sockets are open. */
  get open(): number {
    return this.#open;
  }

  /** Figures, looked up at the price of a look at each member. */
  get counts(): Counts {
    const { log, size, members, lingering, tally, settings } = this.room;
    const { unix, handshake, clientsMax } = this.settings;
    return {
      states: {
        guest: this.seated.size + this.refused.size,
        member: members.length,
        leaver: size - members.length + lingering.size,
      },
      kinds: {
        [unix ? "unix" : handshake ? "tls" : "tcp"]: this.#open - this.#openByWeb,
        web: this.#openByWeb,
      },
      clientsMax,
      tally,
      log: { saidBytes: log.head, owedBytes: log.head - log.tail, sizeBytes: settings.logBytes },
    };
  }

  /** accept: a connection has come. */
  accept(accepted: AcceptedSocket, way: Way = this.settings): void {
    const { unix, handshake, telnet } = way;
    const { clientsMax, lingerersMax } = this.settings;
    const socket = telnet ? new TelnetSocket(accepted) : accepted;
    this.#open++;
    if (way === BY_WEB) this.#openByWeb++;
    socket.data = GONE;
    const address = unix ? "" : socket.remoteAddress;
    // A peer that has reset by now has no address any more, and never was here.
    if (address === undefined) return socket.terminate();
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    const place = unix ? `unix:${++this.#unixClients}` : formatAddress(address, socket.remotePort);
    const name = way === BY_WEB ? `web:${place}` : place;
    const refusal = this.#refusalOf(socket, unmapAddress(address));
    const isOneTooMany = this.#open > clientsMax + lingerersMax;
    if (isOneTooMany && !this.room.closeOldest()) this.refused.first?.failed();
    if (refusal === undefined || handshake)
      new Guest(this, socket, name, handshake, refusal).arrive();
    else this.room.refuse(socket, name, refusal);
  }

  /** close: a connection is gone. */
  closed(accepted: AcceptedSocket, way: Way = this.settings): void {
    const socket = accepted.data instanceof TelnetSocket ? accepted.data : accepted;
    socket.data.closed();
    this.#addresses?.remove(socket);
    this.#open--;
    if (way === BY_WEB) this.#openByWeb--;
    if (this.#open === 0) this.#stopped?.resolve();
  }

  /** Does the work of a turn: `Room.flush`, and disconnects guests that have taken too long. */
  flush(): void {
    const now = this.room.settings.now();
    for (const guests of this.#deadlines) for (const guest of guests.over(now)) guest.late();
    this.room.flush();
    if (now >= this.#stopAtMs) {
      this.#stopAtMs = NEVER;
      this.#stopGuests();
      this.room.abort();
    }
    const dueAtMs = Math.min(this.seated.dueAtMs, this.refused.dueAtMs, this.#stopAtMs);
    if (dueAtMs !== NEVER) this.room.settings.wake(Math.max(1, dueAtMs - now));
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
    this.#stopAtMs = this.room.settings.now() + graceMs;
    this.room.stop();
    this.#stopGuests();
    if (this.#open === 0) this.#stopped.resolve();
    return this.#stopped.promise;
  }

  #stopGuests(): void {
    for (const guests of this.#deadlines) for (const guest of guests.over()) guest.stopped();
  }

  /** Why a newcomer cannot stay. */
  #refusalOf(socket: AcceptedSocket, address: string): string | undefined {
    const { rules, clientsMax } = this.settings;
    const isOneTooMany = this.#addresses?.add(socket, address) === false;
    if (rules?.admits(address) === false) return notAllowedFrom(address);
    if (isOneTooMany) return tooManyFrom(address);
    return this.seated.size + this.room.seats >= clientsMax ? ROOM_IS_FULL : undefined;
  }
}

/** The socket handlers, one line an event; `onError` is told if one has failed, which is a bug. */
export function handlersOf(
  connections: Connections,
  asksForCertificate: () => boolean,
  onError?: (error: Error) => void,
): Bun.SocketHandler<Life> {
  return {
    open: (socket) => connections.accept(socket),
    handshake: ({ data, authorized }, success, error) =>
      data.handshaken?.(handshakeFailure(success, error, asksForCertificate(), authorized)),
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
