/** getaddrinfo, socket, bind and listen: on a port or on a path, and anew with other certificates. */

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";

import { formatAddress } from "../program/address.ts";
import type { TlsMaterial } from "../program/files.ts";
import { codeOf, explain, UserError } from "../program/system-errors.ts";
import type { Life } from "../room/socket.ts";
import { UnixPath } from "./unix-path.ts";

type Handlers = Bun.SocketHandler<Life>;
type Listener = Bun.TCPSocketListener<Life> | Bun.UnixSocketListener<Life>;

/** What listens in one place. */
export interface Listeners {
  /** Where it listens: `[::]:8080`, with the real port, or a path. */
  readonly address: string;
  /** The real port; 0 on a path. */
  readonly port: number;
  /**
   * Listens. The second time, with other certificates, the new listener is there
   * before the old one stops, so that no connection is refused.
   *
   * @throws {UserError} when it cannot; an old listener goes on then
   */
  open(tls: TlsMaterial | undefined): Promise<void>;
  /** Listens no more. */
  stop(): void;
}

/** On a port: of all addresses, IPv6 and IPv4, without a host. */
export class OnPort implements Listeners {
  readonly #host: string | undefined;
  readonly #handlers: Handlers;
  #port: number;
  #hostname = "";
  #listener: Listener | undefined;

  constructor(host: string | undefined, port: number, handlers: Handlers) {
    this.#host = host;
    this.#port = port;
    this.#handlers = handlers;
  }

  get address(): string {
    return formatAddress(this.#hostname, this.#port);
  }

  get port(): number {
    return this.#port;
  }

  async open(tls: TlsMaterial | undefined): Promise<void> {
    const old = this.#listener;
    try {
      if (old) this.#listen(this.#hostname, tls);
      else await this.#openFirst(tls);
    } catch (error) {
      const address = formatAddress(this.#host ?? "::", this.#port);
      throw new UserError(`cannot listen on ${address}: ${this.#explain(error)}`);
    }
    if (old) await stopAfterTurn(old);
  }

  stop(): void {
    this.#listener?.stop();
  }

  /** On the first address that will do. */
  async #openFirst(tls: TlsMaterial | undefined): Promise<void> {
    let failure: unknown;
    for (const hostname of await addressesOf(this.#host)) {
      try {
        // Which also finds that a port is in use: by another server that shares it, too.
        this.#listen(hostname, undefined);
        if (tls) {
          this.#listener?.stop();
          this.#listen(hostname, tls);
        }
        return;
      } catch (error) {
        failure ??= error;
        if (["EADDRINUSE", "EACCES", "ERR_OUT_OF_RANGE"].includes(codeOf(error))) break;
      }
    }
    throw failure;
  }

  #listen(hostname: string, tls: TlsMaterial | undefined): void {
    const sharing = { reusePort: tls !== undefined }; // which the types do not list
    const options = { hostname, port: this.#port, ...optionsOf(this.#handlers, tls), ...sharing };
    const listener = Bun.listen<Life>(options);
    this.#listener = listener;
    this.#hostname = hostname;
    this.#port = listener.port;
  }

  #explain(error: unknown): string {
    if (codeOf(error) === "ERR_OUT_OF_RANGE") return "a port is a whole number from 0 to 65535";
    const isLinkLocal = /^fe[89ab]/i.test(this.#host ?? "");
    return explain(
      error,
      isLinkLocal ? { EINVAL: "a link-local address needs its interface, like fe80::1%eth0" } : {},
    );
  }
}

/** On a path in the file system. */
export class OnPath implements Listeners {
  readonly port = 0;
  readonly address: string;
  readonly #path: UnixPath;
  readonly #handlers: Handlers;
  #listener: Listener | undefined;

  /** @param mode the permissions of the file, such as 0o600 */
  constructor(path: string, mode: number, handlers: Handlers) {
    this.address = path;
    this.#path = new UnixPath(path, mode);
    this.#handlers = handlers;
  }

  async open(tls: TlsMaterial | undefined): Promise<void> {
    const old = this.#listener;
    const options = optionsOf(this.#handlers, tls);
    this.#listener = await this.#path.open((unix) => Bun.listen<Life>({ unix, ...options }));
    if (old) await stopAfterTurn(old);
  }

  stop(): void {
    this.#path.remove();
    this.#listener?.stop();
  }
}

/** getaddrinfo: the numeric addresses of a host, best first; without a host IPv6, which takes IPv4 too, or IPv4. */
async function addressesOf(host: string | undefined): Promise<string[]> {
  if (host === undefined) return ["::", "0.0.0.0"];
  if (isIP(host)) return [host];
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

function optionsOf(handlers: Handlers, tls: TlsMaterial | undefined) {
  const { handshake, ...plain } = handlers;
  if (!tls) return { allowHalfOpen: true, socket: plain };
  const requestCert = tls.ca !== undefined;
  return {
    allowHalfOpen: true,
    tls: { ...tls, requestCert, rejectUnauthorized: true },
    socket: { ...plain, ...(handshake && { handshake }) },
  };
}

/** Stops a listener as soon as it has accepted what waits for it. */
async function stopAfterTurn(listener: Listener): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  listener.stop();
}
