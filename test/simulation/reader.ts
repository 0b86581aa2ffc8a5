/** The peer of a simulated connection as a reader: what lies between the two, and how fast it reads. */

import type { Network, Place } from "./network.ts";
import type { Reading } from "./rules.ts";
import type { Seat } from "./seat.ts";

/** What a connection over TCP and one by WebSocket have in common. */
export abstract class Reader {
  readonly seat: Seat;
  reading: Reading = "fast";
  /** How many bytes lie between socket and peer, and how many may. */
  protected inFlight = 0;
  protected readonly inFlightMax: number;
  readonly #network: Network;

  constructor(network: Network, seat: Seat, { inFlightMax }: Place) {
    this.#network = network;
    this.seat = seat;
    this.inFlightMax = inFlightMax;
  }

  /** The socket tells that it takes bytes again. */
  abstract drain(): boolean;

  get isSlow(): boolean {
    return this.reading === "slow" || this.reading === "drip";
  }

  /** The peer reads. */
  read(): boolean {
    if (this.inFlight === 0 || this.reading === "not at all") return false;
    const { random, weather } = this.#network;
    if (this.reading === "in bursts" && !random.chance(300)) return false;
    let count = this.inFlight;
    if (this.reading === "drip") count = 1;
    if (this.reading === "slow") count = Math.min(count, random.between(1, weather.slowBytesMax));
    this.inFlight -= count;
    this.log(`reads ${count}`);
    return true;
  }

  /** Time goes on, and slow peers read; their sockets drain rarely. */
  readsMeanwhile(): void {
    if (this.isSlow && this.read() && this.#network.random.chance(100)) this.drain();
  }

  /** From now on it reads all that comes, unless it reads nothing. */
  readOn(): void {
    if (this.reading !== "not at all") this.reading = "fast";
  }

  /** How many of so many bytes go on their way; fewer than could, by chance, if that may be. */
  protected passOn(length: number, maybeShort: boolean): number {
    const { random, weather } = this.#network;
    if (this.reading === "fast") this.inFlight = 0;
    const space = Math.max(0, Math.min(length, this.inFlightMax - this.inFlight));
    const count = maybeShort && random.chance(weather.shortWrite) ? random.below(space + 1) : space;
    this.inFlight += count;
    return count;
  }

  protected passOnAll(length: number): number {
    this.inFlight += length;
    return length;
  }

  protected log(event: string): void {
    this.#network.trace?.(`${this.seat.name} ${event}`);
  }
}
