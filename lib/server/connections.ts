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
 * leaver at once, over TLS after its handshake. One that a load balancer passes on
 * has a life before that, in which it is not known whose it is
 * (lib/server/proxied-guest.ts). Guests (lib/server/guest.ts),
 * members and leavers that are still owed something (lib/room/) hold a seat. The
 * others hold none, and the oldest of them makes room for a newcomer: so the
 * file limit, at which Bun would call `accept` in a tight loop, is never reached.
 */

import { formatAddress, unmapAddress } from "../program/address.ts";
import { KEEP_ALIVE_MS } from "../program/keep-alive.ts";
import { Deadlines } from "../room/deadlines.ts";
import { notAllowedFrom, ROOM_IS_FULL, tooManyFrom } from "../program/server-messages.ts";
import type { Identity } from "../room/names.ts";
import type { Room } from "../room/room.ts";
import { GONE, type Life } from "../room/socket.ts";
import { AddressCounts } from "./access.ts";
import {
  type AcceptedSocket,
  BY_WEB,
  type ConnectionsOptions,
  type Counts,
  DEFAULTS,
  type Way,
} from "./connection-options.ts";
import { Guest, type Waiting } from "./guest.ts";
import { ProxiedGuest } from "./proxied-guest.ts";
import type { Client } from "./proxy-protocol.ts";
import { TelnetSocket } from "./telnet.ts";

const NEVER = Number.POSITIVE_INFINITY;
const NOTHING: Uint8Array = new Uint8Array(0);
/** Behind a socket in whose place there is another one: what happens to it, happens there too. */
const HANDED_ON: Life = { ...GONE };

/** The owner of every open socket. */
export class Connections {
  readonly room: Room;
  readonly settings: ConnectionsOptions & typeof DEFAULTS;
  /** What the first line of newcomers has to be from now on. */
  passPhrase: Uint8Array | undefined;
  /** Guests that hold a seat, and those that only wait to be refused. */
  readonly seated: Deadlines<Waiting>;
  readonly refused: Deadlines<Waiting>;
  readonly #deadlines: readonly Deadlines<Waiting>[];
  readonly #addresses: AddressCounts<AcceptedSocket> | undefined;
  #open = 0;
  #openByWeb = 0;
  #unixClients = 0;
  #stopAtMs = NEVER;
  #isOverdue = false;
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

  /** Whether all seats are taken, and so many places more. */
  isFull(more = 0): boolean {
    return this.seated.size + this.room.seats >= this.settings.clientsMax + more;
  }

  /**
   * Whether one is let into a full room because it succeeds its own old connection, which ends once
   * it is in. Until then it has a place of those that linger, of which one is left.
   */
  succeeds(identity: Identity | undefined): boolean {
    if (identity === undefined || this.isFull(this.settings.lingerersMax - 1)) return false;
    return this.room.names?.isHere(identity) === true;
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
      stream: this.room.sharing?.order.state,
    };
  }

  /** accept: a connection has come. */
  accept(socket: AcceptedSocket, way: Way = this.settings): void {
    const { unix } = way;
    const { proxies } = this.settings;
    this.#open++;
    if (way === BY_WEB) this.#openByWeb++;
    socket.data = GONE;
    const address = unix ? "" : socket.remoteAddress;
    // A peer that has reset by now has no address any more, and never was here.
    if (address === undefined) return socket.terminate();
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    const end = { address, port: socket.remotePort };
    if (unix || way === BY_WEB || !proxies?.admits(address)) return this.meet(socket, end, way);
    this.#makeRoom();
    new ProxiedGuest(this, socket, end);
  }

  /**
   * It is known whose connection it is.
   *
   * @param firstBytes what the client has said already
   */
  meet(
    accepted: AcceptedSocket,
    { address, port }: Client,
    way: Way = this.settings,
    firstBytes = NOTHING,
  ): void {
    const { unix, handshake, telnet } = way;
    const place = unix ? `unix:${++this.#unixClients}` : formatAddress(address, port);
    const name = way === BY_WEB ? `web:${place}` : place;
    const arrive = (plain: AcceptedSocket) => {
      const socket = telnet ? new TelnetSocket(plain) : plain;
      const refusal = this.#refusalOf(socket, unmapAddress(address));
      this.#makeRoom();
      if (refusal === undefined || handshake)
        new Guest(this, socket, name, handshake, refusal).arrive();
      else this.room.refuse(socket, name, refusal);
    };
    const { startTls } = this.settings;
    if (startTls && handshake)
      return this.#handOn(accepted, () => startTls(accepted, firstBytes, arrive));
    arrive(accepted);
    if (firstBytes.length > 0) accepted.data.received(firstBytes);
  }

  /** close: a connection is gone. */
  closed(accepted: AcceptedSocket, way: Way = this.settings): void {
    if (accepted.data === HANDED_ON) return;
    const socket = accepted.data instanceof TelnetSocket ? accepted.data : accepted;
    socket.data.closed();
    this.#addresses?.remove(socket);
    this.#open--;
    if (way === BY_WEB) this.#openByWeb--;
    this.#finishStop();
  }

  /** Does the work of a turn: `Room.flush`, and disconnects guests that have taken too long. */
  flush(): void {
    const now = this.room.settings.now();
    for (const guests of this.#deadlines) for (const guest of guests.over(now)) guest.late();
    this.room.flush();
    if (now >= this.#stopAtMs) {
      this.#stopAtMs = NEVER;
      this.#isOverdue = true;
      this.#stopGuests();
      this.room.abort();
    }
    this.#finishStop();
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
    this.#finishStop();
    return this.#stopped.promise;
  }

  /** A stop is over once nobody is left, and members of other servers can hear all that was said here. */
  #finishStop(): void {
    const isOver = this.#open === 0 && (this.room.sharing?.hasSaidAll !== false || this.#isOverdue);
    if (isOver) this.#stopped?.resolve();
  }

  #stopGuests(): void {
    for (const guests of this.#deadlines) for (const guest of guests.over()) guest.stopped();
  }

  /** Another socket takes the place of this one, unless that fails. */
  #handOn(accepted: AcceptedSocket, start: () => void): void {
    accepted.data = HANDED_ON;
    try {
      start();
    } catch (error) {
      accepted.data = GONE;
      accepted.terminate();
      throw error;
    }
  }

  /** One connection too many takes the place of the one that has lingered longest. */
  #makeRoom(): void {
    const { clientsMax, lingerersMax } = this.settings;
    const isOneTooMany = this.#open > clientsMax + lingerersMax;
    if (isOneTooMany && !this.room.closeOldest()) this.refused.first?.failed();
  }

  /** Why a newcomer cannot stay. */
  #refusalOf(socket: AcceptedSocket, address: string): string | undefined {
    const { rules } = this.settings;
    const isOneTooMany = this.#addresses?.add(socket, address) === false;
    if (rules?.admits(address) === false) return notAllowedFrom(address);
    if (isOneTooMany) return tooManyFrom(address);
    return this.isFull() ? ROOM_IS_FULL : undefined;
  }
}
