/** Stage 3 at the client's end: reading and writing, with back-pressure. */

import { formatAddress } from "../program/address.ts";
import { explain, UserError } from "../program/system-errors.ts";

/** What codes mean when it is the server that has caused them. */
export const BY_SERVER = { ECONNRESET: "reset by the server", EPIPE: "closed by the server" };

/**
 * One end of a connection: `read` and `write` wait, as `rio_readlineb` and `rio_writen` do, so that
 * neither side outruns the other.
 */
export class Connection {
  /** Where it is connected to, as the user said it. */
  readonly address: string;
  readonly #socket: Bun.Socket<Connection>;
  /** What has arrived and was not read. */
  #chunks: Uint8Array[] = [];
  #inputEnded = false;
  #closed = false;
  #failure: UserError | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  constructor(socket: Bun.Socket<Connection>, address: string) {
    this.#socket = socket;
    this.address = address;
  }

  /** Where it is connected to in fact: the address and port of the server. */
  get remoteAddress(): string {
    const { remoteAddress, remotePort } = this.#socket; // a Unix socket has neither
    return remoteAddress ? formatAddress(remoteAddress, remotePort) : this.address;
  }

  /**
   * Waits for bytes; returns what has arrived, undefined at the end of input.
   *
   * @throws {UserError} when the connection is lost
   */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#socket.resume();
        return chunk;
      }
      if (this.#failure) throw this.#failure;
      if (this.#inputEnded || this.#closed) return undefined;
      await new Promise<void>((resolve) => (this.#wakeReader = resolve));
    }
  }

  /**
   * Sends all of the bytes, however often the system takes only some of them.
   *
   * @param onTaken told after each write how many bytes the system has taken
   * @returns whether they went out; if not, the connection is gone and `read` tells why
   */
  async write(bytes: Uint8Array, onTaken?: (count: number) => void): Promise<boolean> {
    for (let offset = 0; offset < bytes.length;) {
      if (this.#closed) return false;
      const taken = this.#socket.write(bytes, offset, bytes.length - offset);
      if (taken < 0) return false;
      if (taken > 0) onTaken?.(taken);
      offset += taken;
      if (offset < bytes.length) await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
    }
    return true;
  }

  /** Half-closes: the server gets EOF after all that was written, and may go on sending. */
  endOutput(): void {
    this.#socket.shutdown();
  }

  /** Gives it up: nothing more is taken for it; what the system has taken still goes out. */
  abandon(): void {
    this.endOutput();
    this.closed();
  }

  /** Socket events, called by `connect`. */
  received(bytes: Uint8Array): void {
    if (this.#chunks.push(bytes) > 1) this.#socket.pause();
    this.#wakeReader?.();
  }

  drained(): void {
    this.#wakeWriter?.();
  }

  ended(): void {
    this.#inputEnded = true;
    this.#wakeReader?.();
  }

  closed(error?: Error): void {
    this.#closed = true;
    const lost = `lost the connection to ${this.address}`;
    if (error)
      this.#failure ??= new UserError(`${lost}: ${explain(error, BY_SERVER)}`, { cause: error });
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }
}
