/** Stage 1, opening the server: getaddrinfo, socket, bind, listen, accept. */

import { formatAddress } from "./address.ts";
import { type Member, Room, type RoomOptions } from "./room.ts";
import { UserError } from "./user-error.ts";

/** The time between the last byte of a silent peer and the first probe whether it is still there. */
const KEEP_ALIVE_MS = 60_000;
/** What Bun itself keeps open, and a margin: 10 files were seen. */
const RUNTIME_FILES = 24;

export interface ListenOptions extends Omit<RoomOptions, "now" | "wake"> {
  /** The address to listen on; all of this machine, IPv6 and IPv4, by default. */
  host?: string | undefined;
  /** The port to listen on; 0 takes a free one. */
  port: number;
  /** A handler failed, which is a bug; its connection is ended. */
  onError?: (error: Error) => void;
}

/** A room that listens. */
export interface Server {
  readonly room: Room;
  /** Where it listens, with the real port: `[::]:8080`. */
  readonly address: string;
  readonly port: number;
  /**
   * Stops listening, hands everybody what they are owed, then EOF.
   *
   * @param graceMs how long to wait for those who read slowly, in ms; 5 s by default
   * @returns once the last connection is gone
   */
  stop(graceMs?: number): Promise<void>;
}

/**
 * Opens a room on a port; the classic `open_listenfd`, then `accept` for ever.
 *
 * @throws {UserError} when it cannot listen there
 */
export function listen(options: ListenOptions): Server {
  const room = new Room({ ...options, ...eventLoop(() => room.flush()) });
  const listener = openListener(options, {
    open(socket) {
      const { remoteAddress, remotePort } = socket;
      // A peer that has reset by now has no address any more, and never was here.
      if (!remoteAddress) return socket.terminate();
      socket.setNoDelay(true);
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      socket.data = room.join(socket, formatAddress(remoteAddress, remotePort));
    },
    data: (socket, bytes) => room.hear(socket.data, bytes),
    drain: (socket) => room.drain(socket.data),
    end: (socket) => room.end(socket.data),
    close(socket) {
      if (socket.data) room.close(socket.data);
    },
    error(socket, error) {
      options.onError?.(error);
      if (socket.data) room.terminate(socket.data, "reset");
    },
  });
  return {
    room,
    address: formatAddress(listener.hostname, listener.port),
    port: listener.port,
    stop(graceMs = 5_000) {
      listener.stop();
      return new Promise((resolve) => room.stop(graceMs, resolve));
    },
  };
}

/** How many connections a process may have, by its limit on open files. */
export interface FileLimit {
  /** The limit itself, `ulimit -n`. */
  readonly filesMax: number;
  /** How many clients that leaves, so that `accept` never fails. */
  readonly clientsMax: number;
  /** How many more connections that are being refused or closed. */
  readonly lingerersMax: number;
}

/**
 * Divides the files this process may open between clients, connections on
 * their way out, and what the runtime itself needs. A server must not run out:
 * Bun then calls `accept` in a tight loop.
 */
export function fileLimit(): FileLimit {
  const { soft } = openFilesLimit();
  const filesMax = typeof soft === "number" ? soft : 1 << 20;
  const lingerersMax = Math.min(Math.max(filesMax >> 3, 4), 256);
  return {
    filesMax,
    lingerersMax,
    clientsMax: Math.max(1, filesMax - lingerersMax - RUNTIME_FILES),
  };
}

function openFilesLimit(): { soft: unknown } {
  // Typed as a plain object; a report without limits, as on Windows, means none.
  const report = process.report.getReport() as { userLimits?: { open_files?: { soft: unknown } } };
  return report.userLimits?.open_files ?? { soft: undefined };
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

/** socket, bind and listen: on IPv6, which takes IPv4 too, or on IPv4 where there is no IPv6. */
function openListener(
  { host, port }: ListenOptions,
  handlers: Bun.SocketHandler<Member>,
): Bun.TCPSocketListener<Member> {
  const hosts = host === undefined ? ["::", "0.0.0.0"] : [host];
  let failure: unknown;
  for (const hostname of hosts) {
    try {
      return Bun.listen<Member>({ hostname, port, allowHalfOpen: true, socket: handlers });
    } catch (error) {
      failure ??= error;
      if (hasCode(error, "EADDRINUSE") || hasCode(error, "EACCES")) break;
    }
  }
  throw new UserError(
    `cannot listen on ${formatAddress(hosts[0] ?? "::", port)}: ${explain(failure)}`,
  );
}

function explain(error: unknown): string {
  if (hasCode(error, "EADDRINUSE")) return "the address is in use";
  if (hasCode(error, "EACCES")) return "permission denied";
  return "this machine has no such address";
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
