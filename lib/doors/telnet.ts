/**
 * What is between a telnet client and the room (RFC 854): its commands are taken out of what it
 * says, and answered; its CR LF and CR NUL are line ends; a byte FF is doubled, both ways.
 */

import { LF } from "../room/line-buffer.ts";
import { GONE, type Life } from "../room/socket.ts";
import type { AcceptedSocket } from "./connection-options.ts";

const NUL = 0;
const CR = 13;
/** RFC 860: a client that has interrupted its output shows nothing until this is answered. */
const TIMING_MARK = 6;
/** Commands. Each comes after an IAC, the byte FF; a second IAC is data. */
const SE = 240;
const SB = 250;
const WILL = 251;
const WONT = 252;
const DO = 253;
const DONT = 254;
const IAC = 255;

const NOTHING: Uint8Array = new Uint8Array(0);
/** How much is copied in one go, if there is an FF in it. */
const ESCAPED_AT_ONCE_BYTES = 64 << 10;

/** What a telnet client sends, whatever reads it is cut into: what it says, and what it asks. */
export class TelnetInput {
  /**
   * What the next byte belongs to: data, if undefined; a command, after IAC; an option, after a verb
   * such as WILL; a subnegotiation, after SB, or the command in it that may be its end, SE.
   */
  #within: number | undefined;
  /** Whether a CR was the last byte of data: what it means depends on the next one. */
  #afterCr = false;
  /** The requests that were refused: each once, so that nobody keeps others busy with it. */
  readonly #refused = new Set<number>();
  #answers: number[] = [];
  #owesMark = false;

  /** Takes in what was received; returns what is said by it. */
  decode(bytes: Uint8Array): Uint8Array {
    const isPlain = this.#within === undefined && !this.#afterCr;
    if (isPlain && !bytes.includes(IAC) && !bytes.includes(CR)) return bytes;
    const said = new Uint8Array(bytes.length + 1); // with the CR before them
    let length = 0;
    for (const byte of bytes) {
      if (!this.#isData(byte)) continue;
      const isLineEnd = this.#afterCr && (byte === LF || byte === NUL);
      if (this.#afterCr && !isLineEnd) said[length++] = CR;
      this.#afterCr = byte === CR;
      if (!this.#afterCr) said[length++] = isLineEnd ? LF : byte;
    }
    return said.subarray(0, length);
  }

  /** No more bytes will come; returns what is said by that. */
  end(): Uint8Array {
    return this.#afterCr ? Uint8Array.of(CR) : NOTHING;
  }

  /** Takes out what is to be answered: at most three bytes for each of 512 requests, and a mark. */
  takeAnswers(): Uint8Array {
    if (this.#answers.length === 0 && !this.#owesMark) return NOTHING;
    const mark = this.#owesMark ? [IAC, WILL, TIMING_MARK] : [];
    const answers = Uint8Array.from([...this.#answers, ...mark]);
    this.#answers = [];
    this.#owesMark = false;
    return answers;
  }

  #isData(byte: number): boolean {
    const within = this.#within;
    switch (within) {
      case undefined:
        if (byte === IAC) this.#within = IAC;
        return byte !== IAC;
      case IAC:
        this.#within = byte >= SB && byte < IAC ? byte : undefined;
        return byte === IAC;
      case SB:
        if (byte === IAC) this.#within = SE;
        return false;
      case SE:
        this.#within = byte === SE ? undefined : SB;
        return false;
      default:
        this.#within = undefined;
        this.#answer(within, byte);
        return false;
    }
  }

  /** Refuses every option; to do nothing, which WONT and DONT ask for, is not to be answered. */
  #answer(verb: number, option: number): void {
    if (verb === DO && option === TIMING_MARK) this.#owesMark = true;
    if (verb === WONT || verb === DONT || option === TIMING_MARK) return;
    const request = (verb << 8) | option;
    if (this.#refused.has(request)) return;
    this.#refused.add(request);
    this.#answers.push(IAC, verb === WILL ? DONT : WONT, option);
  }
}

/** The socket of a telnet client, as one whose bytes are lines; it stands in the place of a life. */
export class TelnetSocket implements AcceptedSocket, Life {
  data: Life = GONE;
  readonly remoteAddress?: string;
  readonly remotePort: number;
  /** What it is in front of. */
  readonly accepted: AcceptedSocket;
  readonly #input = new TelnetInput();
  /** What has to go out before anything else: answers, or the second one of two FF. */
  #unsent = NOTHING;
  /** Whether the socket took less than it was offered and has not drained since. */
  #isBlocked = false;
  #isShut = false;

  constructor(accepted: AcceptedSocket) {
    const { remoteAddress, remotePort } = accepted;
    if (remoteAddress !== undefined) this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.accepted = accepted;
    accepted.data = this;
  }

  // As the socket of a life.

  /** Writes each FF as two: when the first one is out, it counts as taken and the other is next. */
  write(bytes: Uint8Array, offset: number, length: number): number {
    const said = bytes.subarray(offset, offset + length);
    const partBytesMax = said.includes(IAC) ? ESCAPED_AT_ONCE_BYTES : length;
    let taken = 0;
    while (taken < length && this.#flush()) {
      const part = said.subarray(taken, taken + partBytesMax);
      const count = this.#writeEscaped(part);
      if (count < 0) return count;
      taken += count;
      if (count < part.length) break;
    }
    return taken;
  }

  shutdown(): void {
    this.#isShut = true;
    this.accepted.shutdown();
  }

  end(): void {
    this.accepted.end();
  }

  terminate(): void {
    this.accepted.terminate();
  }

  pause(): void {
    this.accepted.pause();
  }

  resume(): void {
    this.accepted.resume();
  }

  setNoDelay(noDelay: boolean): void {
    this.accepted.setNoDelay(noDelay);
  }

  setKeepAlive(keepAlive: boolean, delayMs: number): void {
    this.accepted.setKeepAlive(keepAlive, delayMs);
  }

  getPeerCertificate() {
    return this.accepted.getPeerCertificate?.();
  }

  // As what sits behind the real one.

  received(bytes: Uint8Array): void {
    const said = this.#input.decode(bytes);
    if (said.length > 0) this.data.received(said);
    this.#answer();
  }

  drained(): void {
    this.#isBlocked = false;
    this.#answer();
    if (this.#unsent.length === 0) this.data.drained();
  }

  ended(): void {
    const said = this.#input.end();
    if (said.length > 0) this.data.received(said);
    this.data.ended();
  }

  closed(): void {
    this.data.closed();
  }

  failed(reason?: string): void {
    this.data.failed(reason);
  }

  handshaken(failure: string | undefined): void {
    this.data.handshaken?.(failure);
  }

  /** Returns how much of it was taken, as `write` does. */
  #writeEscaped(said: Uint8Array): number {
    if (!said.includes(IAC)) return this.#send(said, said.length);
    const escaped = new Uint8Array(2 * said.length);
    let length = 0;
    for (const byte of said) {
      escaped[length++] = byte;
      if (byte === IAC) escaped[length++] = IAC;
    }
    const count = this.#send(escaped, length);
    let taken = 0;
    let sent = 0;
    while (sent < count) sent += said[taken++] === IAC ? 2 : 1;
    if (sent > count && count > 0) this.#unsent = Uint8Array.of(IAC);
    return Math.min(count, taken);
  }

  /** Sends answers, once nothing waits for the socket: so what is unsent is bounded. */
  #answer(): void {
    if (this.#isShut || this.#isBlocked || !this.#flush()) return;
    this.#unsent = this.#input.takeAnswers();
    this.#flush();
  }

  /** Writes what is unsent; returns whether it is out. */
  #flush(): boolean {
    if (this.#unsent.length === 0) return true;
    const count = this.#send(this.#unsent, this.#unsent.length);
    this.#unsent = this.#unsent.subarray(Math.max(0, count));
    return this.#unsent.length === 0;
  }

  #send(bytes: Uint8Array, length: number): number {
    if (this.data === GONE) return -1;
    const count = this.accepted.write(bytes, 0, length);
    this.#isBlocked = count < length;
    return count;
  }
}
