/**
 * Stage 1, opening the server: getaddrinfo is `addressesOf`; `Bun.listen` does
 * socket, bind and listen; what it accepts belongs to `Connections`.
 */

import { isIP } from "node:net";

import { formatAddress } from "../program/address.ts";
import type { TlsMaterial } from "../program/files.ts";
import { codeOf, explain, UserError } from "../program/system-errors.ts";
import { formatTime } from "../program/units.ts";
import { idleFor, SPEAKS_TLS } from "../room/last-words.ts";
import type { RoomEvents, RoomOptions } from "../room/options.ts";
import type { SharedOrder } from "../room/order.ts";
import { Room } from "../room/room.ts";
import type { Life } from "../room/socket.ts";
import { Connections, type ConnectionsOptions } from "./connections.ts";
import { type Handlers, handlersOf, tlsStarter } from "./handlers.ts";
import { greetsInTls } from "./tls-words.ts";
import { listenOnPath } from "./unix-path.ts";

/** What errors mean here. */
const WORDS = {
  DNS_ENOTFOUND: "unknown host",
  ERR_OUT_OF_RANGE: "the port is out of range, 0 to 65535",
};
/** How long to wait until the other servers of the room know that this one goes. */
const GOODBYE_MS = 500;
const WORDS_LINK_LOCAL = { EINVAL: "a link-local address needs its interface, like fe80::1%eth0" };

/** Where to listen: on a port, or on a path in the file system. */
export type Place =
  | {
      /** The address to listen on; all of this machine, IPv6 and IPv4, by default. */
      host?: string | undefined;
      /** The port to listen on; 0 takes a free one. */
      port: number;
      /** Whether other servers of this user may listen there too, each getting a part of the clients. */
      reusePort?: boolean | undefined;
    }
  | {
      /** The path of a Unix socket. */
      unix: string;
      /** The permissions of the socket; 0o600 by default. */
      unixMode?: number | undefined;
    };

/** Where to listen, who may come in, and what there is to choose in the room. */
export type ListenOptions = Place &
  Secrets &
  Omit<RoomOptions, "now" | "wake" | "idle" | "inspect"> &
  Omit<ConnectionsOptions, "unix" | "handshake" | "startTls"> & {
    /** How long a member may say no line before it is disconnected, in ms; for ever by default. */
    idleMs?: number | undefined;
    /**
     * A handler failed, which is a bug, and its connection is ended; or one of
     * `onJoin`, `onNamed`, `onLeave`, `onLine` and `onRefuse` has thrown. Without this, what they throw
     * is an uncaught exception.
     */
    onError?: (error: Error) => void;
  };

/** What may change while a server runs. */
export interface Secrets {
  /** Certificate and key, for TLS; with a CA, only clients that it has certified may join. */
  tls?: TlsMaterial | undefined;
  /** What the first line of a client has to be, without its line end; at most 1024 bytes. */
  passPhrase?: Uint8Array | undefined;
}

/** What `Bun.listen` has made, and how it ends. */
export interface Listener {
  /** Where it listens: `[::]:8080`, with the real port, or a path. */
  readonly address: string;
  /** The real port; 0 on a path. */
  readonly port: number;
  /** Accepts nobody any more. */
  stop(): void;
}

/** A room that listens. */
export interface Server extends Listener, AsyncDisposable {
  /** Who is here, and what is said. */
  readonly room: Room;
  /** Has new connections use other certificates, or say another pass phrase; what is left out stays. */
  renew(secrets: Secrets): void;
  /**
   * Stops listening, hands everybody what they are owed, then EOF. `await using` ends so, too.
   *
   * @param graceMs how long to wait for those who read slowly, in ms; 5 s by default
   * @returns once the last connection is gone; the same promise when called again
   */
  stop(graceMs?: number): Promise<void>;
}

/**
 * Opens a room on a port or a path: `open_listenfd`, then `accept` for ever.
 *
 * @throws {UserError} when it cannot listen there
 */
export async function listen(options: ListenOptions): Promise<Server> {
  const { idleMs, onError, order } = options;
  let { tls } = options;
  let stopped: Promise<void> | undefined;
  const room = new Room({
    ...options,
    ...guarded(options),
    ...eventLoop(() => connections.flush()),
    idle: idleMs ? { ms: idleMs, word: idleFor(formatTime(idleMs)) } : undefined,
    inspect: tls ? undefined : (bytes) => (greetsInTls(bytes) ? SPEAKS_TLS : undefined),
  });
  const connections: Connections = new Connections(room, {
    ...options,
    unix: "unix" in options,
    handshake: tls !== undefined,
    ...(tls && {
      startTls: tlsStarter(
        () => handlers,
        () => tls,
      ),
    }),
  });
  await order?.opened;
  const handlers: Handlers = handlersOf(connections, () => tls?.ca !== undefined, onError);
  const listener = await openListener(options, handlers).catch((error: unknown) => {
    order?.end();
    throw error;
  });
  const stop = (graceMs = 5_000) => {
    listener.stop();
    if (order) return (stopped ??= stopShared(connections, order, graceMs));
    return connections.stop(graceMs);
  };
  return {
    ...listener,
    room,
    renew(secrets) {
      if (tls && secrets.tls) tls = secrets.tls;
      if (secrets.passPhrase) connections.passPhrase = secrets.passPhrase;
    },
    stop,
    [Symbol.asyncDispose]: () => stop(),
  };
}

/** Stops a room that others share, and takes its leave of them. */
async function stopShared(
  connections: Connections,
  order: SharedOrder,
  graceMs: number,
): Promise<void> {
  // When all clients have gone already, nothing else keeps the program alive.
  const awake = setInterval(() => {}, graceMs + GOODBYE_MS);
  await connections.stop(graceMs);
  await Promise.race([new Promise<void>((done) => order.close(done)), Bun.sleep(GOODBYE_MS)]);
  order.end();
  clearInterval(awake);
}

/** The reports, so that one that throws leaves nothing half done. */
function guarded({ onError, ...options }: ListenOptions): RoomEvents {
  const guard = <Arguments extends unknown[]>(report?: (...details: Arguments) => void) =>
    report &&
    ((...details: Arguments) => {
      try {
        report(...details);
      } catch (error) {
        queueMicrotask(() => {
          if (onError && error instanceof Error) onError(error);
          else throw error;
        });
      }
    });
  return {
    onJoin: guard(options.onJoin),
    onNamed: guard(options.onNamed),
    onLeave: guard(options.onLeave),
    onLine: guard(options.onLine),
    onRefuse: guard(options.onRefuse),
  };
}

/** socket, bind and listen. */
async function openListener(place: Place, socket: Handlers): Promise<Listener> {
  const how = { allowHalfOpen: true, socket };
  if ("unix" in place)
    return listenOnPath(place.unix, place.unixMode ?? 0o600, (unix) =>
      Bun.listen<Life>({ unix, ...how }),
    );
  const { host, port, reusePort = false } = place;
  try {
    return onFirst(await addressesOf(host), (hostname) => {
      const listener = Bun.listen<Life>({ hostname, port, ...how, ...{ reusePort } });
      const address = formatAddress(hostname, listener.port);
      return { address, port: listener.port, stop: () => listener.stop() };
    });
  } catch (error) {
    const address = formatAddress(host ?? "::", port);
    const words = /^\[?fe[89ab]/i.test(address) ? { ...WORDS, ...WORDS_LINK_LOCAL } : WORDS;
    throw new UserError(`cannot listen on ${address}: ${explain(error, words)}`);
  }
}

/** getaddrinfo: numeric addresses, best first; by default IPv6, which takes IPv4 too, or IPv4. */
async function addressesOf(host: string | undefined): Promise<string[]> {
  if (host === undefined) return ["::", "0.0.0.0"];
  if (isIP(host)) return [host];
  return (await Bun.dns.lookup(host, { backend: "system" })).map(({ address }) => address);
}

/** On the first address that will do, as `open_listenfd` has it. */
function onFirst(addresses: readonly string[], listen: (hostname: string) => Listener): Listener {
  let failure: unknown;
  for (const address of addresses)
    try {
      return listen(address);
    } catch (error) {
      failure ??= error;
      if (["EADDRINUSE", "EACCES"].includes(codeOf(error))) break;
    }
  throw failure;
}

/** The clock and alarm of a room: `flush` runs once all that is ready in a turn has been read. */
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
      alarm = setTimeout(run, delayMs).unref(); // It is the connections that keep a program alive.
    }
  };
  return { now, wake };
}
