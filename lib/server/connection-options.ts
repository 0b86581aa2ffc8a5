/** How connections come and who may connect, as a server is opened; and figures of all of them. */

import type { OrderState } from "../room/order.ts";
import type { RoomSocket } from "../room/socket.ts";
import type { Tally } from "../room/tally.ts";
import type { AddressRules } from "./access.ts";
import type { Certified } from "./identity.ts";

/** A socket that was accepted; one of `Bun.listen` is one. */
export interface AcceptedSocket extends RoomSocket, Certified {
  /** Undefined on a Unix socket, and of a peer that has reset already. */
  readonly remoteAddress?: string;
  readonly remotePort: number;
  setNoDelay(noDelay: boolean): unknown;
  setKeepAlive(keepAlive: boolean, delayMs: number): unknown;
}

/** How connections come. */
export interface Way {
  /** Whether clients have no addresses, as on a Unix socket. */
  readonly unix: boolean;
  /** Whether there is a TLS handshake to wait for. */
  readonly handshake: boolean;
  /**
   * Begins that handshake, with what the client has sent of it already, on another
   * socket that takes the place of the accepted one; by default, every socket has.
   */
  startTls?(
    accepted: AcceptedSocket,
    firstBytes: Uint8Array,
    arrive: (secure: AcceptedSocket) => void,
  ): void;
  /** The load balancers, whose connections begin with a PROXY header; none by default. */
  readonly proxies?: AddressRules | undefined;
  /** Whether clients are spoken to as telnet does; not by default. */
  readonly telnet?: boolean | undefined;
}

/** As a WebSocket, whose handshakes are over. */
export const BY_WEB: Way = { unix: false, handshake: false };

/** Who may connect, how many, and what they have to show; and how all come who do not come by web. */
export interface ConnectionsOptions extends Way {
  /** What the first line has to be, without its line end. */
  readonly passPhrase?: Uint8Array | undefined;
  /** How long a guest may take for each thing asked of it, in ms; 10 s by default. */
  readonly guestMs?: number;
  /** How many guests and members there may be; any number by default. */
  readonly clientsMax?: number;
  /** How many more may be open, refused or lingering after EOF, at least 1; 64 by default. */
  readonly lingerersMax?: number;
  /** Which addresses may connect; any by default. */
  readonly rules?: AddressRules | undefined;
  /** How many open sockets one address may have; any number by default. */
  readonly clientsPerAddressMax?: number | undefined;
}

export const DEFAULTS = { guestMs: 10_000, clientsMax: Number.POSITIVE_INFINITY, lingerersMax: 64 };

/** Figures of a room and its connections, at one moment. */
export interface Counts {
  readonly states: { readonly guest: number; readonly member: number; readonly leaver: number };
  /** Open connections, by how they have come. */
  readonly kinds: Readonly<Record<string, number>>;
  readonly clientsMax: number;
  readonly tally: Readonly<Tally>;
  readonly log: {
    readonly saidBytes: number;
    readonly owedBytes: number;
    readonly sizeBytes: number;
  };
  /** That of the order, in a room that several servers share. */
  readonly stream: OrderState | undefined;
}
