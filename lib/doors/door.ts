/**
 * A connection on its way in. Doors ask something of it, one after the other: each lets it pass,
 * refuses it, or holds it until it has what it wants. Behind the last door is the room.
 */

import { formatAddress, unmapAddress } from "../program/network.ts";
import { LF } from "../room/line-buffer.ts";
import type { Room } from "../room/room.ts";
import { close, type DisconnectReason, GONE, type Life, type RoomSocket } from "../room/socket.ts";

/** No line that a door waits for is longer, in bytes, nor is what another protocol begins with. */
const LINE_BYTES_MAX = 16 << 10;

/** A socket that was accepted; one of `Bun.listen` is one. */
export interface AcceptedSocket extends RoomSocket {
  /** Undefined on a Unix socket, and of a peer that has reset already. */
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  /** By which the system knows it, and whether its peer is still there; a WebSocket has none. */
  readonly fd?: number | undefined;
  /** The client's certificate, over TLS, if it was asked for one. */
  getPeerCertificate?():
    | { readonly subject: { readonly CN?: string | string[] }; readonly fingerprint256: string }
    | undefined;
}

/** What is asked of a connection before it joins. */
export interface Door {
  /**
   * Whether it is about how bytes come, and not from whom: then a refusal can be told only behind
   * it, and a WebSocket, whose bytes come by HTTP, does not meet it.
   */
  readonly isTransport?: boolean;
  /** A connection has come, which it lets `pass`, or does anything else with that an `Arrival` can. */
  meet(arrival: Arrival): void;
  /** Why a numeric address is refused whatever it sends, also what is no connection, such as a page. */
  refusalOf?(address: string): string | undefined;
}

/** What a door does with a connection that it holds. */
export interface Hold {
  readonly withinMs: number;
  /** Told each time of all that has come for it, and at the end of input that this is all. */
  read(received: Buffer, isAll: boolean): void;
  late(): void;
}

/** Why a client is refused whose first bytes are these, or that they are lines; undefined while that is not known. */
export type Inspect = (bytes: Buffer) => Required<DisconnectReason> | "lines" | undefined;

/** By which port connections come, what is asked of them, and how many are open. */
export interface Way {
  readonly kind: "tcp" | "tls" | "unix" | "web";
  readonly doors: readonly Door[];
  open: number;
}

/** What an arrival needs of the owner of all connections. */
export interface ArrivalHost {
  readonly room: Pick<Room, "join" | "refuse" | "reportRefusal" | "wake" | "now">;
  /** Those that are on their way in, and those of them that have no seat. */
  readonly arrivals: Set<Arrival>;
  readonly seatless: Set<Arrival>;
  /** When one of them may be late; none is before that. */
  dueAtMs: number;
  /** What is to be done once all that this turn frees is free. */
  readonly atEndOfTurn: (() => void)[];
}

/** A connection that is not a member yet: it receives nothing from the room. */
export class Arrival implements Life {
  /** A door may put another one in its place, whose `data` it is then. */
  socket: AcceptedSocket;
  /** Numeric, IPv4 never as it is mapped into IPv6; empty on a Unix socket. */
  address: string;
  port: number;
  /** What members know it by, if a door gives it a name; its label by default. */
  name: string | undefined;
  /** Gives back its seat; undefined once that is done. */
  releaseSeat: (() => void) | undefined;
  /** Where it waits, which only `hold` begins, and until when. */
  held: Hold | undefined;
  dueAtMs = 0;
  /** Asked of the first line that a door waits for. */
  inspect: Inspect = () => "lines";
  /** What it has sent that no door has used; one that takes it away leaves the rest. */
  unused: Buffer = Buffer.alloc(0);
  readonly #host: ArrivalHost;
  readonly #prefix: string;
  /** Those that it still has to pass. */
  #doors: Door[];
  #refusal: DisconnectReason | undefined;
  /** Whether that was all that it will send, or its end was cut off. */
  #hasEnded = false;
  #isCutOff = false;

  /** @param prefix of its label, where its address does not tell enough */
  constructor(host: ArrivalHost, socket: AcceptedSocket, { doors }: Way, prefix: string) {
    this.#host = host;
    this.#prefix = prefix;
    this.#doors = [...doors];
    this.socket = socket;
    this.address = unmapAddress(socket.remoteAddress ?? "");
    this.port = socket.remotePort ?? 0;
    socket.data = this;
  }

  /** What the event log knows it by: the name if it has one, and its address and port. */
  get label(): string {
    const { address, name } = this;
    const place = this.#prefix + (address === "" ? "" : formatAddress(address, this.port));
    return name === undefined ? place : `${name} ${place}`;
  }

  /** The time, in ms, on the clock of the room. */
  get now(): number {
    return this.#host.room.now();
  }

  /** It comes to the next door, or joins; so many bytes of what it has sent were for this door. */
  pass(usedBytes = 0): void {
    if (this.socket.data !== this) return; // Found gone when a door wrote to it.
    this.held = undefined;
    this.unused = this.unused.subarray(usedBytes);
    const door = this.#doors.shift();
    if (door) return door.meet(this);
    const { room, arrivals, seatless } = this.#host;
    const { socket, label, name = label, releaseSeat } = this;
    for (const all of [arrivals, seatless]) all.delete(this);
    if (this.#refusal)
      return room.refuse(socket, label, this.#refusal.reason, this.#refusal.message);
    room.join(socket, name, label, releaseSeat);
    if (this.unused.length > 0) socket.data.received(this.unused);
    if (this.#hasEnded) socket.data.ended(this.#isCutOff);
  }

  /** It is not let in, and told why as soon as it can be; see `DisconnectReason`. */
  refuse(reason: string, message = reason): void {
    this.#refusal ??= { reason, message };
    this.#doors = this.#doors.filter(({ isTransport }) => isTransport);
    this.#giveUpSeat();
    this.#host.seatless.add(this);
    this.pass();
  }

  /** Goes on if something is free, now or after this turn, in which its owner may leave; else is refused. */
  await(isFree: () => boolean, goOn: () => void, refusal: string): void {
    if (isFree()) return goOn();
    this.#host.atEndOfTurn.push(() => {
      if (!this.#host.arrivals.has(this)) return;
      if (isFree()) goOn();
      else this.refuse(refusal);
    });
    this.#host.room.wake(0);
  }

  /** Has something done when its seat is given back, after that. */
  onRelease(release: () => void): void {
    const { releaseSeat } = this;
    this.releaseSeat = () => {
      releaseSeat?.();
      release();
    };
  }

  /** Makes it wait at this door, which is told at once of what it has sent already. */
  hold(hold: Hold): void {
    this.held = hold;
    this.dueAtMs = this.now + hold.withinMs;
    this.#host.dueAtMs = Math.min(this.#host.dueAtMs, this.dueAtMs);
    this.#host.room.wake(hold.withinMs);
    hold.read(this.unused, this.#hasEnded);
  }

  /**
   * Makes it wait until a door can tell by its first line, which may end with its input.
   *
   * @param late why it is refused after `withinMs`
   * @param read told each time of what there is of the line, and whether that is all of it
   */
  holdForLine(withinMs: number, late: string, read: Hold["read"]): void {
    this.hold({
      withinMs,
      read: (received, isAll) => {
        const { held } = this;
        const isEnded = isAll && !this.#isCutOff;
        const bytes = isEnded ? Buffer.concat([received, Uint8Array.of(LF)]) : received;
        const end = bytes.indexOf(LF);
        const found = this.inspect(bytes);
        if (typeof found === "object") this.refuse(found.reason, found.message);
        else if (found === "lines" || end >= 0 || bytes.length > LINE_BYTES_MAX)
          read(end < 0 ? bytes : bytes.subarray(0, end), end >= 0);
        if (this.#isCutOff && this.held === held) this.failed("cut off");
      },
      late: () => this.refuse(late),
    });
  }

  received(bytes: Uint8Array): void {
    this.unused = Buffer.concat([this.unused, bytes]);
    this.held?.read(this.unused, this.#hasEnded);
  }

  drained(): void {}

  ended(isCutOff = false): void {
    this.#hasEnded = true;
    this.#isCutOff = isCutOff;
    this.held?.read(this.unused, true);
  }

  closed(): void {
    this.socket.data = GONE;
    this.held = undefined;
    this.#giveUpSeat();
    for (const all of [this.#host.arrivals, this.#host.seatless]) all.delete(this);
  }

  /** Resets it, for which nothing can be told to it. */
  failed(reason = "reset"): void {
    this.closed();
    this.#host.room.reportRefusal(this.label, this.#refusal?.reason ?? reason);
    this.socket.terminate();
  }

  /** Closes it in order; nobody takes note of that without a reason. */
  dismiss(reason?: string): void {
    if (reason !== undefined) this.#host.room.reportRefusal(this.label, reason);
    this.held = undefined;
    close(this.socket);
  }

  #giveUpSeat(): void {
    this.releaseSeat?.();
    this.releaseSeat = undefined;
  }
}
