/**
 * Whether the peer of a WebSocket is still there, and what shows the peer that the server is. Both are
 * looked at in beats, which stand still while the server sleeps: nobody is given up for that.
 */

import { DEFAULTS } from "../room/room.ts";

export const BEAT_MS = 5_000;
/** A peer is pinged every 25 s, and is sent an empty message if nothing else has gone out for so long. */
const SENDING_BEATS = 5;
/** A peer is given up after 70 s without anything from it, as on the other port by keep-alive. */
const SILENT_BEATS = 14;
/** A reader that is not too slow takes so much in each patience; and as much is under way at most. */
const PROGRESS_BYTES = 64 << 10;
const UNDER_WAY_MAX = 8 << 20;

const NO_LINES = new Uint8Array(0);

/** What is needed of a WebSocket. */
export type Pulse = Pick<
  Bun.ServerWebSocket,
  "sendBinary" | "getBufferedAmount" | "ping" | "isPaused"
>;

export class Heartbeat {
  /** How long a reader may take for bytes that are before a ping, in beats each. */
  readonly #beatsOfByte: number;
  #beats = 0;
  /** Since something has gone out, and since something has come. */
  #quietBeats = 0;
  #silentBeats = 0;
  /** What has gone out since the last ping, and what before one that is not answered. */
  #sentBytes = 0;
  #bytesBeforePing: number | undefined;
  /** The peer has asked whether the server has received all that it has sent, or it is time to tell. */
  isAsked = false;

  constructor(patienceMs = DEFAULTS.patienceMs, beatMs = BEAT_MS) {
    this.#beatsOfByte = patienceMs / beatMs / PROGRESS_BYTES;
  }

  sent(bytes: number): void {
    this.#quietBeats = 0;
    this.#sentBytes += bytes;
  }

  received(): void {
    this.#silentBeats = 0;
  }

  /** By a pong. */
  answered(): void {
    this.received();
    this.#bytesBeforePing = undefined;
  }

  /**
   * Answers if that is asked. Nothing is added to what Bun holds for a peer that does not take it.
   *
   * @param hasReceived whether all that the peer has sent is received
   */
  answer(wire: Pulse, hasReceived: boolean): void {
    if (!this.isAsked || !hasReceived || wire.getBufferedAmount() > 0) return;
    wire.sendBinary(NO_LINES);
    this.isAsked = false;
    this.#quietBeats = 0;
  }

  /** Does the work of a beat; returns whether the peer is still there, as far as can be known. */
  beat(wire: Pulse, hasReceived = true): boolean {
    this.isAsked ||= ++this.#quietBeats >= SENDING_BEATS;
    this.answer(wire, hasReceived);
    this.#silentBeats = wire.isPaused ? 0 : this.#silentBeats + 1;
    if (++this.#beats % SENDING_BEATS === 0 && this.#bytesBeforePing === undefined) {
      wire.ping();
      this.#bytesBeforePing = this.#sentBytes;
      this.#sentBytes = 0;
    }
    const underWay = Math.min(this.#bytesBeforePing ?? 0, UNDER_WAY_MAX);
    return this.#silentBeats <= SILENT_BEATS + underWay * this.#beatsOfByte;
  }
}
