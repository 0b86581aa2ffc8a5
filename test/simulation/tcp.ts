/**
 * A simulated connection: a socket for the server on one end, a peer on the
 * other, and chance in between. It does whatever a socket may do, in any order
 * that is legal, and reports to the model what the server did.
 */

import type { AcceptedSocket } from "../../lib/doors/door.ts";
import type { Life } from "../../lib/room/socket.ts";
import type { Network } from "./peer-lines.ts";
import { Peer, type Place } from "./peer.ts";
import type { Seat } from "./seat.ts";
import { show } from "./state.ts";
import { readTelnet } from "./telnet.ts";

const IAC = 0xff;
/** The record of TLS 1.2 by which a peer says that it has sent everything. */
const CLOSE_NOTIFY = Uint8Array.of(21, 3, 3, 0, 2, 1, 0);

/** What the server asks to be told; it makes them itself. */
export interface Handlers {
  open(socket: Connection): void;
  data(socket: Connection, bytes: Uint8Array): void;
  drain(socket: Connection): void;
  end(socket: Connection): void;
  close(socket: { data: Life }): void;
  error(socket: Connection, error: Error): void;
}

/** What the door of TLS asks to be told. */
interface TlsHandlers extends Pick<Handlers, "open" | "data" | "end"> {
  handshake(socket: Connection, success: boolean, error: Error | null): void;
}

export class Connection extends Peer implements AcceptedSocket {
  declare data: Life;
  readonly remoteAddress?: string;
  readonly remotePort: number;
  readonly authorized = true;
  /** Whether its `close` still has to be delivered. */
  closeDue = false;

  readonly #handlers: Handlers;
  #shut = false;
  /** Whether the socket has told of the FIN of its peer. */
  #finSeen = false;
  readonly #polite: boolean;
  /** Whether there is a handshake to come before anything else. */
  #isShakingHands: boolean;
  /** What TLS is told, and the socket in whose place this one is. */
  #tls: TlsHandlers | undefined;
  #plain: { data: Life; terminate(): void } | undefined;
  readonly #isTelnet: boolean;
  /** What a telnet client has sent, how much of that is lines, and how many bytes of answers it has. */
  #sent = "";
  #lineBytes = 0;
  #answerBytes = 0;

  constructor(network: Network, handlers: Handlers, seat: Seat, place: Place) {
    const { handshake, telnet } = network.choices.rules;
    super(network, seat, place, telnet);
    this.#handlers = handlers;
    this.#polite = this.random.chance(this.weather.politePeer);
    this.#isShakingHands = handshake;
    this.#isTelnet = telnet;
    this.remotePort = place.port;
    if (place.address !== undefined) this.remoteAddress = place.address;
  }

  open(): void {
    this.#handlers.open(this);
  }

  // The socket, as the server calls it.

  write(bytes: Uint8Array, offset: number, length: number): number {
    const part = bytes.subarray(offset, offset + length);
    if (this.closed) {
      this.log("is written after its close");
      this.seat.isUsed();
      // Lost in a write of telnet's before it.
      const { greeting, state } = this.seat;
      if (greeting && state === "arrival") this.model.entrance.isNotGreeted(this.seat);
      this.seat.isRefusingWrites = true;
      return -1;
    }
    if (this.random.chance(this.weather.lossInWrite)) return this.#loseInWrite(length);
    const taken = this.#take(part);
    this.drainDue = taken < length;
    return taken;
  }

  shutdown(): void {
    this.log("gets EOF");
    if (this.closed) return this.seat.isUsed();
    this.model.state.shuts(this.seat);
    this.#shut = true;
    if (this.#finSeen) this.#lose("closed on both sides", true);
  }

  end(): void {
    this.log("is closed by the server");
    this.model.deadlines.ends(this.seat, "closed");
    const isTls = this.model.state.rules.handshake;
    const waitsForPeer = isTls && this.random.chance(this.weather.closeLater);
    if (!waitsForPeer) this.#closeByServer();
  }

  terminate(): void {
    this.log("is reset by the server");
    this.model.deadlines.ends(this.seat, "reset");
    this.#closeByServer();
  }

  setNoDelay(): void {}
  setKeepAlive(): void {}

  getPeerCertificate() {
    return this.seat.certificate;
  }

  /** TLS begins: the same connection from now on, as the socket that is returned beside the plain one. */
  upgradeTLS({ socket }: { socket: TlsHandlers }) {
    this.#tls = socket;
    this.#plain = { data: this.data, terminate() {} };
    socket.open(this);
    return [this.#plain, this];
  }

  // What may happen to it.

  /** The handshake is over. */
  shakeHands(): false | void {
    if (!this.#tls || !this.#isShakingHands || this.closed) return false;
    this.#isShakingHands = false;
    const success = this.random.chance(this.weather.goodHandshake);
    this.log(success ? "has shaken hands" : "fails to shake hands");
    this.model.entrance.shakesHands(this.seat, success ? undefined : "plain text");
    this.#tls.handshake(this, success, success ? null : new Error("WRONG_VERSION_NUMBER"));
  }

  /** Bytes arrive at the server. */
  send(): false | void {
    if (this.closed || this.isPaused || this.finSent || this.#isShakingHands) return false;
    const chunk = this.lines(this.random.between(1, this.model.state.rules.readBytesMax));
    if (chunk.length === 0) return this.finish();
    if (this.network.trace) this.log(`sends ${show(chunk)}`);
    const lines = this.#isTelnet ? this.#nextLines(chunk) : chunk;
    if (lines.length > 0) this.model.receives(this.seat, lines);
    (this.#tls ?? this.#handlers).data(this, chunk);
  }

  /** The peer's FIN arrives at the server. */
  deliverFin(): false | void {
    if (this.closed || this.isPaused || !this.finSent || this.#finSeen) return false;
    this.#finSeen = true;
    // After the server's own EOF, the peer's may come as a close alone.
    if (!this.#shut || this.random.chance(500)) {
      const isCutOff = this.#tls !== undefined && this.random.chance(300);
      this.log(isCutOff ? "is cut off" : "its end of input arrives");
      if (!isCutOff) this.#plain?.data.received(CLOSE_NOTIFY);
      this.model.ends(this.seat, isCutOff);
      (this.#tls ?? this.#handlers).end(this);
    }
    if (this.#shut && !this.closed) this.#lose("closed on both sides", true);
  }

  /** The connection breaks. */
  break(): false | void {
    if (this.closed) return false;
    this.#lose("resets");
    return this.close();
  }

  /** A `close` that is due arrives. */
  close(): false | void {
    if (!this.closeDue) return false;
    this.closeDue = false;
    this.log("its close arrives");
    this.model.closes(this.seat);
    this.#handlers.close(this);
    if (this.#plain) this.#handlers.close(this.#plain);
  }

  /** The peer answers the server's EOF with its own. */
  answer(): false | void {
    return this.#shut && this.#polite && this.inFlight === 0 && this.finish();
  }

  /** Whether nothing can happen to it any more. */
  get over(): boolean {
    return this.closed && !this.closeDue;
  }

  protected isWritable(): boolean {
    return this.reading === "fast" || this.inFlight <= this.inFlightMax >> 1;
  }

  protected drained(): void {
    this.#handlers.drain(this);
  }

  protected failed(): void {
    this.#handlers.error(this, new Error("a handler has failed"));
  }

  /** `close` comes before the call that causes it is over. */
  #closeByServer(): void {
    if (!this.closed) this.#lose("closed");
    // That fails a handshake, which is no news.
    if (this.#tls && this.#isShakingHands) {
      this.#isShakingHands = false;
      this.#tls.handshake(this, false, new Error("ECONNRESET"));
    }
    this.close();
  }

  #lose(how: string, maybeAtOnce = false): void {
    this.log(how);
    this.closed = true;
    this.drainDue = false;
    this.closeDue = true;
    this.model.lose(this.seat);
    if (maybeAtOnce && this.random.chance(this.weather.closeAtOnce)) this.close();
  }

  /** Some of what is written may be taken all the same. */
  #loseInWrite(length: number): number {
    const { seat, random } = this;
    const isArrival = seat.state === "arrival";
    this.#lose("lost inside a write", true);
    seat.isRefusingWrites = random.chance(500);
    const taken = seat.isRefusingWrites ? -1 : random.below(length + 1);
    const isMissed = seat.known ? isArrival : seat.greeting !== undefined && taken < length;
    if (isMissed) this.model.entrance.isNotGreeted(seat);
    return taken;
  }

  #take(part: Uint8Array): number {
    const { seat, random } = this;
    const { length } = part;
    const isAnswer = this.#isTelnet && (this.#answerBytes % 3 > 0 || part[0] === IAC);
    // One that is not asked for its name yet takes all of an answer.
    const takesAll = isAnswer
      ? seat.state === "arrival"
      : seat.greeting && !random.chance(this.weather.shortGreeting);
    const taken = takesAll ? this.passOnAll(length) : this.passOn(length, true);
    if (this.network.trace) this.log(`is written ${show(part)}, takes ${taken} of ${length}`);
    if (isAnswer) this.#answerBytes += taken;
    if (isAnswer) this.model.state.tookOther(seat, taken < length);
    else this.model.took(seat, part, taken);
    return taken;
  }

  /** What a telnet client has sent in lines by what arrives now. */
  #nextLines(chunk: Uint8Array): Uint8Array {
    this.#sent += Buffer.from(chunk).toString("latin1");
    const lines = readTelnet(this.#sent).slice(this.#lineBytes);
    this.#lineBytes += lines.length;
    return new Uint8Array(Buffer.from(lines, "latin1"));
  }
}
