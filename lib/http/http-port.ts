/** A port that `Bun.serve` listens on: for browsers, or for Prometheus. */

import { formatAddress } from "../program/address.ts";
import { cannotListen, listenOnPort, type Port } from "../program/port.ts";

/** It can be closed for a while; connections that are open stay so. */
export type HttpPort = Awaited<ReturnType<typeof openHttpPort>>;

/**
 * @param serve does socket, bind and listen, by `Bun.serve`, or throws
 * @throws {UserError} that says why it cannot
 */
export function openHttpPort(
  place: Port,
  serve: (at: { hostname: string; port: number }) => Pick<Bun.Server<unknown>, "port" | "stop">,
) {
  return listenOnPort(place, (hostname) => {
    let server = serve({ hostname, port: place.port });
    const { port = place.port } = server;
    const address = formatAddress(hostname, port);
    const self = {
      /** Where it listens, with the real port. */
      address,
      isOpen: true,
      /** Accepts nobody from now on. */
      close(): void {
        self.isOpen = false;
        void server.stop();
      },
      /**
       * Accepts again, on the same port.
       *
       * @throws {UserError} if another program has it by now
       */
      reopen(): void {
        if (self.isOpen) self.close();
        try {
          server = serve({ hostname, port });
        } catch (error) {
          throw cannotListen(address, error);
        }
        self.isOpen = true;
      },
    };
    return self;
  });
}

/**
 * What is the same for all of them: alone on their port, which without `development` Bun would
 * share with other servers; no request has a body; a path without a route leads nowhere.
 *
 * @param where what there is instead, a line
 * @param onError told of bugs
 */
export function basics(where: string, onError: ((error: Error) => void) | undefined) {
  return {
    ...{ development: false, reusePort: false, maxRequestBodySize: 0 },
    fetch: ({ method }: Request) =>
      ["GET", "HEAD"].includes(method) ? answer(where, 404) : answer("GET and nothing else\n", 405),
    error(error: Error) {
      onError?.(error);
      return answer("the server has failed\n", 500);
    },
  } as const;
}

/** An answer of text, a line. It closes the connection, so that none is open for nothing. */
export function answer(body: string, status = 200, type = "text/plain; charset=utf-8"): Response {
  const headers = { "Content-Type": type, "Cache-Control": "no-store", Connection: "close" };
  return new Response(body, { status, headers });
}
