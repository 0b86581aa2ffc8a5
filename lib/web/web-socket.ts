/**
 * A WebSocket as a socket of the room: a message holds whole lines, but what a browser sends need not
 * have the last LF. The ways of `ServerWebSocket` are in test/web/pressure.test.ts.
 */

import type { AcceptedSocket, Way } from "../doors/door.ts";
import type { ConnectionsView } from "../extras/part.ts";
import { LF } from "../room/line-buffer.ts";
import { Member } from "../room/member.ts";
import { GONE, type Life } from "../room/socket.ts";
import { Heartbeat, type Pulse } from "./heartbeat.ts";

const NOTHING: Uint8Array = new Uint8Array(0);
/** The most bytes of one message to a reader, if no line is longer; so many may wait in Bun. */
const MESSAGE_BYTES = 64 << 10;

/** How a WebSocket ends, by RFC 6455, 7.4: Bun tells of any end out of order as the second. */
const GOING_AWAY = 1001;
const ABNORMAL = 1006;
const DISCONNECTED = 1008;
/** Why Bun has closed one whose message is over `maxPayloadLength`. */
const TOO_BIG = "Received too big message";

/** What is needed of it; `sendBinary` keeps what the system does not take of a message. */
export type Wire = Pulse &
  Pick<Bun.ServerWebSocket, "pause" | "resume" | "close" | "terminate"> & {
    cork(callback: () => void): unknown;
  };

/** The server's end of a WebSocket. */
export class BrowserSocket implements AcceptedSocket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly heartbeat: Heartbeat;
  #data: Life = GONE;
  readonly #connections: ConnectionsView;
  readonly #way: Way;
  readonly #later: (action: () => void) => void;
  /** Undefined once either side has ended the connection: nothing is sent any more. */
  #wire: Wire | undefined;
  /** The beginning of a line whose end the room has not written yet; it counts as taken. */
  #started = NOTHING;
  /** How much Bun was given that does not count as taken yet: what it holds is not out. */
  #given = 0;
  /** What Bun had read before the pause, in one piece however many messages it was. */
  #late: Bun.ArrayBufferSink | undefined;

  /** @param later has something done at the end of this turn */
  constructor(
    connections: ConnectionsView,
    way: Way,
    { address, port }: { address: string; port: number },
    heartbeat = new Heartbeat(),
    later: (action: () => void) => void = setImmediate,
  ) {
    this.#connections = connections;
    this.#way = way;
    this.remoteAddress = address;
    this.remotePort = port;
    this.heartbeat = heartbeat;
    this.#later = later;
  }

  get data(): Life {
    return this.#data;
  }

  /** A page that has asked meanwhile is answered once it is in the room. */
  set data(life: Life) {
    this.#data = life;
    if (this.#wire) this.heartbeat.answer(this.#wire, this.#hasReceived);
  }

  opened(wire: Wire): void {
    this.#wire = wire;
    this.#connections.accept(this, this.#way);
  }

  /** Whether what was sent is received: by a member, and not only by Bun. */
  get #hasReceived(): boolean {
    return this.#data instanceof Member && this.#late === undefined;
  }

  /**
   * An empty binary message is no line: it asks for one, which shows a page that we are here, that it
   * is in the room, and that what it has sent before has come.
   */
  messageReceived(message: string | Uint8Array): void {
    this.heartbeat.received();
    if (typeof message !== "string" && message.length === 0) {
      this.heartbeat.isAsked = true;
      if (this.#wire) this.heartbeat.answer(this.#wire, this.#hasReceived);
      return;
    }
    const bytes = Buffer.from(message);
    const lines = bytes.at(-1) === LF ? bytes : Buffer.concat([bytes, Uint8Array.of(LF)]);
    // Handed on one by one into a room that is held up, many small ones would cost quadratic time.
    if (this.#wire?.isPaused) this.#late ??= new Bun.ArrayBufferSink();
    if (this.#late) this.#late.write(lines);
    else this.received(lines);
  }

  /** Gives up a peer that has vanished; to be called once a beat. */
  beat(): void {
    if (this.#wire && !this.heartbeat.beat(this.#wire, this.#hasReceived))
      this.data.failed("vanished");
  }

  drained(): void {
    this.data.drained();
  }

  closed(code: number, reason: string): void {
    if (this.#release()) {
      this.#receiveLate();
      if (code !== ABNORMAL) this.ended();
      if (reason === TOO_BIG) this.data.failed("line too long");
    }
    this.#connections.closed(this, this.#way);
  }

  received(lines: Uint8Array): void {
    this.data.received(lines);
  }

  ended(): void {
    this.data.ended();
  }

  /**
   * Gives Bun whole messages while it holds nothing. Of a message that the system does not take at
   * once, as much counts as taken as Bun holds no more; the room offers the rest again.
   */
  write(bytes: Uint8Array, offset: number, length: number): number {
    let taken = this.#take(length);
    while (taken < length && this.#given === 0 && this.#wire) {
      this.#give(this.#wire, bytes, offset + taken, offset + length);
      taken += this.#take(length - taken);
    }
    return taken;
  }

  /** There is no half-close. All is out by now, as all counts as taken. */
  shutdown(): void {
    this.end();
  }

  end(): void {
    this.#release()?.close(this.#connections.room.isStopping ? GOING_AWAY : DISCONNECTED);
  }

  terminate(): void {
    this.#release()?.terminate();
  }

  pause(): void {
    this.#wire?.pause();
  }

  resume(): void {
    this.#wire?.resume();
    // Not now: the room is busy with what it has sent before.
    if (this.#late) this.#later(() => !this.#wire?.isPaused && this.#receiveLate());
  }

  #release(): Wire | undefined {
    const wire = this.#wire;
    this.#wire = undefined;
    return wire;
  }

  #receiveLate(): void {
    const late = this.#late?.end();
    this.#late = undefined;
    // It is an ArrayBuffer, as the sink was not told otherwise.
    if (late instanceof ArrayBuffer) this.received(new Uint8Array(late));
  }

  /** Gives the next lines as a message, as many as go into one; the start of a line is kept. */
  #give(wire: Wire, bytes: Uint8Array, offset: number, end: number): void {
    const bytesMax = Math.max(MESSAGE_BYTES, this.#connections.room.loggedBytesMax);
    const stop = bytes.lastIndexOf(LF, Math.min(end, offset + bytesMax) - 1) + 1;
    const hasLines = stop > offset;
    const part = bytes.subarray(offset, hasLines ? stop : end);
    const begun = this.#started;
    const whole = begun.length > 0 ? Buffer.concat([begun, part]) : part;
    // A copy: the log is written on from here, and overwritten there.
    this.#started = hasLines ? NOTHING : Uint8Array.from(whole);
    if (hasLines) wire.sendBinary(whole);
    this.#given = part.length;
    this.heartbeat.sent(part.length);
  }

  /** Counts what is out as taken, so much at most; an empty `cork` makes Bun try, as it does rarely. */
  #take(bytesMax: number): number {
    const wire = this.#wire;
    if (wire === undefined || this.#given === 0) return 0;
    if (wire.getBufferedAmount() > 0) wire.cork(() => {});
    const out = Math.max(0, this.#given - wire.getBufferedAmount());
    const taken = Math.min(out, bytesMax);
    this.#given -= taken;
    return taken;
  }
}
