/**
 * Stage 1, opening the server: getaddrinfo is in lib/program/port.ts; `Bun.listen` does socket, bind
 * and listen; what it accepts belongs to `Connections`.
 */

import type { Way } from "../doors/door.ts";
import type { Context, Part, Secrets } from "../extras/part.ts";
import { formatAddress } from "../program/address.ts";
import { listenOnPort, type Port } from "../program/port.ts";
import type { Extra } from "../room/extra.ts";
import { Room, type RoomOptions } from "../room/room.ts";
import type { Life } from "../room/socket.ts";
import { checkLimits } from "./check-limits.ts";
import { Connections, type ConnectionsOptions } from "./connections.ts";
import { eventLoop } from "./event-loop.ts";
import { EXTRAS, type ExtraSettings, loadExtras } from "./extras.ts";
import { handlersOf } from "./handlers.ts";
import { reports, type RoomEvents } from "./reports.ts";

/** How long to keep the process while parts take leave of others, in ms. */
const CLOSE_MS = 500;

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

/** Where to listen, how many may come, and what there is to choose in the room. */
export type ListenOptions = Place &
  RoomEvents &
  ConnectionsOptions &
  Pick<RoomOptions, "logBytes" | "lineBytesMax" | "patienceMs" | "lingerMs"> &
  ExtraSettings & {
    /** Is told what an operator may want to act on, in a line. */
    onWarning?: (what: string) => void;
    /**
     * A handler failed, which is a bug, and its connection is ended; or one of the events has
     * thrown. Without this, what they throw is an uncaught exception.
     */
    onError?: (error: Error) => void;
  };

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
  /** How many clients are in the room. */
  readonly size: number;
  /** Where else it is found, by the name of the option: `http://127.0.0.1:8081/` for `web`. */
  readonly urls: Readonly<Record<string, string>>;
  /** What there is to tell an operator at the start, in lines. */
  readonly notes: readonly string[];
  /**
   * Has new connections use other certificates, or send another pass phrase; what is left out stays.
   *
   * @throws {UserError} if that fails for a port that has to be opened again
   */
  renew(secrets: Secrets): void;
  /**
   * Stops listening, hands everybody what is pending, then EOF. `await using` ends so, too.
   *
   * @param graceMs how long to wait for slow readers, in ms; 5 s by default
   * @returns once the last connection is gone; the same promise when called again
   */
  stop(graceMs?: number): Promise<void>;
}

/**
 * Opens a room on a port or a path: `open_listenfd`, then `accept` for ever. What only an option
 * asks for is loaded only with it.
 *
 * @throws {UserError} that names an option that will not do, or says why it cannot listen there
 */
export async function listen(options: ListenOptions): Promise<Server> {
  checkLimits(options);
  const { tls, passPhrase, onWarning = () => {}, onError } = options;
  const secrets: Secrets = { tls, passPhrase };
  const parts: Part[] = [];
  /** What is open already is closed again, if something after it fails. */
  await using opened = new AsyncDisposableStack();
  const context: Context = {
    ...{ secrets, parts, onWarning, onError },
    handlers: () => handlers,
  };
  for await (const part of loadExtras(options, context)) {
    parts.push(part);
    opened.defer(() => closeAll([part]));
  }

  const extras = [() => reports(options, onError), ...parts.flatMap(({ extra }) => extra ?? [])];
  const room = new Room({
    ...options,
    ...eventLoop(() => connections.flush()),
    ...{ extras, order: parts.find(({ order }) => order)?.order },
    keptBytes: total(parts, "keptBytes"),
    addedBytesMax: total(parts, "addedBytesMax"),
  });
  const connections: Connections = new Connections(room, options);
  const kind = "unix" in options ? "unix" : tls ? "tls" : "tcp";
  const way: Way = { kind, doors: parts.flatMap(({ door }) => door ?? []), open: 0 };
  connections.ways.push(way);
  const handlers = handlersOf(connections, way, onError);

  for (const part of parts) await part.start?.(room);
  const listener = await openListener(options, handlers);
  opened.defer(() => listener.stop());
  for (const part of parts) await part.open?.(connections, way);
  opened.move();

  const stop = async (graceMs: number) => {
    // When all clients have gone already, nothing else keeps the program alive.
    const awake = setInterval(() => {}, graceMs + CLOSE_MS);
    await connections.stop(graceMs);
    await closeAll(parts);
    clearInterval(awake);
  };
  let stopped: Promise<void> | undefined;
  const server: Server = {
    ...listener,
    get size() {
      return room.size;
    },
    urls: Object.fromEntries(parts.flatMap(({ name, url }) => (url ? [[name, url]] : []))),
    notes: parts.flatMap(({ note }) => note ?? []),
    renew(renewed) {
      Object.assign(secrets, renewed);
      for (const part of parts) part.renew?.();
    },
    stop(graceMs = 5_000) {
      listener.stop();
      for (const part of parts) part.stop?.();
      return (stopped ??= stop(graceMs));
    },
    [Symbol.asyncDispose]: () => server.stop(),
  };
  return server;
}
