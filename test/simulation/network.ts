/**
 * A simulated connection: a socket for the server on one end, a peer on the
 * other, and chance in between. It does whatever a socket may do, in any order
 * that is legal, and reports to the model what the server did.
 */

import type { AcceptedSocket, Way } from "../../lib/doors/door.ts";
import type { Life } from "../../lib/room/socket.ts";
import type { Model } from "./model.ts";
import { PeerLines } from "./peer-lines.ts";
import type { Random } from "./random.ts";
import { Reader } from "./reader.ts";
import type { Talk, Weather } from "./rules.ts";
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

/** Where a connection is: all that it shares with the others. */
export interface Network {
  readonly webWay: Way;
  readonly handlers: Handlers;
  readonly model: Model;
  readonly random: Random;
  readonly weather: Weather;
  readonly talk: Talk;
  readonly trace: ((event: string) => void) | undefined;
}

/** Where a connection comes from, and how much it can have on its way. */
export interface Place {
  readonly port: number;
  readonly address: string | undefined;
  readonly inFlightMax: number;
}

export class Connection extends Reader implements AcceptedSocket {
  declare data: Life;
  readonly remoteAddress?: string;
  readonly remotePort: number;
  readonly authorized = true;
  /** Whether the socket is closed, and whether its `close` still has to be delivered. */
  closed = false;
  closeDue = false;
  /** Whether a `drain` is promised. */
  drainDue = false;

  readonly #network: Network;
  #paused = false;
  #shut = false;
  /** Whether the peer has sent its FIN, and whether the socket has told of it. */
  #finSent = false;
  #finSeen = false;
  readonly #polite: boolean;
  /** Whether there is a handshake to come before anything else. */
  #isShakingHands: boolean;
  /** What TLS is told, and the socket in whose place this one is. */
  #tls: TlsHandlers | undefined;
  #plain: { data: Life; terminate(): void } | undefined;
  readonly #lines: PeerLines;
  /** What a telnet client has sent, how much of that is lines, and how many bytes of answers it has. */
  #sent = "";
  #lineBytes = 0;
  #answerBytes = 0;

  constructor(network: Network, seat: Seat, place: Place) {
    super(network, seat, place);
    const { random, weather, model } = network;
    this.#network = network;
    this.#polite = random.chance(weather.politePeer);
    this.#isShakingHands = model.state.rules.handshake;
    this.remotePort = place.port;
    if (place.address !== undefined) this.remoteAddress = place.address;
    this.#lines = new PeerLines(network, seat, model.state.rules.telnet);
  }

  // The socket, as the server calls it.

  write(bytes: Uint8Array, offset: number, length: number): number {
    const { model, random, weather } = this.#network;
    if (this.closed) {
      this.log("is written after its close");
      model.receiving.misses(this.seat);
      this.seat.isRefusingWrites = true;
      return -1;
    }
    if (random.chance(weather.lossInWrite)) {
      const isArrival = this.seat.state === "arrival";
      this.#lose("lost inside a write", true);
      this.seat.isRefusingWrites = random.chance(500);
      const taken = this.seat.isRefusingWrites ? -1 : random.below(length + 1);
      const { greeting, known } = this.seat;
      if (known ? isArrival : greeting && taken < length) model.entrance.isNotGreeted(this.seat);
      return taken;
    }
    const data = bytes.subarray(offset, offset + length);
    const isAnswer = model.state.rules.telnet && (this.#answerBytes % 3 > 0 || data[0] === IAC);
    if (isAnswer) return this.#takeAnswer(length);
    const isGreeting = this.seat.greeting !== undefined && !random.chance(weather.shortGreeting);
    const taken = isGreeting ? this.passOnAll(length) : this.passOn(length, true);
    if (this.#network.trace)
      this.log(
        `is written ${show(bytes.subarray(offset, offset + length))}, takes ${taken} of ${length}`,
      );
    model.receiving.took(this.seat, bytes, offset, length, taken);
    this.drainDue = taken < length;
    return taken;
  }

  shutdown(): void {
    this.log("gets EOF");
    if (this.closed) return this.#network.model.receiving.misses(this.seat);
    this.#network.model.receiving.shuts(this.seat);
    this.#shut = true;
    if (this.#finSeen) this.#lose("closed on both sides", true);
  }

  end(): void {
    this.log("is closed by the server");
    const { model, random, weather } = this.#network;
    model.deadlines.closesOff(this.seat);
    const waitsForPeer = model.state.rules.handshake && random.chance(weather.closeLater);
    if (!waitsForPeer) this.#closeByServer();
  }

  terminate(): void {
    this.log("is reset by the server");
    this.#network.model.deadlines.terminates(this.seat);
    this.#closeByServer();
  }

  pause(): void {
    this.log("is paused");
    this.#network.model.pauses(this.seat);
    this.#paused = true;
  }

  resume(): void {
    this.log("is resumed");
    this.#network.model.resumes(this.seat);
    this.#paused = false;
  }

  setNoDelay(): void {}

  setKeepAlive(): void {}

  getPeerCertificate() {
    const { certificate } = this.seat;
    if (certificate === undefined) return undefined;
    const { name, fingerprint } = certificate;
    return { subject: { CN: name }, fingerprint256: fingerprint };
  }

  /** TLS begins: the same connection from now on, as the socket that is returned beside the plain one. */
  upgradeTLS({
    socket,
  }: {
    socket: TlsHandlers;
  }): [plain: { terminate(): void }, secure: Connection] {
    this.#tls = socket;
    this.#plain = { data: this.data, terminate() {} };
    socket.open(this);
    return [this.#plain, this];
  }

  // What may happen to it. Each returns whether it could.

  /** The handshake is over. */
  shakeHands(): boolean {
    const { model, random, weather } = this.#network;
    if (!this.#tls || !this.#isShakingHands || this.closed) return false;
    this.#isShakingHands = false;
    const success = random.chance(weather.goodHandshake);
    this.log(success ? "has shaken hands" : "fails to shake hands");
    model.entrance.shakesHands(this.seat, success ? undefined : "plain text");
    this.#tls.handshake(this, success, success ? null : new Error("WRONG_VERSION_NUMBER"));
    return true;
  }

  /** Bytes arrive at the server. */
  send(): boolean {
    const { handlers, model, random } = this.#network;
    if (!this.#canHear || this.#finSent || this.#isShakingHands) return false;
    const chunk = this.#lines.next(random.between(1, model.state.rules.readBytesMax));
    if (chunk.length === 0) return this.finish();
    if (this.#network.trace) this.log(`sends ${show(chunk)}`);
    const lines = model.state.rules.telnet ? this.#nextLines(chunk) : chunk;
    if (lines.length > 0) model.receives(this.seat, lines);
    (this.#tls ?? handlers).data(this, chunk);
    return true;
  }

  /** The peer half-closes. */
  finish(): boolean {
    if (this.closed || this.#finSent) return false;
    this.#finSent = true;
    this.log("half-closes");
    return true;
  }

  /** The peer's FIN arrives at the server. */
  deliverFin(): boolean {
    const { handlers, model, random } = this.#network;
    if (!this.#canHear || !this.#finSent || this.#finSeen) return false;
    this.#finSeen = true;
    // After the server's own EOF, the peer's may come as a close alone.
    if (!this.#shut || random.chance(500)) {
      const isCutOff = this.#tls !== undefined && random.chance(300);
      this.log(isCutOff ? "is cut off" : "its end of input arrives");
      if (!isCutOff) this.#plain?.data.received(CLOSE_NOTIFY);
      model.ends(this.seat, isCutOff);
      (this.#tls ?? handlers).end(this);
    }
    if (this.#shut && !this.closed) this.#lose("closed on both sides", true);
    return true;
  }

  /** The connection breaks. */
  break(): boolean {
    if (this.closed) return false;
    this.#lose("resets");
    this.#deliverClose();
    return true;
  }

  /** A handler of the socket throws. */
  fail(): boolean {
    if (this.closed) return false;
    this.log("its handler fails");
    this.#network.model.fails(this.seat);
    this.#network.handlers.error(this, new Error("a handler has failed"));
    return true;
  }

  /** The socket tells that it takes bytes again; a promise, but not one on time. */
  drain(): boolean {
    const { handlers, model } = this.#network;
    const writable = this.reading === "fast" || this.inFlight <= this.inFlightMax >> 1;
    if (this.closed || !this.drainDue || !writable) return false;
    this.drainDue = false;
    this.log("drains");
    model.receiving.drained(this.seat);
    handlers.drain(this);
    return true;
  }

  /** A drain that nobody was promised. */
  drainForNothing(): boolean {
    if (this.closed || this.drainDue) return false;
    this.log("drains for nothing");
    this.#network.handlers.drain(this);
    return true;
  }

  /** A `close` that is due arrives. */
  close(): boolean {
    if (!this.closeDue) return false;
    this.#deliverClose();
    return true;
  }

  /** The peer answers the server's EOF with its own. */
  answer(): boolean {
    return this.#shut && this.#polite && this.inFlight === 0 && this.finish();
  }

  /** Whether nothing can happen to it any more. */
  get over(): boolean {
    return this.closed && !this.closeDue;
  }

  get #canHear(): boolean {
    return !this.closed && !this.#paused;
  }

  /** `close` comes before the call that causes it is over. */
  #closeByServer(): void {
    if (!this.closed) this.#lose("closed");
    // That fails a handshake, which is no news.
    if (this.#tls && this.#isShakingHands) {
      this.#isShakingHands = false;
      this.#tls.handshake(this, false, new Error("ECONNRESET"));
    }
    if (this.closeDue) this.#deliverClose();
  }

  #lose(how: string, maybeAtOnce = false): void {
    const { model, random, weather } = this.#network;
    this.log(how);
    this.closed = true;
    this.drainDue = false;
    this.closeDue = true;
    model.lose(this.seat);
    if (maybeAtOnce && random.chance(weather.closeAtOnce)) this.#deliverClose();
  }

  #deliverClose(): void {
    this.closeDue = false;
    this.log("its close arrives");
    this.#network.model.closes(this.seat);
    this.#network.handlers.close(this);
    if (this.#plain) this.#network.handlers.close(this.#plain);
  }

  /** What a telnet client has sent in lines by what arrives now. */
  #nextLines(chunk: Uint8Array): Uint8Array {
    this.#sent += Buffer.from(chunk).toString("latin1");
    const lines = readTelnet(this.#sent).slice(this.#lineBytes);
    this.#lineBytes += lines.length;
    return new Uint8Array(Buffer.from(lines, "latin1"));
  }

  /** One that is not asked for its name yet takes all of it. */
  #takeAnswer(length: number): number {
    const isArrival = this.seat.state === "arrival";
    const taken = isArrival ? this.passOnAll(length) : this.passOn(length, true);
    this.log(`is answered, takes ${taken} of ${length}`);
    this.#answerBytes += taken;
    this.#network.model.receiving.tookOther(this.seat, taken < length);
    this.drainDue = taken < length;
    return taken;
  }
}
