/**
 * A simulated WebSocket, with the ways of `Bun.ServerWebSocket`: it takes whole messages and holds
 * what its peer does not take, drains late, delivers what it has read already after a pause, and
 * calls `close` from within. Between it and the room stands the server's own `BrowserSocket`.
 */

import type { Way } from "../../lib/doors/door.ts";
import type { Connections } from "../../lib/server/connections.ts";
import { BrowserSocket, type Wire } from "../../lib/web/web-socket.ts";
import type { Network } from "./peer-lines.ts";
import { Peer, type Place } from "./peer.ts";
import type { Seat } from "./seat.ts";
import { show } from "./state.ts";

const LF = 0x0a;
/** So much a message is longer on its way. */
const HEAD_BYTES = 4;
const ABNORMAL = 1006;

/** The server's end, looked at from both sides. */
class WatchedSocket extends BrowserSocket {
  /** What has counted as taken, and what was in messages. */
  #taken = Buffer.alloc(0);
  #sent = Buffer.alloc(0);
  isShut = false;
  /** How many bytes of messages have come that the room was not told of. */
  unreadBytes = 0;

  constructor(
    readonly network: Network,
    readonly seat: Seat,
    ...options: ConstructorParameters<typeof BrowserSocket>
  ) {
    super(...options);
  }

  /** A message of the server's: whole lines. */
  sends(message: Uint8Array): void {
    this.seat.demand(message.at(-1) === LF, "sent part of a line");
    this.#sent = Buffer.concat([this.#sent, message]);
  }

  override messageReceived(message: Uint8Array): void {
    this.unreadBytes += message.length + Number(message.at(-1) !== LF);
    super.messageReceived(message);
  }

  override received(sent: Uint8Array): void {
    this.unreadBytes -= sent.length;
    this.network.model.receives(this.seat, sent);
    super.received(sent);
  }

  override ended(): void {
    this.network.model.ends(this.seat);
    super.ended();
  }

  override write(bytes: Uint8Array, offset: number, length: number): number {
    const { seat } = this;
    const { model, trace } = this.network;
    const part = bytes.subarray(offset, offset + length);
    seat.isUsed();
    const taken = super.write(bytes, offset, length);
    trace?.(`${seat.name} is written ${show(part)}, takes ${taken} of ${length}`);
    if (seat.lost && seat.greeting) model.entrance.isNotGreeted(seat);
    if (seat.lost) return taken;
    model.took(seat, part, taken);
    this.#taken = Buffer.concat([this.#taken, part.subarray(0, taken)]);
    // What counts as taken is what was sent, or the start of a line that will be.
    const both = Math.min(this.#taken.length, this.#sent.length);
    const isSame = this.#taken.subarray(0, both).equals(this.#sent.subarray(0, both));
    seat.demand(isSame, "sent something else than it was given");
    return taken;
  }

  override shutdown(): void {
    if (this.seat.lost) return super.shutdown();
    this.network.model.state.shuts(this.seat);
    this.isShut = true;
    super.shutdown();
    this.seat.demand(this.seat.lost, "not closed after all was taken");
  }
}

export class WebConnection extends Peer implements Wire {
  readonly #end: WatchedSocket;
  /** How much of a message it holds. */
  #buffered = 0;
  /** Whether a message may still come although it is paused: it was read before. */
  #hasReadMore = false;
  readonly #later: (() => void)[] = [];

  constructor(network: Network, server: Connections, way: Way, seat: Seat, place: Place) {
    super(network, seat, place, false);
    const later = (action: () => void) => void this.#later.push(action);
    const { address = "", port } = place;
    this.#end = new WatchedSocket(network, seat, server, way, { address, port }, undefined, later);
  }

  /** It is accepted. */
  open(): void {
    this.#end.opened(this);
  }

  // As the server's end calls it.

  sendBinary(message: Uint8Array): number {
    this.seat.demand(this.#buffered === 0, "given a message while it holds one");
    if (this.random.chance(this.weather.lossInWrite)) {
      this.#lose("lost inside a message", ABNORMAL);
      return 0;
    }
    const bytesMax = 2 * Math.max(256 << 10, this.model.state.rules.lineBytesMax);
    this.seat.demand(message.length <= bytesMax, "given a message too long");
    this.#end.sends(message);
    this.#buffered = message.length + HEAD_BYTES;
    if (this.seat.state === "arrival") this.#buffered -= this.passOnAll(this.#buffered);
    else this.#move();
    this.drainDue ||= this.#buffered > 0;
    return this.#buffered > 0 ? -1 : message.length;
  }

  ping(): number {
    return 0;
  }

  getBufferedAmount(): number {
    return this.#buffered;
  }

  cork(): void {
    this.#move();
  }

  /** Closes with a code; without one, it is an event that does not happen here. */
  close(code?: number): false | void {
    if (code === undefined) return false;
    if (!this.#end.isShut) this.model.deadlines.ends(this.seat, "closed");
    const isStopping = this.model.state.stopping;
    this.seat.demand(code === (isStopping ? 1001 : 1008), `closed with ${code}`);
    this.seat.demand(!this.#end.isShut || this.#buffered === 0, "closed while it holds something");
    this.#lose("closed by the server", code);
  }

  terminate(): void {
    this.model.deadlines.ends(this.seat, "reset");
    this.#lose("reset by the server", ABNORMAL);
  }

  override pause(): void {
    super.pause();
    this.#hasReadMore = this.random.chance(300);
  }

  override resume(): void {
    super.resume();
    this.#hasReadMore = false;
  }

  // What may happen to it.

  shakeHands(): false | void {
    return false;
  }

  /** A message arrives. */
  send(): false | void {
    if (this.closed || this.finSent || (this.isPaused && !this.#hasReadMore)) return false;
    // It is read once a turn.
    if (this.#later.length > 0) return false;
    this.seat.demand(this.isPaused || this.#end.unreadBytes === 0, "not received after a pause");
    this.#hasReadMore = false;
    const bytesMax = Math.max(1, this.model.state.rules.readBytesMax >> 1);
    const message = this.lines(this.random.between(1, bytesMax));
    if (message.length === 0) return this.finish();
    if (this.network.trace) this.log(`sends ${show(message)}`);
    this.#end.messageReceived(message);
  }

  /** The close of its peer arrives. */
  deliverFin(): false | void {
    if (this.closed || this.isPaused || !this.finSent) return false;
    this.#lose("its close arrives", this.random.pick([1000, 1001, 1005, 4000]));
    this.seat.demand(this.seat.ended, "not told to have ended");
  }

  break(): false | void {
    if (this.closed) return false;
    this.#lose("resets", ABNORMAL);
  }

  /** What was left for the end of a turn is done. */
  answer(): false | void {
    if (this.#later.length === 0) return false;
    for (const action of this.#later.splice(0)) action();
  }

  get over(): boolean {
    return this.closed && this.#later.length === 0;
  }

  /** Whether what it holds is out. */
  protected isWritable(): boolean {
    while (this.#move(false) > 0) continue;
    return this.#buffered === 0;
  }

  protected drained(): void {
    this.#end.drained();
  }

  protected failed(): void {
    this.#end.data.failed();
  }

  #move(maybeShort = true): number {
    const count = this.passOn(this.#buffered, maybeShort);
    this.#buffered -= count;
    return count;
  }

  /** `close` comes before whatever has caused it returns. */
  #lose(how: string, code: number): void {
    if (this.closed) return;
    this.log(how);
    this.closed = true;
    this.model.lose(this.seat);
    this.#end.closed(code, "");
    const isInOrder = this.finSent && code !== ABNORMAL;
    this.seat.demand(!this.seat.ended || isInOrder, "told to have ended, which it has not");
    this.model.closes(this.seat);
  }
}
