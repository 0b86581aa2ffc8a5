/** The peer of a simulated connection: what it sends, what lies between the two, and how fast it reads. */

import type { Model } from "./model.ts";
import { type Network, peerLines } from "./peer-lines.ts";
import type { Random } from "./random.ts";
import type { Reading, Weather } from "./rules.ts";
import type { Seat } from "./seat.ts";

/** Where a connection comes from, how much it can have on its way, and how its peer reads at first. */
export interface Place {
  readonly port: number;
  readonly address: string | undefined;
  readonly inFlightMax: number;
  readonly reading: Reading;
}

/** What a connection over TCP and one by WebSocket have in common; an event that cannot be returns false. */
export abstract class Peer {
  reading: Reading;
  /** Whether the connection is closed, and whether the server does not read it for now. */
  closed = false;
  isPaused = false;
  /** Whether the peer has sent its FIN, or what a WebSocket has for that. */
  protected finSent = false;
  /** Whether a `drain` is promised. */
  protected drainDue = false;
  /** How many bytes lie between socket and peer, and how many may. */
  protected inFlight = 0;
  protected readonly inFlightMax: number;
  protected readonly model: Model;
  protected readonly random: Random;
  protected readonly weather: Weather;
  /** Gives so many bytes of what the peer sends. */
  protected readonly lines: (length: number) => Uint8Array;

  constructor(
    protected readonly network: Network,
    readonly seat: Seat,
    { inFlightMax, reading }: Place,
    isTelnet: boolean,
  ) {
    this.reading = reading;
    this.model = network.model;
    this.random = network.random;
    this.weather = network.choices.weather;
    this.inFlightMax = inFlightMax;
    this.lines = peerLines(network, seat, isTelnet);
  }

  /** Whether its socket takes bytes again, and that it tells so. */
  protected abstract isWritable(): boolean;
  protected abstract drained(): void;
  /** The server is told that a handler has failed. */
  protected abstract failed(): void;

  pause(): void {
    this.log("is paused");
    this.model.pauses(this.seat, true);
    this.isPaused = true;
  }

  resume(): void {
    this.log("is resumed");
    this.model.pauses(this.seat, false);
    this.isPaused = false;
  }

  get isSlow(): boolean {
    return this.reading === "slow" || this.reading === "drip";
  }

  /** The peer reads. */
  read(): false | void {
    if (this.inFlight === 0 || this.reading === "not at all") return false;
    if (this.reading === "in bursts" && !this.random.chance(300)) return false;
    let count = this.inFlight;
    if (this.reading === "drip") count = 1;
    if (this.reading === "slow")
      count = Math.min(count, this.random.between(1, this.weather.slowBytesMax));
    this.inFlight -= count;
    this.log(`reads ${count}`);
  }

  /** Time goes on, and slow peers read; their sockets drain rarely. */
  readsMeanwhile(): void {
    if (this.isSlow && this.read() !== false && this.random.chance(100)) this.drain();
  }

  /** From now on it reads all that comes, unless it reads nothing. */
  readOn(): void {
    if (this.reading !== "not at all") this.reading = "fast";
  }

  /** The peer half-closes. */
  finish(): false | void {
    if (this.closed || this.finSent) return false;
    this.finSent = true;
    this.log("half-closes");
  }

  /** A handler of the socket throws. */
  fail(): false | void {
    if (this.closed) return false;
    this.log("its handler fails");
    this.model.fails(this.seat);
    this.failed();
  }

  /** The socket tells that it takes bytes again; a promise, but not one on time. */
  drain(): false | void {
    if (this.closed || !this.drainDue || !this.isWritable()) return false;
    this.drainDue = false;
    this.log("drains");
    this.seat.blocked = false;
    this.drained();
  }

  /** A drain that nobody was promised. */
  drainForNothing(): false | void {
    if (this.closed || this.drainDue) return false;
    this.log("drains for nothing");
    this.drained();
  }

  /** How many of so many bytes go on their way; fewer than could, by chance, if that may be. */
  protected passOn(length: number, maybeShort: boolean): number {
    if (this.reading === "fast") this.inFlight = 0;
    const space = Math.max(0, Math.min(length, this.inFlightMax - this.inFlight));
    const isShort = maybeShort && this.random.chance(this.weather.shortWrite);
    const count = isShort ? this.random.below(space + 1) : space;
    this.inFlight += count;
    return count;
  }

  protected passOnAll(length: number): number {
    this.inFlight += length;
    return length;
  }

  protected log(event: string): void {
    this.network.trace?.(`${this.seat.name} ${event}`);
  }
}
