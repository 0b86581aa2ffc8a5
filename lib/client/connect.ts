/** Stage 2, opening the client: getaddrinfo, socket, connect; then reading and writing with back-pressure. */

import { formatAddress } from "../program/address.ts";
import type { TlsMaterial } from "../program/files.ts";
import { codeOf, UserError } from "../program/system-errors.ts";

/** The time between the last byte of a silent peer and the first probe whether it is still there. */
export const KEEP_ALIVE_MS = 60_000;
/** How long a server may take for the TLS handshake. */
const HANDSHAKE_MS = 10_000;

export type ConnectOptions = ConnectPlace & {
  /** Speaks TLS: with a CA to trust instead of the public ones, a certificate and key to show. */
  tls?: (TlsMaterial & { serverName?: string | undefined }) | undefined;
  /** What the server wants to hear first. */
  passPhrase?: Uint8Array | undefined;
};

export type ConnectPlace =
  | {
      /** A host name, all of whose addresses are tried, or an address. */
      host: string;
      port: number;
    }
  | {
      /** The path of a socket in the file system. */
      unix: string;
    };

/**
 * Connects; the classic `open_clientfd`. Over TLS the server's certificate and
 * name are verified.
 *
 * @throws {UserError} that names the address, when no server answers there or it
 *   cannot be verified
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { tls, passPhrase } = options;
  const address = "unix" in options ? options.unix : formatAddress(options.host, options.port);
  const ready = Promise.withResolvers<void>();
  ready.promise.catch(() => {}); // It may fail before anybody waits for it.
  const handlers: Bun.SocketHandler<Connection> = {
    open(socket) {
      socket.setNoDelay(true);
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      socket.data = new Connection(socket, address);
    },
    data: (socket, bytes) => socket.data.received(bytes),
    drain: (socket) => socket.data.drained(),
    end: (socket) => socket.data.ended(),
    close(socket, error) {
      ready.reject(error ?? new Error("closed by the server"));
      socket.data?.closed(error);
    },
    error: (socket, error) => socket.data.closed(error),
  };
  const handshake = (_: unknown, success: boolean, error: Error | null) =>
    success && error === null ? ready.resolve() : ready.reject(error);
  try {
    const how = {
      allowHalfOpen: true,
      ...(tls
        ? { tls: checked(tls, options), socket: { ...handlers, handshake } }
        : { socket: handlers }),
    };
    const socket = await ("unix" in options
      ? Bun.connect<Connection>({ unix: options.unix, ...how })
      : Bun.connect<Connection>({ hostname: options.host, port: options.port, ...how }));
    const connection = socket.data;
    if (tls) await within(HANDSHAKE_MS, ready.promise, () => socket.terminate());
    if (passPhrase) await connection.write(Buffer.concat([passPhrase, Buffer.from("\n")]));
    return connection;
  } catch (error) {
    throw new UserError(`cannot connect to ${address}: ${explain(error)}`);
  }
}

/** What Bun is to verify: always the certificate, and the name the user gave. */
function checked(tls: NonNullable<ConnectOptions["tls"]>, place: ConnectPlace): Bun.TLSOptions {
  const { serverName = "host" in place ? place.host : "localhost", ...material } = tls;
  return { ...material, serverName, rejectUnauthorized: true };
}

/** Waits for a handshake, but not for ever. */
async function within(ms: number, done: Promise<void>, giveUp: () => void): Promise<void> {
  const deadline = setTimeout(giveUp, ms);
  await done.finally(() => clearTimeout(deadline));
}

/** One end of a connection: `read` and `write` wait, so that neither side outruns the other. */
export class Connection {
  readonly #socket: Bun.Socket<Connection>;
  /** Where it is connected to, as the user said it. */
  readonly address: string;
  /** What has arrived and was not read. Once nobody waits for it, the socket is paused. */
  #chunks: Uint8Array[] = [];
  #paused = false;
  #inputEnded = false;
  #failure: UserError | undefined;
  #closed = false;
  /** Whoever waits for a change of all this. */
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  constructor(socket: Bun.Socket<Connection>, address: string) {
    this.#socket = socket;
    this.address = address;
  }

  /** Where it is connected to in fact: the address and port of the server. */
  get remoteAddress(): string {
    const { remoteAddress, remotePort }: { remoteAddress?: string; remotePort: number } =
      this.#socket;
    return remoteAddress ? formatAddress(remoteAddress, remotePort) : this.address;
  }

  /**
   * Waits for bytes.
   *
   * @returns what has arrived; undefined at the end of input
   * @throws {UserError} when the connection is lost
   */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        if (this.#paused) this.#socket.resume();
        this.#paused = false;
        return chunk;
      }
      if (this.#failure) throw this.#failure;
      if (this.#inputEnded || this.#closed) return undefined;
      await new Promise<void>((resolve) => (this.#wakeReader = resolve));
    }
  }

  /**
   * Sends all of the bytes, as `rio_writen` does, however often the system takes
   * only some of them.
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

  /** Gives the connection up: nothing more is taken from it or for it; what the system has taken still goes out. */
  abandon(): void {
    if (!this.#closed) this.#socket.shutdown();
    this.#closed = true;
    this.#wakeWriter?.();
  }

  /** Socket events, called by `connect`. */
  received(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    if (this.#wakeReader === undefined && !this.#paused) {
      this.#socket.pause();
      this.#paused = true;
    }
    this.#wake();
  }

  drained(): void {
    this.#wakeWriter?.();
  }

  ended(): void {
    this.#inputEnded = true;
    this.#wake();
  }

  closed(error?: Error): void {
    this.#closed = true;
    if (error)
      this.#failure ??= new UserError(`lost the connection to ${this.address}: ${explain(error)}`);
    this.#wakeWriter?.();
    this.#wake();
  }

  #wake(): void {
    this.#wakeReader?.();
    this.#wakeReader = undefined;
  }
}

function explain(error: unknown): string {
  const code = codeOf(error);
  const words: Record<string, string> = {
    ECONNREFUSED: "connection refused",
    ECONNRESET: "reset by the server",
    EPIPE: "closed by the server",
    EHOSTUNREACH: "no route to that host",
    ENETUNREACH: "no route to that network",
    ETIMEDOUT: "no answer",
    ENOTFOUND: "unknown host",
    ENOENT: "no such socket",
    EACCES: "permission denied",
    EAI_AGAIN: "the name service does not answer",
  };
  return words[code] ?? (error instanceof Error ? `${error.message}${code && ` (${code})`}` : "");
}
