/** A port that `Bun.serve` listens on: for browsers, or for Prometheus. */

import { formatAddress } from "../program/address.ts";
import { cannotListen, listenOnPort, type Port } from "./port.ts";

/** What is the same for all: where to listen, alone there, and that no request has a body. */
interface Ground {
  readonly hostname: string;
  readonly port: number;
  readonly development: false;
  readonly reusePort: false;
  readonly maxRequestBodySize: 0;
}

/** Socket, bind and listen, by `Bun.serve`; or it throws. */
type Serve<Data> = (ground: Ground) => Bun.Server<Data>;

/** It can be closed for a while; connections that are open stay so. */
export class HttpPort<Data = undefined> {
  readonly #serve: Serve<Data>;
  readonly #hostname: string;
  readonly #port: number;
  #server: Bun.Server<Data>;
  #isOpen = true;

  /** @throws {UserError} that says why it cannot */
  static open<Data = undefined>(place: Port, serve: Serve<Data>): Promise<HttpPort<Data>> {
    return listenOnPort(
      place,
      (hostname) => new HttpPort(hostname, serve(groundOf(hostname, place.port)), serve),
    );
  }

  private constructor(hostname: string, server: Bun.Server<Data>, serve: Serve<Data>) {
    this.#hostname = hostname;
    this.#port = server.port ?? 0;
    this.#server = server;
    this.#serve = serve;
  }

  /** Where it listens, with the real port. */
  get address(): string {
    return formatAddress(this.#hostname, this.#port);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Accepts nobody for now. */
  close(): void {
    this.#isOpen = false;
    void this.#server.stop();
  }

  /**
   * Accepts again, on the same port.
   *
   * @throws {UserError} if somebody else has it by now
   */
  reopen(): void {
    if (this.#isOpen) this.close();
    try {
      this.#server = this.#serve(groundOf(this.#hostname, this.#port));
      this.#isOpen = true;
    } catch (error) {
      throw cannotListen(this.address, error);
    }
  }
}

/** An answer of text. It closes the connection, so that none is open for nothing. */
export function answer(body: string, status = 200, type = "text/plain; charset=utf-8"): Response {
  return new Response(body, {
    status,
    headers: { "Content-Type": type, "Cache-Control": "no-store", Connection: "close" },
  });
}

/** Without `development`, Bun would share the port with other servers unless it is told not to. */
function groundOf(hostname: string, port: number): Ground {
  return { hostname, port, development: false, reusePort: false, maxRequestBodySize: 0 };
}
