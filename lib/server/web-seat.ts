/**
 * A WebSocket as a socket of the room. A message holds whole lines, in both directions; what a
 * browser says need not have the last LF. The ways of `ServerWebSocket` that this is about are in
 * test/bun-facts.test.ts.
 */

import { GONE, type Life } from "../room/socket.ts";
import { type AcceptedSocket, BY_WEB, type Connections } from "./connections.ts";

const LF = 0x0a;
const NOTHING: Uint8Array = new Uint8Array(0);
/** The most bytes of one message to a reader, if no line is longer; so many may wait in Bun. */
const MESSAGE_BYTES = 64 << 10;
/** How often one that is to be closed is asked whether all is out. */
const FLUSH_MS = 50;

/** How a WebSocket ends, by RFC 6455, 7.4. To a page, the last means that trying again is no use. */
const GOING_AWAY = 1001;
const NO_STATUS = 1005;
const SENT_AWAY = 1008;
const OWN_CODES = 3000;
/** Why Bun has closed one whose message is over `maxPayloadLength`. */
const TOO_BIG = "Received too big message";

/** What is needed of `Bun.ServerWebSocket`. */
export interface Wire {
  /** Takes all of a message, and keeps what the system does not take. */
  sendBinary(message: Uint8Array): unknown;
  getBufferedAmount(): number;
  cork(callback: () => void): unknown;
  close(code: number): void;
  terminate(): void;
  pause(): void;
  resume(): void;
}

/** The one end of a WebSocket, as the room and its connections see it. */
export class WebSeat implements AcceptedSocket {
  data: Life = GONE;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #connections: Connections;
  readonly #later: (action: () => void, delayMs: number) => void;
  readonly #messageBytesMax: number;
  #wire: Wire | undefined;
  /** The beginning of a line whose end the room has not written yet. */
  #started = NOTHING;
  /** Who ends the connection; nothing is sent any more. */
  #endedBy: "server" | "peer" | undefined;
  #isPaused = false;
  /** What Bun had read before the pause, in one piece however many messages it was. */
  #late: Bun.ArrayBufferSink | undefined;

  /** @param later a timer; 0 is the end of this turn */
  constructor(
    connections: Connections,
    address: string,
    port: number,
    later = (action: () => void, delayMs: number) => void setTimeout(action, delayMs),
  ) {
    this.#connections = connections;
    this.remoteAddress = address;
    this.remotePort = port;
    this.#later = later;
    this.#messageBytesMax = Math.max(MESSAGE_BYTES, connections.room.saidBytesMax);
  }

  // What happens to the WebSocket.

  opened(wire: Wire): void {
    this.#wire = wire;
    this.#connections.accept(this, BY_WEB);
  }

  heard(message: string | Uint8Array): void {
    const bytes = Buffer.from(message);
    const said = bytes.at(-1) === LF ? bytes : Buffer.concat([bytes, Uint8Array.of(LF)]);
    // Handed on one by one into a room that is held up, many small ones would cost quadratic time.
    if (this.#isPaused) this.#late ??= new Bun.ArrayBufferSink();
    if (this.#late) this.#late.write(said);
    else this.data.received(said);
  }

  drained(): void {
    if (this.#endedBy === undefined && this.#isFlushed()) this.data.drained();
  }

  closed(code: number, reason: string): void {
    if (this.#wire === undefined) return;
    this.#wire = undefined;
    if (this.#endedBy === undefined) this.#endByPeer(code, reason);
    this.#connections.closed(this, BY_WEB);
  }

  // As a socket of the room.

  write(bytes: Uint8Array, offset: number, length: number): number {
    if (this.#endedBy === "peer") return 0;
    const end = offset + length;
    let at = offset;
    while (at < end && this.#isFlushed()) {
      const lines = bytes.lastIndexOf(LF, Math.min(end, at + this.#messageBytesMax) - 1) + 1;
      const stop = lines > at ? lines : end;
      const part = bytes.subarray(at, stop);
      const whole = this.#started.length > 0 ? Buffer.concat([this.#started, part]) : part;
      if (lines > at) this.#wire?.sendBinary(whole);
      // The log is written on from here, and overwritten there.
      this.#started = lines > at ? NOTHING : Buffer.from(whole);
      at = stop;
    }
    return this.#wire === undefined ? -1 : at - offset;
  }

  /** There is no half-close: it is closed once all is out. */
  shutdown(): void {
    if (this.#endedBy !== undefined) return;
    if (this.#isFlushed()) this.end();
    else this.#later(() => this.shutdown(), FLUSH_MS);
  }

  end(): void {
    if (this.#endedBy !== undefined) return;
    this.#endedBy = "server";
    this.#wire?.close(this.#connections.room.stopping ? GOING_AWAY : SENT_AWAY);
  }

  terminate(): void {
    this.#endedBy ??= "server";
    this.#wire?.terminate();
  }

  pause(): void {
    this.#isPaused = true;
    this.#wire?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#wire?.resume();
    // Not now: whoever resumes it is busy with what it has said before.
    if (this.#late) this.#later(() => !this.#isPaused && this.#hearLate(), 0);
  }

  setNoDelay(): void {}
  setKeepAlive(): void {}

  #hearLate(): void {
    const late = this.#late?.end();
    this.#late = undefined;
    // It is an ArrayBuffer, as the sink was not told otherwise.
    if (late instanceof ArrayBuffer) this.data.received(new Uint8Array(late));
  }

  /** What it has said is heard, and then that it has ended, if it says so itself. */
  #endByPeer(code: number, reason: string): void {
    this.#endedBy = "peer";
    this.#hearLate();
    const isInOrder = code <= GOING_AWAY || code === NO_STATUS || code >= OWN_CODES;
    if (isInOrder) this.data.ended();
    if (reason === TOO_BIG) this.data.failed("line too long");
  }

  /** Whether Bun holds nothing; an empty `cork` makes it try, which it does rarely by itself. */
  #isFlushed(): boolean {
    const wire = this.#wire;
    if (wire === undefined) return false;
    if (wire.getBufferedAmount() > 0) wire.cork(() => {});
    return wire.getBufferedAmount() === 0;
  }
}
