/**
 * A simulated connection: a socket for the room on one end, a peer on the
 * other, and chance in between. It does whatever a socket may do, in any order
 * that is legal, and reports to the model what the room did.
 */

import type { Member, Room, RoomSocket } from "../../lib/room/room.ts";
import { type Model, show } from "./model.ts";
import type { Random } from "./random.ts";
import type { Seat } from "./seat.ts";

const LF = 0x0a;

/** How a peer reads: what comes, a little at a time, all after a while, or not at all. */
export type Reading = "fast" | "slow" | "in bursts" | "not at all";

/** How long the lines of a peer are, mostly. */
export type Talk = "terse" | "mixed" | "long";

/** How a network behaves; chances are per mille. */
export interface Weather {
  /** A socket takes less than it could. */
  readonly shortWrite: number;
  /** A connection is lost inside a `write`. */
  readonly lossInWrite: number;
  /** `close` comes inside the call that caused it. */
  readonly closeAtOnce: number;
  /** `close` never comes after `terminate`. */
  readonly closeNever: number;
  /** A peer that gets EOF closes too. */
  readonly politePeer: number;
  /** A line passes the limit. */
  readonly tooLong: number;
}

/** Where a connection is: all that it shares with the others. */
export interface Network {
  readonly room: Room;
  readonly model: Model;
  readonly random: Random;
  readonly weather: Weather;
  readonly talk: Talk;
  readonly trace: ((event: string) => void) | undefined;
}

export class Connection implements RoomSocket {
  readonly seat: Seat;
  /** Known once `join` has returned. */
  member: Member | undefined;
  /** Whether the socket is closed, and whether its `close` still has to be delivered. */
  closed = false;
  closeDue = false;
  /** Whether a `drain` is promised. */
  drainDue = false;
  reading: Reading = "fast";

  readonly #network: Network;
  /** How many bytes lie between socket and peer, and how many may. */
  #inFlight = 0;
  readonly #inFlightMax: number;
  #paused = false;
  #shut = false;
  /** Whether the peer has sent its FIN, and whether the socket has said so. */
  #finSent = false;
  #finSeen = false;
  readonly #polite: boolean;
  /** What the peer is about to say. */
  #unsent: number[] = [];

  constructor(network: Network, seat: Seat, inFlightMax: number) {
    this.#network = network;
    this.#inFlightMax = inFlightMax;
    this.#polite = network.random.chance(network.weather.politePeer);
    this.seat = seat;
  }

  // The socket, as the room calls it.

  write(bytes: Uint8Array, offset: number, length: number): number {
    const { model, random, weather } = this.#network;
    if (this.closed) {
      this.#log("is written after its close");
      model.misses(this.seat);
      return -1;
    }
    if (random.chance(weather.lossInWrite)) {
      this.#lose("lost inside a write");
      this.#deliverClose();
      return random.chance(500) ? -1 : random.below(length + 1);
    }
    if (this.reading === "fast") this.#inFlight = 0;
    const space = Math.min(length, this.#inFlightMax - this.#inFlight);
    const taken = random.chance(weather.shortWrite) ? random.below(space + 1) : space;
    if (this.#network.trace)
      this.#log(
        `is written ${show(bytes.subarray(offset, offset + length))}, takes ${taken} of ${length}`,
      );
    model.took(this.seat, bytes, offset, length, taken);
    this.#inFlight += taken;
    this.drainDue = taken < length;
    return taken;
  }

  shutdown(): void {
    this.#log("gets EOF");
    if (this.closed) return;
    this.#network.model.shuts(this.seat);
    this.#shut = true;
    if (this.#finSeen) this.#lose("closed on both sides", true);
  }

  end(): void {
    this.#log("is closed by the room");
    this.#network.model.closesOff(this.seat);
    this.#closeByRoom();
  }

  terminate(): void {
    this.#log("is reset by the room");
    this.#network.model.terminates(this.seat);
    this.#closeByRoom();
  }

  pause(): void {
    this.#log("is paused");
    this.#network.model.pauses(this.seat);
    this.#paused = true;
  }

  resume(): void {
    this.#log("is resumed");
    this.#network.model.resumes(this.seat);
    this.#paused = false;
  }

  // What may happen to it. Each returns whether it could.

  /** Bytes arrive at the room. */
  speak(): boolean {
    const { room, model, random } = this.#network;
    if (!this.#canHear || this.#finSent || !this.member) return false;
    const chunk = this.#nextChunk(random.between(1, model.rules.readBytesMax));
    if (this.#network.trace) this.#log(`says ${show(chunk)}`);
    model.hears(this.seat, chunk);
    room.hear(this.member, chunk);
    model.checkHeld(this.seat, this.member.lines.heldBytes);
    return true;
  }

  /** The peer half-closes. */
  finish(): boolean {
    if (this.closed || this.#finSent || !this.member) return false;
    this.#finSent = true;
    this.#log("half-closes");
    return true;
  }

  /** The peer's FIN arrives at the room. */
  deliverFin(): boolean {
    const { room, model, random } = this.#network;
    if (!this.#canHear || !this.#finSent || this.#finSeen || !this.member) return false;
    this.#finSeen = true;
    // After the room's own EOF, the peer's may come as a close alone.
    if (!this.#shut || random.chance(500)) {
      this.#log("its end of input arrives");
      model.ends(this.seat);
      room.end(this.member);
    }
    if (this.#shut) this.#lose("closed on both sides", true);
    return true;
  }

  /** The connection breaks. */
  break(): boolean {
    if (this.closed || !this.member) return false;
    this.#lose("resets");
    this.#deliverClose();
    return true;
  }

  /** A handler of the socket throws. */
  fail(): boolean {
    if (this.closed || !this.member) return false;
    this.#log("its handler fails");
    this.#network.model.fails(this.seat);
    this.#network.room.terminate(this.member, "reset");
    return true;
  }

  /** The peer reads. */
  read(): boolean {
    if (this.#inFlight === 0 || this.reading === "not at all") return false;
    const { random } = this.#network;
    const all = this.reading !== "slow" && (this.reading === "fast" || random.chance(300));
    if (!all && this.reading === "in bursts") return false;
    const count = all ? this.#inFlight : Math.min(this.#inFlight, random.between(1, 8));
    this.#inFlight -= count;
    this.#log(`reads ${count}`);
    return true;
  }

  /** The socket says that it takes bytes again; a promise, but not one on time. */
  drain(): boolean {
    const { room, model } = this.#network;
    const writable = this.reading === "fast" || this.#inFlight <= this.#inFlightMax >> 1;
    if (this.closed || !this.drainDue || !writable || !this.member) return false;
    this.drainDue = false;
    this.#log("drains");
    model.drained(this.seat);
    room.drain(this.member);
    return true;
  }

  /** A drain that nobody was promised. */
  drainForNothing(): boolean {
    if (this.closed || !this.member || this.drainDue) return false;
    this.#log("drains for nothing");
    this.#network.room.drain(this.member);
    return true;
  }

  /** A `close` that is due arrives. */
  close(): boolean {
    if (!this.closeDue) return false;
    this.#deliverClose();
    return true;
  }

  /** The peer answers the room's EOF with its own. */
  answer(): boolean {
    return this.#shut && this.#polite && this.#inFlight === 0 && this.finish();
  }

  /** Whether nothing can happen to it any more. */
  get over(): boolean {
    return this.closed && !this.closeDue;
  }

  get #canHear(): boolean {
    return !this.closed && !this.#paused;
  }

  #closeByRoom(): void {
    if (this.closed) return;
    this.#lose("closed", true);
    if (this.#network.random.chance(this.#network.weather.closeNever)) this.closeDue = false;
  }

  #lose(how: string, maybeLater = false): void {
    const { model, random, weather } = this.#network;
    this.#log(how);
    this.closed = true;
    this.drainDue = false;
    this.closeDue = true;
    model.lose(this.seat);
    if (maybeLater && random.chance(weather.closeAtOnce)) this.#deliverClose();
  }

  #deliverClose(): void {
    // Inside `join` there is nobody to tell it to yet.
    if (!this.member) return;
    this.closeDue = false;
    this.#log("its close arrives");
    this.#network.model.closes(this.seat);
    this.#network.room.close(this.member);
  }

  /** Some bytes of an endless stream of lines, cut anywhere. */
  #nextChunk(length: number): Uint8Array {
    while (this.#unsent.length < length) this.#writeLine();
    const chunk = Uint8Array.from(this.#unsent.slice(0, length));
    this.#unsent = this.#unsent.slice(length);
    return chunk;
  }

  #writeLine(): void {
    const { random } = this.#network;
    const length = this.#lineLength();
    const first = random.below(256);
    for (let at = 0; at < length; at++) {
      const byte = (first + at * 37) & 0xff;
      this.#unsent.push(byte === LF ? 0x0d : byte);
    }
    this.#unsent.push(LF);
  }

  /** Without the LF. */
  #lineLength(): number {
    const { random, weather, talk, model } = this.#network;
    const longest = model.rules.lineBytesMax - 1;
    if (random.chance(weather.tooLong)) return longest + random.between(1, 3);
    if (talk === "terse") return Math.min(longest, random.below(3));
    if (talk === "long") return Math.max(0, longest - random.below(4));
    return random.below(Math.min(longest, 40) + 1);
  }

  #log(event: string): void {
    this.#network.trace?.(`${this.seat.name} ${event}`);
  }
}
