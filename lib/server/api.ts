/** What a program gives to open a server, or a room of its own, and what it gets; and a room alone. */

import type { MemberView, Secrets } from "../extras/part.ts";
import type { Port } from "../program/network.ts";
import { checkFunction, checkRange, guarded, usageError } from "../program/system-errors.ts";
import { DAY_MS, formatSize } from "../program/units.ts";
import { DEFAULTS, Room, type RoomOptions } from "../room/room.ts";
import type { ExtraSettings } from "./extras.ts";

/** What is reported. One that throws changes nothing for anybody. */
export interface RoomEvents {
  /** A member has joined, and receives what is sent from now on. */
  onJoin?: ((member: MemberView) => void) | undefined;
  /**
   * @param reason `end of input`, `cut off` (over TLS, without close_notify), `reset`, `vanished`,
   *   `line too long`, `too slow`, `idle`, `server stopping`, `out of sync`, or why it was disconnected
   * @param behindBytes how much of the log the member had not taken
   */
  onLeave?: ((member: MemberView, reason: string, behindBytes: number) => void) | undefined;
  /** A client, by its address and port, was told why it is refused, as far as it could be told. */
  onRefuse?: ((label: string, why: string) => void) | undefined;
  /**
   * Told what one of these has thrown, which is an uncaught exception by default; or that a handler
   * of a server has failed, which is a bug and ends its connection.
   */
  onError?: ((error: Error) => void) | undefined;
}

/** What there is to choose in a room. */
type RoomChoices = RoomEvents &
  Pick<RoomOptions, "logBytes" | "lineBytesMax" | "patienceMs" | "lingerMs">;

/** Clock and alarm of the program, and what there is to choose in the room. */
export type OpenRoomOptions = RoomChoices & Pick<RoomOptions, "now" | "wake">;

/** From `join(socket, name)` on, `socket.data` is to be told what happens; `flush` when `wake` asks. */
export type EmbeddedRoom = Pick<Room, "size" | "join" | "flush" | "stop" | "abort">;

/** How many connections there may be. */
export interface ConnectionsOptions {
  /** How many clients there may be, at least 1; any number by default. */
  readonly clientsMax?: number | undefined;
  /** How many more may be open, refused or lingering after EOF, at least 1; 64 by default. */
  readonly lingerersMax?: number | undefined;
}

/** Where to listen: on a port, or on a path in the file system. */
export type Place =
  | (Port & {
      /** Whether other servers of this user may listen there too, each getting a part of the clients. */
      readonly reusePort?: boolean | undefined;
    })
  | {
      /** The path of a Unix socket. */
      unix: string;
      /** The permissions of the socket, up to 0o777; 0o600 by default. */
      unixMode?: number | undefined;
    };

/** Where to listen, how many may come, and what there is to choose in the room. */
export type ListenOptions = Place &
  RoomChoices &
  ConnectionsOptions &
  Secrets &
  ExtraSettings & {
    /** How long a connection may take for each thing asked of it, in ms from 1 to a day; 10 s by default. */
    arrivalMs?: number | undefined;
    /** Is told what an operator may want to act on, in a line. */
    onWarning?: (what: string) => void;
  };

/** A room that listens. */
export interface Server extends AsyncDisposable {
  /** Where it listens: `[::]:8080`, with the real port, or a path, whose port is 0. */
  readonly address: string;
  readonly port: number;
  /** How many clients are in the room. */
  readonly size: number;
  /** Where else it is found, by the name of the option: `http://127.0.0.1:8081/` for `web`. */
  readonly urls: Readonly<Record<string, string>>;
  /** What there is to tell an operator at the start, in lines. */
  readonly notes: readonly string[];
  /**
   * Other certificates, or another pass phrase, for new connections; what is left out stays.
   *
   * @throws {UserError} if one of them will not do; then all stay
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

/** Of all options that are numbers; what concerns an extra, that looks at itself. */
const RANGES: Readonly<Record<string, readonly [min: number, max: number]>> = {
  logBytes: [1, 2 ** 31],
  lineBytesMax: [1, 2 ** 31],
  patienceMs: [0, DAY_MS],
  lingerMs: [0, DAY_MS],
  arrivalMs: [1, DAY_MS],
  clientsMax: [1, Infinity],
  lingerersMax: [1, Infinity],
  unixMode: [0, 0o777],
};

/**
 * Opens a room without a server: for sockets of any kind, of a program with its own event loop.
 *
 * @throws {UserError} that names an option which is out of its range, or no function
 */
export const openRoom: (options: OpenRoomOptions) => EmbeddedRoom = openReportingRoom;

/** The same, with all that there is in a room. */
export function openReportingRoom(options: RoomOptions & RoomEvents): Room {
  checkFunction("now", options.now);
  checkFunction("wake", options.wake);
  for (const [name, value] of Object.entries(options)) {
    const [min, max] = RANGES[name] ?? [];
    if (min !== undefined && value !== undefined) checkRange(name, value, min, max);
    if (/^on[A-Z]/.test(name) && value !== undefined) checkFunction(name, value);
  }
  const { lineBytesMax = DEFAULTS.lineBytesMax, logBytes = DEFAULTS.logBytes } = options;
  const { addedBytesMax = 0, extras = [], onJoin, onLeave, onRefuse, onError } = options;
  const loggedBytesMax = lineBytesMax + addedBytesMax;
  const asLogged = addedBytesMax > 0 ? `, of up to ${loggedBytesMax} bytes as it is relayed,` : "";
  if (loggedBytesMax > logBytes)
    throw usageError(
      `a line of ${formatSize(lineBytesMax)} (--max-line, lineBytesMax)${asLogged} does not fit into a log of ${formatSize(logBytes)} (--buffer, logBytes)`,
    );
  const reports = {
    joined: guarded(onJoin, onError),
    gone: guarded(onLeave, onError),
    refused: guarded(onRefuse, onError),
  };
  return new Room({ ...options, extras: [() => reports, ...extras] });
}
