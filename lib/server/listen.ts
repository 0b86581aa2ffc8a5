/**
 * Stage 1, opening the server: getaddrinfo, socket, bind, listen, accept.
 *
 * `Listeners` do the first four, through `Bun.listen`; what is accepted belongs
 * to `Connections`.
 */

import type { TlsMaterial } from "../program/files.ts";
import { formatTime } from "../program/units.ts";
import type { RoomOptions } from "../room/options.ts";
import { Room } from "../room/room.ts";
import type { AddressRules } from "./access.ts";
import { Connections, handlersOf } from "./connections.ts";
import { OnPath, OnPort } from "./listeners.ts";
import { greetsInTls, handshakeFailure, SPEAKS_TLS } from "./tls-words.ts";

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

export interface ListenSettings extends Omit<RoomOptions, "now" | "wake" | "idle" | "inspect"> {
  /** How many clients there may be; any number by default. */
  clientsMax?: number;
  /** How many more connections may be open that are refused or linger after their EOF; 64 by default. */
  lingerersMax?: number;
  /** How long a member may say no line before it is disconnected, in ms; for ever by default. */
  idleMs?: number | undefined;
  /** Certificate and key, for TLS; with a CA, only clients that it has certified may join. */
  tls?: TlsMaterial | undefined;
  /** What the first line of a client has to be. */
  passPhrase?: Uint8Array | undefined;
  /** How long a connection may take for its handshake, and for its pass phrase, in ms; 10 s by default. */
  guestMs?: number;
  /** Which addresses may connect; any by default. */
  rules?: AddressRules | undefined;
  /** How many open connections one address may have; any number by default. */
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
  /**
   * Has new connections use other certificates, or say another pass phrase; those
   * that are there are not disturbed, and none is refused meanwhile.
   */
  renew(secrets: Secrets): Promise<void>;
  /**
   * Stops listening, hands everybody what they are owed, then EOF.
   *
   * @param graceMs how long to wait for those who read slowly, in ms; 5 s by default
   * @returns once the last connection is gone; the same promise when called again
   */
  stop(graceMs?: number): Promise<void>;
}

/** What may change while a server runs. */
export type Secrets = Pick<ListenSettings, "tls" | "passPhrase">;

/**
 * Opens a room on a port or a path; the classic `open_listenfd`, then `accept`
 * for ever.
 *
 * @throws {UserError} when it cannot listen there
 */
export async function listen(options: ListenOptions): Promise<Server> {
  const { idleMs, onRefuse, clientsMax = Number.POSITIVE_INFINITY } = options;
  const loop = eventLoop(() => connections.flush());
  const room = new Room({
    ...options,
    ...loop,
    idle: idleMs ? { ms: idleMs, word: `idle for ${formatTime(idleMs)}` } : undefined,
    inspect: options.tls ? undefined : (bytes) => (greetsInTls(bytes) ? SPEAKS_TLS : undefined),
  });
  const connections = new Connections(room, {
    ...loop,
    onRefuse,
    clientsMax,
    unix: "unix" in options,
    handshake: options.tls !== undefined,
    passPhrase: options.passPhrase,
    guestMs: options.guestMs ?? 10_000,
    lingerersMax: options.lingerersMax ?? 64,
    rules: options.rules,
    clientsPerAddressMax: options.clientsPerAddressMax,
  });
  const asksForCertificate = options.tls?.ca !== undefined;
  const handlers = handlersOf(
    connections,
    (socket, success, error) =>
      handshakeFailure(success, error, asksForCertificate, socket.authorized),
    (error) => options.onError?.(error),
  );
  const listeners =
    "unix" in options
      ? new OnPath(options.unix, options.unixMode ?? 0o600, handlers)
      : new OnPort(options.host, options.port, handlers);
  await listeners.open(options.tls);
  return {
    room,
    address: listeners.address,
    port: listeners.port,
    async renew({ tls, passPhrase }) {
      if (tls) await listeners.open(tls);
      if (passPhrase) connections.passPhrase = passPhrase;
    },
    stop(graceMs = 5_000) {
      listeners.stop();
      return connections.stop(graceMs);
    },
  };
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
      alarm = setTimeout(run, delayMs);
      alarm.unref(); // It is the connections that keep a program alive.
    }
  };
  return { now, wake };
}
