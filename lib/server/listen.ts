/**
 * Stage 1, opening the server: getaddrinfo is in lib/server/port.ts; `Bun.listen` does socket, bind
 * and listen; what it accepts belongs to `Connections`.
 */

import { formatAddress } from "../program/address.ts";
import type { TlsMaterial } from "../program/files.ts";
import { formatTime } from "../program/units.ts";
import { idleFor, SPEAKS_TLS } from "../room/last-words.ts";
import type { RoomEvents, RoomOptions } from "../room/options.ts";
import { Room } from "../room/room.ts";
import type { Life } from "../room/socket.ts";
import { Connections, type ConnectionsOptions, type Counts, handlersOf } from "./connections.ts";
import { eventLoop } from "./event-loop.ts";
import { listenOnPort, type Port } from "./port.ts";
import { greetsInTls } from "./tls-words.ts";
import { listenOnPath } from "./unix-path.ts";
import type { WebEvents, WebOptions } from "./web.ts";

type Handlers = Bun.SocketHandler<Life>;

/** Where to listen: on a port, or on a path in the file system. */
export type Place =
  | Port
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
  Omit<ConnectionsOptions, "unix" | "handshake"> &
  Omit<WebEvents, "onError"> & {
    /** How long a member may say no line before it is disconnected, in ms; for ever by default. */
    idleMs?: number | undefined;
    /**
     * A handler failed, which is a bug, and its connection is ended; or one of
     * `onJoin`, `onNamed`, `onLeave`, `onLine` and `onRefuse` has thrown. Without this, what they throw
     * is an uncaught exception.
     */
    onError?: (error: Error) => void;
    /** Where browsers find the room as well; nowhere by default. */
    web?: WebOptions | undefined;
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
 * Opens a room on a port or a path: `open_listenfd`, then `accept` for ever.
 *
 * @throws {UserError} when it cannot listen there
 */
export async function listen(options: ListenOptions): Promise<Server> {
  const { idleMs, onError } = options;
  let { tls } = options;
  const room = new Room({
    ...options,
    ...guarded(options),
    ...eventLoop(() => connections.flush()),
    idle: idleMs ? { ms: idleMs, word: idleFor(formatTime(idleMs)) } : undefined,
    inspect: tls ? undefined : (bytes) => (greetsInTls(bytes) ? SPEAKS_TLS : undefined),
  });
  const kind = { unix: "unix" in options, handshake: tls !== undefined };
  const connections = new Connections(room, { ...options, ...kind });
  const handlers = handlersOf(connections, () => tls?.ca !== undefined, onError);
  const accepting = tls ? startingTls(handlers, () => tls, onError) : handlers;
  const listener = await openListener(options, accepting);
  const { web: place } = options;
  const openWeb = async (where: WebOptions) => {
    try {
      // Loaded only where it is needed, as it holds the page.
      return await (await import("./web.ts")).openWeb(connections, where, () => tls, options);
    } catch (error) {
      listener.stop();
      throw error;
    }
  };
  const web = place && (await openWeb(place));
  const stop = (graceMs = 5_000) => {
    listener.stop();
    web?.stop();
    return connections.stop(graceMs);
  };
  return {
    ...listener,
    room,
    webUrl: web?.url,
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
    const listener = Bun.listen<Life>({ hostname, port: place.port, ...how });
    const address = formatAddress(hostname, listener.port);
    return { address, port: listener.port, stop: () => listener.stop() };
  });
}

/** Has each connection begin with a TLS handshake, by the certificates of the moment. */
function startingTls(
  handlers: Handlers,
  material: () => TlsMaterial | undefined,
  onError?: (error: Error) => void,
): Handlers {
  return {
    open(accepted) {
      const requestCert = material()?.ca !== undefined;
      const tls = { ...material(), requestCert, rejectUnauthorized: true };
      const [plain, secure] = accepted.upgradeTLS<Life>({ tls, socket: handlers });
      const terminate = secure.terminate.bind(secure);
      // After `end`, only the plain socket can still be reset.
      secure.terminate = () => {
        terminate();
        plain.terminate();
      };
    },
    data() {},
    error(accepted, error) {
      onError?.(error);
      accepted.terminate();
    },
  };
}
