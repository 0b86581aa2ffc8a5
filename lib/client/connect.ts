/** Stages 2 and 3 at the client's end: getaddrinfo, socket, connect; then reading and writing. */

import { accessSync, constants, statSync } from "node:fs";

import { formatAddress } from "../program/address.ts";
import type { TlsMaterial } from "../program/files.ts";
import { KEEP_ALIVE_MS } from "../program/keep-alive.ts";
import { codeOf, explain, UserError } from "../program/system-errors.ts";
import { formatTime } from "../program/units.ts";

/** How long a server may take for the TLS handshake. */
const HANDSHAKE_MS = 10_000;
/** What codes mean when it is the server that has caused them. */
const BY_SERVER = { ECONNRESET: "reset by the server", EPIPE: "closed by the server" };
const CLOSED_IN_HANDSHAKE = "it closed the connection during the TLS handshake";

/** Where to connect to, a port of a host or the path of a Unix socket, and how. */
export type ConnectOptions = ({ host: string; port: number } | { unix: string }) & {
  /** Speaks TLS: with a CA to trust instead of the public ones, a certificate and key to show. */
  tls?: (TlsMaterial & { serverName?: string | undefined }) | undefined;
  /** What the server wants to hear first. */
  passPhrase?: Uint8Array | undefined;
};

/**
 * Connects; the classic `open_clientfd`. Over TLS the server's certificate and name are verified.
 *
 * @throws {UserError} that names the address, when no server answers or it cannot be verified
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { tls, passPhrase } = options;
  const address = "unix" in options ? options.unix : formatAddress(options.host, options.port);
  // What Bun is to verify: always the certificate, and the name the user gave.
  const serverName = tls?.serverName ?? ("unix" in options ? "localhost" : options.host);
  const ready = Promise.withResolvers<void>();
  ready.promise.catch(() => {}); // It may fail before anybody waits for it.
  const handler: Bun.SocketHandler<Connection> = {
    open(socket) {
      socket.setNoDelay(true);
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      socket.data = new Connection(socket, address);
    },
    handshake: (_, success, error) => (success && !error ? ready.resolve() : ready.reject(error)),
    data: (socket, bytes) => socket.data.received(bytes),
    drain: (socket) => socket.data.drained(),
    end: (socket) => socket.data.ended(),
    close(socket, error) {
      ready.reject(error ?? new Error(CLOSED_IN_HANDSHAKE));
      socket.data?.closed(error);
    },
    error: (socket, error) => socket.data.closed(error),
  };
  const withTls = tls && { tls: { ...tls, serverName, rejectUnauthorized: true } };
  const how = { allowHalfOpen: true, ...withTls, socket: handler };
  try {
    const socket = await ("unix" in options
      ? Bun.connect<Connection>({ unix: options.unix, ...how })
      : Bun.connect<Connection>({ hostname: options.host, port: options.port, ...how }));
    const connection = socket.data;
    if (tls) {
      const deadline = setTimeout(() => {
        ready.reject(new Error(`no TLS handshake within ${formatTime(HANDSHAKE_MS)}`));
        socket.terminate();
      }, HANDSHAKE_MS);
      await ready.promise.finally(() => clearTimeout(deadline));
    }
    if (passPhrase) await connection.write(Buffer.concat([passPhrase, Buffer.from("\n")]));
    return connection;
  } catch (error) {
    throw new UserError(`cannot connect to ${address}: ${failure(error, options, serverName)}`);
  }
}

/** Why `connect` has failed; of TLS by the codes of OpenSSL's X509_verify_cert_error(3). */
function failure(error: unknown, place: ConnectOptions, serverName: string): string {
  const message = error instanceof Error ? error.message : "";
  if (/SELF_SIGNED_CERT|UNABLE_TO_(VERIFY|GET_ISSUER)|CERT_UNTRUSTED/.test(codeOf(error)))
    return "its certificate is not signed by a CA that is trusted here";
  if (message.includes("WRONG_VERSION_NUMBER")) return "it does not speak TLS";
  if (message.includes("before secure TLS connection")) return CLOSED_IN_HANDSHAKE;
  const words = {
    ...BY_SERVER,
    CERT_HAS_EXPIRED: "its certificate has expired",
    CERT_NOT_YET_VALID: "its certificate is not valid yet",
    ERR_TLS_CERT_ALTNAME_INVALID: `its certificate is for another name than ${serverName}`,
  };
  if ("unix" in place)
    return pathFailure(place.unix) ?? explain(error, { ...words, EINVAL: "the path is too long" });
  const EINVAL = place.host.includes("%")
    ? "this machine has no such interface"
    : "a link-local address needs its interface, like fe80::1%eth0";
  return explain(error, { ...words, EINVAL });
}

/** What is wrong with a path, if anything is: Bun takes most of it for ECONNREFUSED. */
function pathFailure(path: string): string | undefined {
  try {
    accessSync(path, constants.W_OK);
    return statSync(path).isSocket() ? undefined : "it is not a socket";
  } catch (why) {
    return explain(why, { ENOENT: "no such socket" });
  }
}

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
    if (error) this.#failure ??= new UserError(`${lost}: ${explain(error, BY_SERVER)}`);
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }
}
