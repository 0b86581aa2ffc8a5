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
  #isAsked = false;
  /** What has gone out since the last ping, and what before one that is not answered. */
  #sentBytes = 0;
  #bytesBeforePing: number | undefined;

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

  answered(): void {
    this.received();
    this.#bytesBeforePing = undefined;
  }

  /** The peer asks whether the server has all that it has sent. */
  asked(wire: Pulse, isHeard = true): void {
    this.#isAsked = true;
    if (isHeard) this.#answer(wire);
  }

  /** What the peer has sent before it asked is received now. */
  answerIfAsked(wire: Pulse): void {
    if (this.#isAsked) this.#answer(wire);
  }

  /**
   * Does the work of a beat; returns whether the peer is still there, as far as can be known.
   *
   * @param isHeard whether all that it has sent is received
   */
  beat(wire: Pulse, isHeard = true): boolean {
    this.#quietBeats++;
    this.#silentBeats = wire.isPaused ? 0 : this.#silentBeats + 1;
    if (this.#isAsked ? isHeard : this.#quietBeats >= SENDING_BEATS) this.#answer(wire);
    if (++this.#beats % SENDING_BEATS === 0) this.#ping(wire);
    const underWay = Math.min(this.#bytesBeforePing ?? 0, UNDER_WAY_MAX);
    return !(this.#silentBeats > SILENT_BEATS + underWay * this.#beatsOfByte);
  }

  /** Nothing is added to what Bun holds for a peer that does not take it. */
  #answer(wire: Pulse): void {
    if (wire.getBufferedAmount() > 0) return;
    wire.sendBinary(NO_LINES);
    this.#isAsked = false;
    this.#quietBeats = 0;
  }

  #ping(wire: Pulse): void {
    if (this.#bytesBeforePing !== undefined) return;
    wire.ping();
    this.#bytesBeforePing = this.#sentBytes;
    this.#sentBytes = 0;
  }
}
