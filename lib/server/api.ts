/** What a program gives to open a server, or a room of its own, and what it gets: types, and no code. */

import type { MemberView, Secrets } from "../extras/part.ts";
import type { Port } from "../program/resources.ts";
import type { Room, RoomOptions } from "../room/room.ts";
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
    onWarning?: ((what: string) => void) | undefined;
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
   * @throws {UserError} at once, if that is no time
   */
  stop(graceMs?: number): Promise<void>;
}
