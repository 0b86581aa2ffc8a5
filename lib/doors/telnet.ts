/**
 * `--telnet`: what is between a telnet client and the room (RFC 854). Its commands are taken out of
 * what it sends, and answered; its CR, CR LF and CR NUL are line ends; a byte FF is left out, both ways.
 */

import type { Part } from "../extras/part.ts";
import { LF } from "../room/line-buffer.ts";
import { GONE, type Life } from "../room/socket.ts";
import type { AcceptedSocket, Arrival } from "./door.ts";

const [NUL, CR] = [0, 13];
/** RFC 860: a client that has interrupted its output shows nothing until this is answered. */
const TIMING_MARK = 6;
/** Commands. Each comes after an IAC, the byte FF; a second IAC would be that byte as data. */
const [SE, SB, WILL, WONT, DO, DONT, IAC] = [240, 250, 251, 252, 253, 254, 255] as const;

/** More than that waits for a client that does not read its answers: it is not answered. */
const ANSWER_BYTES_MAX = 2048;

export function telnet(): Part {
  const meet = (arrival: Arrival) => {
    const received = arrival.unused;
    arrival.unused = Buffer.alloc(0);
    new TelnetSocket(arrival).received(received);
    arrival.pass();
  };
  return { door: { isTransport: true, meet } };
}

/** The socket of a telnet client, as one whose bytes are lines; it stands in the place of a life. */
class TelnetSocket implements AcceptedSocket, Life {
  data: Life;
  readonly #socket: AcceptedSocket;
  /** Whether the socket took less than it was offered and has not drained since. */
  #isBlocked = false;
  #isShut = false;
  /** What has to go out before anything else. */
  readonly #answers: number[] = [];
  /** Whether a CR was the last byte of data: an LF or NUL after it is of the same line end. */
  #isAfterCr = false;
  /**
   * What the next byte belongs to: data, if undefined; a command, after IAC; an option, after a verb
   * such as WILL; a subnegotiation, after SB, or the command in it that may be its end, SE.
   */
  #within: number | undefined;

  constructor(arrival: Arrival) {
    this.data = arrival;
    this.#socket = arrival.socket;
    this.#socket.data = this;
    arrival.socket = this;
  }

  // As the socket of a life.

  get fd(): number | undefined {
    return this.#socket.fd;
  }

  write(bytes: Uint8Array, offset: number, length: number): number {
    if (!this.#sendAnswers()) return 0;
    const given = bytes.subarray(offset, offset + length);
    if (!given.includes(IAC)) return this.#send(given);
    const sent = this.#send(given.filter((byte) => byte !== IAC));
    if (sent < 0) return sent;
    let done = 0;
    for (let left = sent; left > 0 || given[done] === IAC; done++) if (given[done] !== IAC) left--;
    return done;
  }

  shutdown(): void {
    this.#isShut = true;
    this.#socket.shutdown();
  }

  readonly end = () => void this.#socket.end();
  readonly terminate = () => void this.#socket.terminate();
  readonly pause = () => void this.#socket.pause();
  readonly resume = () => void this.#socket.resume();
  readonly getPeerCertificate = () => this.#socket.getPeerCertificate?.();

  // As the life of the real one.

  readonly ended = (isCutOff?: boolean) => this.data.ended(isCutOff);
  readonly closed = () => this.data.closed();
  readonly failed = (reason?: string) => this.data.failed(reason);

  received(bytes: Uint8Array): void {
    const isPlain = this.#within === undefined && !this.#isAfterCr && !bytes.includes(CR);
    const data = isPlain && !bytes.includes(IAC) ? bytes : this.#dataOf(bytes);
    if (data.length > 0) this.data.received(data);
    // While it is blocked, its drain is still to come, which others wait for too.
    if (!this.#isBlocked) this.#sendAnswers();
  }

  drained(): void {
    this.#isBlocked = false;
    if (this.#sendAnswers()) this.data.drained();
  }

  /** Without commands, and with an LF for each line end. */
  #dataOf(bytes: Uint8Array): Uint8Array {
    const data = new Uint8Array(bytes.length);
    let length = 0;
    // By index: with `of`, Bun takes several times as long.
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      if (!this.#isData(byte)) continue;
      const isOfLineEnd = this.#isAfterCr && (byte === LF || byte === NUL);
      this.#isAfterCr = byte === CR;
      if (!isOfLineEnd) data[length++] = byte === CR ? LF : byte;
    }
    return data.subarray(0, length);
  }

  #isData(byte: number): boolean {
    const within = this.#within;
    this.#within = undefined;
    if (within === undefined && byte !== IAC) return true;
    if (within === undefined) this.#within = IAC;
    else if (within === IAC) this.#within = byte >= SB && byte < IAC ? byte : undefined;
    else if (within === SB) this.#within = byte === IAC ? SE : SB;
    else if (within === SE) this.#within = byte === SE ? undefined : SB;
    else this.#answer(within, byte);
    return false;
  }

  /** Refuses every option; to do nothing, which WONT and DONT ask for, is not to be answered. */
  #answer(verb: number, option: number): void {
    if (verb === WONT || verb === DONT || this.#answers.length > ANSWER_BYTES_MAX) return;
    const refusal = verb === WILL ? DONT : WONT;
    const isMark = verb === DO && option === TIMING_MARK;
    this.#answers.push(IAC, isMark ? WILL : refusal, option);
  }

  /** Returns whether all answers are out. */
  #sendAnswers(): boolean {
    const { length } = this.#answers;
    if (length === 0 || this.#isShut) return length === 0;
    const sent = this.#send(Uint8Array.from(this.#answers));
    this.#answers.splice(0, Math.max(0, sent));
    return sent === length;
  }

  #send(bytes: Uint8Array): number {
    const sent = this.data === GONE ? -1 : this.#socket.write(bytes, 0, bytes.length);
    this.#isBlocked = sent < bytes.length;
    return sent;
  }
}
