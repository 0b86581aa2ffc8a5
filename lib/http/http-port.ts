/** A port that `Bun.serve` listens on: for browsers, or for Prometheus. */

import { formatAddress, listenOnPort, type Port } from "../program/network.ts";
import { type WatchedPort, watchFiles } from "./spare-files.ts";

/** It can be opened anew; connections that are open stay so. */
export type HttpPort = ReturnType<Awaited<ReturnType<typeof openHttpPort>>>;

/**
 * What it returns opens the port.
 *
 * @param serve does socket, bind and listen, by `Bun.serve`; a `UserError` tells why it cannot
 */
export function openHttpPort(
  place: Port,
  serve: (at: { hostname: string; port: number }) => Pick<Bun.Server<unknown>, "port" | "stop">,
  watch: Omit<WatchedPort, "address" | "port">,
) {
  return listenOnPort(place, (hostname) => {
    let server: ReturnType<typeof serve> | undefined = serve({ hostname, port: place.port });
    const { port = place.port } = server;
    const address = formatAddress(hostname, port);
    const unwatch = watchFiles({ address, port, ...watch });
    return {
      /** Where it listens, with the real port. */
      address,
      /** Accepts nobody from now on; connections that are open stay so. */
      close(): void {
        unwatch();
        void server?.stop();
        server = undefined;
      },
      /** Serves newcomers by what has changed; does nothing once it is closed. */
      renew(): void {
        void server?.stop();
        server &&= serve({ hostname, port });
      },
    };
  });
}

/** What is the same for all; alone on its port, which without `development` Bun would share. */
export function basics(where: string, onError: ((error: Error) => void) | undefined) {
  return {
    ...{ development: false, reusePort: false, maxRequestBodySize: 0 },
    fetch: () => answer(where, 404),
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
