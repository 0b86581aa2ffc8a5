/** A port that `Bun.serve` listens on: for browsers, or for Prometheus. */

import { countOpenFiles, fileLimit } from "../program/file-limit.ts";
import { formatAddress, listenOnPort, type Port } from "../program/network.ts";

/** How often open files are counted: some 1,000 connections can come in such a time. */
const LOOK_MS = 20;
const CLOSED_MS = 1000;
/** As many can come before they are counted, of which 512 may have waited for the same turn. */
const BURST = 1024;

/** It can be closed for a while; connections that are open stay so. */
export type HttpPort = ReturnType<Awaited<ReturnType<typeof openHttpPort>>>;

/**
 * What it returns opens the port.
 *
 * @param serve does socket, bind and listen, by `Bun.serve`; a `UserError` tells why it cannot
 */
export function openHttpPort(
  place: Port,
  serve: (at: { hostname: string; port: number }) => Pick<Bun.Server<unknown>, "port" | "stop">,
) {
  return listenOnPort(place, (hostname) => {
    let server: ReturnType<typeof serve> | undefined = serve({ hostname, port: place.port });
    const { port = place.port } = server;
    return {
      /** Where it listens, with the real port. */
      address: formatAddress(hostname, port),
      get isOpen() {
        return server !== undefined;
      },
      /** Accepts nobody from now on. */
      close(): void {
        void server?.stop();
        server = undefined;
      },
      /** Accepts again; throws if another program has the port by now. */
      reopen(): void {
        server = serve({ hostname, port });
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

/** How many files are kept for connections that nothing counts: a quarter, or enough for a burst. */
export function spareFiles(): number {
  const { filesMax, filesOpen } = fileLimit();
  const free = filesMax - filesOpen;
  return Math.min(Math.max(free >> 2, Math.min(free >> 1, BURST), 16), 4096);
}

/**
 * Keeps connections to `Bun.serve` that send nothing, and live for 12 s or more, from using up all
 * files: while they use half of the spare ones, and a moment longer, the port is closed.
 *
 * @param counted how many connections are open that are counted elsewhere
 */
export function watchSpareFiles(
  port: HttpPort,
  counted: () => number,
  warn: (what: string) => void,
): NodeJS.Timeout {
  const silentMax = spareFiles() >> 1;
  const filesOpen = countOpenFiles();
  let reopenAtMs = 0;
  const look = () => {
    const silent = countOpenFiles() - filesOpen - counted();
    const now = performance.now();
    if (silent > silentMax) {
      if (port.isOpen)
        warn(`${port.address} is closed for a while: ${silent} connections send nothing`);
      port.close();
      reopenAtMs = now + CLOSED_MS;
    } else if (!port.isOpen && now > reopenAtMs) {
      reopenAtMs = now + CLOSED_MS; // Once more, if another program has the port by now.
      try {
        port.reopen();
        warn(`${port.address} is open again`);
      } catch {}
    }
  };
  return setInterval(look, LOOK_MS).unref();
}
