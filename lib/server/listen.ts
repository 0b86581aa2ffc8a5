/** Stage 1, opening the server: getaddrinfo, socket, bind, listen, accept. */

import { AddressCounts, type AddressRules } from "./access.ts";
import { KEEP_ALIVE_MS } from "./client/connect.ts";
import { Door, type DoorSocket, Guest } from "./door.ts";
import { formatAddress, unmapAddress } from "./program/address.ts";
import type { TlsMaterial } from "./program/files.ts";
import { codeOf, UserError } from "./program/system-errors.ts";
import { Room, type RoomOptions } from "./room.ts";
import { listenOnPath } from "./unix-socket.ts";

/** Where to listen: on a port, or on a path in the file system. */
export type Place =
  | {
      /** The address to listen on; all of this machine, IPv6 and IPv4, by default. */
      host?: string | undefined;
      /** The port to listen on; 0 takes a free one. */
      port: number;
    }
  | {
      unix: string;
      /** The permissions of the socket; 0o600 by default. */
      unixMode?: number | undefined;
    };

export type ListenOptions = Place & ListenSettings;

export interface ListenSettings extends Omit<RoomOptions, "now" | "wake"> {
  /** Certificate and key, for TLS; with a CA, only clients that it has certified come in. */
  tls?: TlsMaterial | undefined;
  /** What the first line of a client has to be. */
  passPhrase?: Uint8Array | undefined;
  /** How long a connection may take for its handshake, and for its pass phrase, in ms; 10 s by default. */
  guestMs?: number;
  /** Which addresses may connect; any by default. */
  rules?: AddressRules | undefined;
  /** How many connections one address may have; any number by default. */
  clientsPerAddressMax?: number | undefined;
  /** A handler failed, which is a bug; its connection is ended. */
  onError?: (error: Error) => void;
}

/** A room that listens. */
export interface Server {
  readonly room: Room;
  /** Where it listens: `[::]:8080`, with the real port, or a path. */
  readonly address: string;
  /** The real port; 0 on a path. */
  readonly port: number;
  /** Has new connections use other certificates; those that are there are not disturbed. */
  renewTls(tls: TlsMaterial): Promise<void>;
  /**
   * Stops listening, hands everybody what they are owed, then EOF.
   *
   * @param graceMs how long to wait for those who read slowly, in ms; 5 s by default
   * @returns once the last connection is gone
   */
  stop(graceMs?: number): Promise<void>;
}

/** A connection's socket, with who sits behind it. */
type Socket = Bun.Socket<DoorSocket["data"]>;
type Listener =
  Bun.TCPSocketListener<DoorSocket["data"]> | Bun.UnixSocketListener<DoorSocket["data"]>;

/**
 * Opens a room on a port or a path; the classic `open_listenfd`, then `accept`
 * for ever.
 *
 * @throws {UserError} when it cannot listen there
 */
export async function listen(options: ListenOptions): Promise<Server> {
  const room = new Room({ ...options, ...eventLoop(() => room.flush()) });
  const door = new Door(room, {
    handshake: options.tls !== undefined,
    passPhrase: options.passPhrase,
    guestMs: options.guestMs ?? 10_000,
    standingMax: options.lingerersMax ?? 64,
    onRefuse: options.onRefuse,
  });
  const handlers = acceptInto(room, door, options);
  let listener = await openListener(options, options.tls, handlers);
  // Bun gives a listener on a path a port and a host name too, both undefined.
  const { hostname, port = 0 }: { hostname?: string; port?: number } = listener as object;
  return {
    room,
    address: "unix" in options ? options.unix : formatAddress(hostname ?? "", port),
    port,
    async renewTls(tls) {
      const place = "unix" in options ? options : { ...options, port };
      listener.stop();
      try {
        listener = await openListener(place, tls, handlers);
        options.tls = tls;
      } catch (error) {
        listener = await openListener(place, options.tls, handlers);
        throw error;
      }
    },
    stop(graceMs = 5_000) {
      listener.stop();
      return new Promise((resolve) => room.stop(graceMs, resolve));
    },
  };
}

/** accept: the handlers that bring connections to the door, and what happens to them to the room. */
function acceptInto(
  room: Room,
  door: Door,
  options: ListenSettings,
): Bun.SocketHandler<DoorSocket["data"]> {
  const counts = new AddressCounts(options.clientsPerAddressMax ?? Number.POSITIVE_INFINITY);
  const counted = new WeakMap<Socket, string>();
  let unixClients = 0;

  /** Whether a connection may come to the door; tells why not. */
  const admits = (socket: Socket, address: string): boolean => {
    const name = formatAddress(address, socket.remotePort);
    if (options.rules?.admits(address) === false) {
      options.onRefuse?.(name, "not allowed");
      return false;
    }
    if (options.clientsPerAddressMax === undefined) return true;
    const plain = unmapAddress(address);
    if (!counts.add(plain)) {
      options.onRefuse?.(name, "too many from its address");
      return false;
    }
    counted.set(socket, plain);
    return true;
  };

  return {
    open(socket) {
      if (isUnix(options)) return door.arrive(socket, `unix:${++unixClients}`);
      const address: string | undefined = socket.remoteAddress;
      // A peer that has reset by now has no address any more, and never was here.
      if (!address || !admits(socket, address)) return socket.terminate();
      socket.setNoDelay(true);
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      door.arrive(socket, formatAddress(address, socket.remotePort));
    },
    handshake(socket, success, error) {
      const guest = socket.data;
      if (!(guest instanceof Guest)) return;
      const authorized = options.tls?.ca === undefined || (error === null && socket.authorized);
      if (success && authorized) door.handshaken(guest);
      else door.turnAway(guest, `the handshake failed: ${explain(error)}`);
    },
    data({ data: whom }, bytes) {
      if (whom instanceof Guest) door.hear(whom, bytes);
      else if (whom) room.hear(whom, bytes);
    },
    drain({ data: whom }) {
      if (whom && !(whom instanceof Guest)) room.drain(whom);
    },
    end({ data: whom }) {
      if (whom instanceof Guest) door.end(whom);
      else if (whom) room.end(whom);
    },
    close(socket) {
      const whom = socket.data;
      const address = counted.get(socket);
      if (address !== undefined) counts.remove(address);
      if (whom instanceof Guest) door.close(whom);
      else if (whom) room.close(whom);
    },
    error(socket, error) {
      const whom = socket.data;
      options.onError?.(error);
      if (whom instanceof Guest) door.turnAway(whom, "an error");
      else if (whom) room.terminate(whom, "reset");
    },
  };
}

/** The room's clock and alarm: `flush` runs once all that is ready in a turn has been read. */
function eventLoop(flush: () => void): Pick<RoomOptions, "now" | "wake"> {
  let endOfTurn: NodeJS.Immediate | undefined;
  let alarm: NodeJS.Timeout | undefined;
  let alarmAtMs = 0;
  const now = () => performance.now();
  const run = () => {
    clearTimeout(alarm);
    endOfTurn = alarm = undefined;
    flush();
  };
  const wake = (delayMs: number) => {
    if (delayMs === 0) {
      endOfTurn ??= setImmediate(run);
    } else if (alarm === undefined || now() + delayMs < alarmAtMs) {
      clearTimeout(alarm);
      alarmAtMs = now() + delayMs;
      alarm = setTimeout(run, delayMs);
      alarm.unref(); // It is the connections that keep a program alive.
    }
  };
  return { now, wake };
}

/** socket, bind and listen: on IPv6, which takes IPv4 too, or on IPv4 where there is no IPv6; or on a path. */
async function openListener(
  place: Place,
  tls: TlsMaterial | undefined,
  handlers: Bun.SocketHandler<DoorSocket["data"]>,
): Promise<Listener> {
  const { handshake, ...plain } = handlers;
  const how = {
    allowHalfOpen: true,
    ...(tls
      ? {
          tls: { ...tls, requestCert: tls.ca !== undefined, rejectUnauthorized: true },
          socket: handlers,
        }
      : { socket: plain }),
  };
  if ("unix" in place)
    return listenOnPath(place.unix, place.unixMode ?? 0o600, () =>
      Bun.listen<DoorSocket["data"]>({ unix: place.unix, ...how }),
    );

  const { host, port } = place;
  let failure: unknown;
  for (const hostname of host === undefined ? ["::", "0.0.0.0"] : [host]) {
    try {
      return Bun.listen<DoorSocket["data"]>({ hostname, port, ...how });
    } catch (error) {
      failure ??= error;
      if (["EADDRINUSE", "EACCES"].includes(codeOf(error))) break;
    }
  }
  const address = formatAddress(host ?? "::", port);
  throw new UserError(`cannot listen on ${address}: ${explainListen(failure)}`);
}

function isUnix(options: ListenSettings): boolean {
  return "unix" in options;
}

function explainListen(error: unknown): string {
  const words: Record<string, string> = {
    EADDRINUSE: "the address is in use",
    EACCES: "permission denied",
  };
  return words[codeOf(error)] ?? "this machine has no such address";
}

function explain(error: Error | null): string {
  return error === null ? "not authorized" : codeOf(error) || error.message;
}
