/** getaddrinfo, socket, bind and listen: on a port or on a path, and anew with other certificates. */

import { isIP } from "node:net";

import { formatAddress } from "../program/address.ts";
import type { TlsMaterial } from "../program/files.ts";
import { codeOf, explain, UserError } from "../program/system-errors.ts";
import type { Life } from "../room/socket.ts";
import { UnixPath } from "./unix-path.ts";

type Handlers = Bun.SocketHandler<Life>;
type Listener = Bun.TCPSocketListener<Life> | Bun.UnixSocketListener<Life>;

/** Where to listen: on a port, or on a path in the file system. */
export type Place =
  | {
      /** The address to listen on; all of this machine, IPv6 and IPv4, by default. */
      host?: string | undefined;
      /** The port to listen on; 0 takes a free one. */
      port: number;
    }
  | {
      unix: string;
      /** The permissions of the socket; 0o600 by default. */
      unixMode?: number | undefined;
    };

/** What listens in one place. */
export class Listeners {
  readonly #path: UnixPath | undefined;
  readonly #host: string | undefined;
  readonly #handlers: Handlers;
  /** Where it listens in fact; the port is 0 on a path. */
  hostname = "";
  port = 0;
  #listener: Listener | undefined;
  #stopped = false;

  constructor(place: Place, handlers: Handlers) {
    this.#handlers = handlers;
    if ("unix" in place) this.#path = new UnixPath(place.unix, place.unixMode ?? 0o600);
    else this.#host = place.host;
    if ("port" in place) this.port = place.port;
  }

  /**
   * Listens. The second time, with other certificates, the new listener is there
   * before the old one stops, so that no connection is refused.
   *
   * @throws {UserError} when it cannot; an old listener goes on then
   */
  async open(tls: TlsMaterial | undefined): Promise<void> {
    const old = this.#listener;
    if (this.#stopped) return;
    if (this.#path) this.#listener = await this.#path.open((unix) => this.#onPath(unix, tls));
    else if (old) this.#listener = this.#onPort(this.hostname, tls);
    else await this.#openFirst(tls);
    if (!old) return;
    await new Promise((resolve) => setImmediate(resolve)); // It accepts what waits for it.
    old.stop();
  }

  /** Listens no more. */
  stop(): void {
    this.#stopped = true;
    this.#path?.remove();
    this.#listener?.stop();
  }

  /** On the first address that will do. */
  async #openFirst(tls: TlsMaterial | undefined): Promise<void> {
    let failure: unknown;
    try {
      for (const hostname of await addressesOf(this.#host))
        try {
          // Alone at first, which finds a port in use: shared with another server, it would not.
          this.#listener = this.#onPort(hostname, undefined);
          if (tls) this.#listener.stop();
          if (tls) this.#listener = this.#onPort(hostname, tls);
          return;
        } catch (error) {
          failure ??= error;
          if (["EADDRINUSE", "EACCES"].includes(codeOf(error))) break;
        }
    } catch (error) {
      failure = error;
    }
    const address = formatAddress(this.#host ?? "::", this.port);
    throw new UserError(`cannot listen on ${address}: ${explainListen(failure, address)}`);
  }

  #onPort(hostname: string, tls: TlsMaterial | undefined): Listener {
    const sharing = { reusePort: tls !== undefined }; // which the types do not list
    const place = { hostname, port: this.port, ...sharing };
    const listener = Bun.listen<Life>({ ...place, ...this.#optionsFor(tls) });
    this.hostname = hostname;
    this.port = listener.port;
    return listener;
  }

  #onPath(unix: string, tls: TlsMaterial | undefined): Listener {
    return Bun.listen<Life>({ unix, ...this.#optionsFor(tls) });
  }

  #optionsFor(tls: TlsMaterial | undefined) {
    const { handshake = () => {}, ...plain } = this.#handlers;
    if (!tls) return { allowHalfOpen: true, socket: plain };
    const how = { ...tls, requestCert: tls.ca !== undefined, rejectUnauthorized: true };
    return { allowHalfOpen: true, tls: how, socket: { ...plain, handshake } };
  }
}

/** getaddrinfo: the numeric addresses of a host, best first; without a host IPv6, which takes IPv4 too, or IPv4. */
async function addressesOf(host: string | undefined): Promise<string[]> {
  if (host === undefined) return ["::", "0.0.0.0"];
  if (isIP(host)) return [host];
  return (await Bun.dns.lookup(host)).map(({ address }) => address);
}

function explainListen(error: unknown, address: string): string {
  return explain(error, {
    DNS_ENOTFOUND: "unknown host",
    ERR_OUT_OF_RANGE: "a port is a whole number from 0 to 65535",
    ...(/^\[?fe[89ab]/i.test(address) && {
      EINVAL: "a link-local address needs its interface, like fe80::1%eth0",
    }),
  });
}
