/**
 * Stage 1, opening the server: getaddrinfo is in lib/server/port.ts; `Bun.listen` does socket, bind
 * and listen; what it accepts belongs to `Connections`.
 */

import { formatAddress } from "../program/address.ts";
import type { TlsMaterial } from "../program/files.ts";
import { formatTime } from "../program/units.ts";
import { settlesWithin } from "../program/timeout.ts";
import type { RedisRoom } from "../redis/redis.ts";
import { idleFor, SPEAKS_TLS } from "../program/server-messages.ts";
import type { RoomEvents, RoomOptions } from "../room/options.ts";
import type { SharedOrder } from "../room/order.ts";
import { Room } from "../room/room.ts";
import type { Life } from "../room/socket.ts";
import type { ConnectionsOptions, Counts } from "./connection-options.ts";
import { Connections } from "./connections.ts";
import { eventLoop } from "./event-loop.ts";
import { type Handlers, handlersOf, tlsStarter } from "./handlers.ts";
import { listenOnPort, type Port } from "./port.ts";
import { greetsInTls } from "./tls-words.ts";
import { listenOnPath } from "./unix-path.ts";
import type { WebOptions } from "./web.ts";

/** How long to wait until the other servers of the room know that this one goes. */
const GOODBYE_MS = 500;

/** Where to listen: on a port, or on a path in the file system. */
export type Place =
  | (Port & {
      /** Whether other servers of this user may listen there too, each getting a part of the clients. */
      readonly reusePort?: boolean | undefined;
    })
  | {
      /** The path of a Unix socket. */
      unix: string;
      /** The permissions of the socket; 0o600 by default. */
      unixMode?: number | undefined;
    };

/** Where to listen, who may come in, and what there is to choose in the room. */
export type ListenOptions = Place &
  Secrets &
  Omit<RoomOptions, "now" | "wake" | "idle" | "inspect" | "order" | "countLines"> &
  Omit<ConnectionsOptions, "unix" | "handshake" | "startTls"> & {
    /** How long a member may say no line before it is disconnected, in ms; for ever by default. */
    idleMs?: number | undefined;
    /** Where browsers find the room as well; nowhere by default. */
    web?: WebOptions | undefined;
    /** Where Prometheus finds figures; nowhere by default. */
    metrics?: Port | undefined;
    /** The Redis over which other servers share the room; by default, it is this server's own. */
    redis?: RedisRoom | undefined;
    /** Is told what an operator may want to act on: Redis is away, the page's port closed for a while. */
    onWarning?: (what: string) => void;
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
  /** Where browsers find it: `http://127.0.0.1:8081/`; undefined if they do not. */
  readonly webUrl: string | undefined;
  /** Where figures are: `http://127.0.0.1:9090/metrics`; undefined if nowhere. */
  readonly metricsUrl: string | undefined;
  /** The name of this server among those that share the room; undefined if none do. */
  readonly nameInRoom: string | undefined;
  /** Figures of it, as they are now. */
  readonly counts: Counts;
  /**
   * Has new connections use other certificates, or say another pass phrase; what is left out stays.
   *
   * @throws {UserError} if that fails for browsers, whose port is opened anew
   */
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
 * Opens a room on a port or a path: `open_listenfd`, then `accept` for ever. What only an option
 * asks for is loaded only with it.
 *
 * @throws {UserError} when it cannot listen there, or not share the room
 */
export async function listen(options: ListenOptions): Promise<Server> {
  const { idleMs, onError, onWarning = () => {} } = options;
  let { tls } = options;
  let stopped: Promise<void> | undefined;
  /** What is open already is closed again, if something after it fails. */
  await using opened = new AsyncDisposableStack();

  const order =
    options.redis &&
    (await (await import("../redis/redis.ts")).shareOverRedis(options.redis, options, onWarning));
  opened.defer(() => order && takeLeave(order));
  const metrics = options.metrics && new (await import("./metrics.ts")).Metrics(options.metrics);
  const events = guarded(options);
  const room = new Room({
    ...options,
    ...(metrics?.counting(events) ?? events),
    ...eventLoop(() => connections.flush()),
    idle: idleMs ? { ms: idleMs, word: idleFor(formatTime(idleMs)) } : undefined,
    inspect: tls ? undefined : (bytes) => (greetsInTls(bytes) ? SPEAKS_TLS : undefined),
    countLines: metrics !== undefined,
    order,
  });
  const startTls = tlsStarter(
    () => handlers,
    () => tls,
  );
  const connections: Connections = new Connections(room, {
    ...options,
    unix: "unix" in options,
    handshake: tls !== undefined,
    ...(tls && { startTls }),
  });
  const handlers: Handlers = handlersOf(connections, () => tls?.ca !== undefined, onError);

  await order?.opened;
  const listener = await openListener(options, handlers);
  opened.defer(() => listener.stop());
  const web =
    options.web &&
    (await (await import("./web.ts")).openWeb(connections, options.web, () => tls, options));
  opened.defer(() => web?.stop());
  await metrics?.open(connections);
  opened.move();

  const stop = (graceMs = 5_000) => {
    listener.stop();
    web?.stop();
    return (stopped ??= end(connections, order, graceMs).finally(() => metrics?.close()));
  };
  return {
    ...listener,
    room,
    webUrl: web?.url,
    metricsUrl: metrics?.url,
    nameInRoom: order?.name,
    get counts() {
      return connections.counts;
    },
    renew(secrets) {
      if (secrets.passPhrase) connections.passPhrase = secrets.passPhrase;
      if (!tls || !secrets.tls) return;
      tls = secrets.tls;
      web?.renew();
    },
    stop,
    [Symbol.asyncDispose]: () => stop(),
  };
}

/** Hands everybody what they are owed, and takes leave of the other servers of the room. */
async function end(
  connections: Connections,
  order: SharedOrder | undefined,
  graceMs: number,
): Promise<void> {
  if (!order) return connections.stop(graceMs);
  // When all clients have gone already, nothing else keeps the program alive.
  const awake = setInterval(() => {}, graceMs + GOODBYE_MS);
  await connections.stop(graceMs);
  await takeLeave(order);
  clearInterval(awake);
}

/** The others need not wait for a server that has said so. */
async function takeLeave(order: SharedOrder): Promise<void> {
  await settlesWithin(GOODBYE_MS, new Promise<void>((done) => order.close(done)));
  order.end();
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
  return listenOnPort(place, (hostname) => {
    const { port, reusePort = false } = place;
    const listener = Bun.listen<Life>({ hostname, port, ...how, ...{ reusePort } });
    const address = formatAddress(hostname, listener.port);
    return { address, port: listener.port, stop: () => listener.stop() };
  });
}
