/**
 * Stage 1, opening the server: getaddrinfo, socket, bind, listen, accept.
 *
 * `openListener` does the first four, through `Bun.listen`; what is accepted
 * belongs to `Connections`.
 */

import type { TlsMaterial } from "../program/files.ts";
import { formatTime } from "../program/units.ts";
import type { RoomOptions } from "../room/options.ts";
import { Room } from "../room/room.ts";
import type { Life } from "../room/socket.ts";
import { Connections, type ConnectionsOptions, handlersOf } from "./connections.ts";
import { openListener, type Place } from "./listeners.ts";
import { greetsInTls, SPEAKS_TLS } from "./tls-words.ts";

export type ListenOptions = Place & ListenSettings;

export interface ListenSettings
  extends
    Omit<RoomOptions, "now" | "wake" | "idle" | "inspect">,
    Omit<ConnectionsOptions, "unix" | "handshake"> {
  /** How long a member may say no line before it is disconnected, in ms; for ever by default. */
  idleMs?: number | undefined;
  /** Certificate and key, for TLS; with a CA, only clients that it has certified may join. */
  tls?: TlsMaterial | undefined;
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
  renew(secrets: Secrets): void;
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
  const { idleMs, tls } = options;
  let material = tls;
  const room = new Room({
    ...options,
    ...eventLoop(() => connections.flush()),
    idle: idleMs ? { ms: idleMs, word: `idle for ${formatTime(idleMs)}` } : undefined,
    inspect: tls ? undefined : (bytes) => (greetsInTls(bytes) ? SPEAKS_TLS : undefined),
  });
  const unix = "unix" in options;
  const connections = new Connections(room, { ...options, unix, handshake: tls !== undefined });
  const handlers = handlersOf(connections, tls?.ca !== undefined, options.onError);
  const listener = await openListener(
    options,
    tls ? startingTls(handlers, () => material) : handlers,
  );
  return {
    room,
    address: listener.address,
    port: listener.port,
    renew({ tls, passPhrase }) {
      if (tls) material = tls;
      if (passPhrase) connections.passPhrase = passPhrase;
    },
    stop(graceMs = 5_000) {
      listener.stop();
      return connections.stop(graceMs);
    },
  };
}

/** Has each connection begin with a TLS handshake, by the certificates of the moment. */
function startingTls(
  handlers: Bun.SocketHandler<Life>,
  material: () => TlsMaterial | undefined,
): Bun.SocketHandler<Life> {
  return {
    open(plain) {
      const requestCert = material()?.ca !== undefined;
      const tls = { ...material(), requestCert, rejectUnauthorized: true };
      const [, secure] = plain.upgradeTLS<Life>({ tls, socket: handlers });
      const terminate = secure.terminate.bind(secure);
      // After `end`, only the plain socket can still be reset.
      secure.terminate = () => {
        terminate();
        plain.terminate();
      };
    },
    data() {},
    error: (socket) => socket.terminate(),
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
