/** What an option adds to a server: each makes a part, out of what is here for all of them. */

import type { AcceptedSocket, Door, Way } from "../doors/door.ts";
import type { Table, Values } from "../program/command-line.ts";
import type { TlsMaterial } from "../program/files.ts";
import type { Extra } from "../room/extra.ts";
import type { Member } from "../room/member.ts";
import type { Order } from "../room/order.ts";
import type { Room } from "../room/room.ts";
import type { Life } from "../room/socket.ts";

/** What may change while a server runs. */
export interface Secrets {
  /** Certificate and key, for TLS; with a CA, only clients that it has certified may join. */
  tls?: TlsMaterial | undefined;
  /** What the first line of a client has to be, without its line end; at most 1024 bytes. */
  passPhrase?: Uint8Array | undefined;
}

/** A member, as a program around the room sees it. */
export type MemberView = Pick<Member, "name" | "label" | "disconnect">;

/** What a part is made of; what is not told here, `ListenOptions` tells. */
export interface Context {
  readonly secrets: Secrets;
  /** Those that were made before; once the room is made, all. */
  readonly parts: Part[];
  /** What happens to a socket of the server's own port. */
  readonly handlers: () => Bun.SocketHandler<Life>;
  readonly onWarning: (what: string) => void;
  readonly onError: ((error: Error) => void) | undefined;
  readonly arrivalMs: number;
}

/** The connections of a server, for a part that has some of its own, or counts them. */
export interface ConnectionsView {
  readonly room: Room;
  readonly ways: Way[];
  readonly arrivals: { readonly size: number };
  readonly clientsMax: number;
  accept(socket: AcceptedSocket, way: Way): void;
  closed(socket: AcceptedSocket, way: Way): void;
}

/** Names that members of other servers may have, by their keys. */
export interface Reservations {
  /** Asks for one; there is no answer if the room restarts. */
  ask(key: string, answer: (granted: boolean) => void): void;
  release(key: string): void;
  /** Told which keys are free, as the server that had them is down: each is told at one server. */
  onDown?: ((keys: readonly string[]) => void) | undefined;
}

/** A number for an operator, or several that differ in labels; names of counters end in `_total`. */
export type Figure = readonly [name: string, help: string, value: number | readonly Labelled[]];
type Labelled = readonly [labels: string, value: number];

/** What is left out does nothing; from `extra` to `addedBytesMax`, see `RoomOptions` too. */
export interface Part {
  readonly door?: Door;
  readonly extra?: (room: Room) => Extra;
  readonly order?: Order;
  readonly keptBytes?: number;
  readonly addedBytesMax?: number;
  readonly reservations?: Reservations;
  /** The room is made; nobody can come before this has resolved. */
  start?(room: Room): Promise<void>;
  /** The URL of the page for browsers, once there is one. */
  page?(): string | undefined;
  /** Prepares a port of its own; what it returns opens it at once, and returns its URL, by a name. */
  open?(connections: ConnectionsView, way: Way): Promise<() => Readonly<Record<string, string>>>;
  /** What the log has at the start. */
  readonly note?: string | undefined;
  /** The secrets have changed; throws a `UserError` if they will not do. */
  renew?(): void;
  /** The server stops: nobody is to come any more. */
  stop?(): void;
  /** All connections have ended. */
  close?(): Promise<void>;
  /** What there is to measure. */
  figures?(): readonly Figure[];
  /** Why clients had better go to another server; undefined if they need not. */
  ailment?(): string | undefined;
}

/** What the registry of extras, lib/server/extras.ts, has for each. */
export interface Entry<Options extends Table, Settings> {
  readonly options?: Options;
  /** See `Command`. */
  readonly excludes?: readonly string[];
  /**
   * What `listen` takes and the command line has by another name or value, or in a file, which is read
   * again at SIGHUP.
   */
  settings?(given: Values<Options>): Settings | Promise<Settings>;
  /** How many files are to be free for what is not counted; all entries share them. */
  spareFiles?(given: Values<Options>): Promise<number>;
  /** No part if it is not asked for. */
  load(settings: Settings, context: Context): Promise<Part | false | 0 | undefined>;
}

/** What is each of several types at once. */
export type Intersection<Union> = (Union extends unknown ? (one: Union) => void : never) extends (
  all: infer All,
) => void
  ? All
  : never;
