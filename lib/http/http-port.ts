/**
 * A port that `Bun.serve` listens on: for browsers, or for Prometheus. `Bun.serve` has no limit of
 * connections, and one that has sent half a request stays open for 12 s: so when files run short, all
 * are closed that nothing counts. Bun does not tell of them, but the system does, on Linux.
 */

import { formatAddress, openCLibrary } from "../program/network.ts";
import { countOpenFiles, fileLimit, listenOnPort, type Port } from "../program/resources.ts";

const LOOK_MS = 50;
/** How long no more of it is logged. */
const QUIET_MS = 10_000;

/** As Linux has them, IPv4 and IPv6. */
const FAMILIES: readonly (number | undefined)[] = [2, 10];
const BOTH_WAYS = 2;
const SOCKET = { args: ["i32", "ptr", "ptr"], returns: "i32" } as const;
const FUNCTIONS = {
  getsockname: SOCKET,
  getpeername: SOCKET,
  shutdown: { args: ["i32", "i32"], returns: "i32" },
} as const;
type Library = NonNullable<ReturnType<typeof openCLibrary<typeof FUNCTIONS>>>;

/** It can be opened again; connections that are open stay so. */
export type HttpPort = ReturnType<Awaited<ReturnType<typeof openHttpPort>>>;

/**
 * What it returns opens the port.
 *
 * @param serve does socket, bind and listen, by `Bun.serve`; a `UserError` tells why it cannot
 * @param counted the ports of those peers whose connections are counted elsewhere
 */
export function openHttpPort(
  place: Port,
  serve: (at: { hostname: string; port: number }) => Pick<Bun.Server<unknown>, "port" | "stop">,
  onWarning: (what: string) => void,
  counted?: () => ReadonlySet<number>,
) {
  return listenOnPort(place, (hostname) => {
    let server: ReturnType<typeof serve> | undefined = serve({ hostname, port: place.port });
    const { port = place.port } = server;
    const address = formatAddress(hostname, port);
    const timer = setInterval(newWatch(address, port, onWarning, counted), LOOK_MS).unref();
    return {
      /** Where it listens, with the real port. */
      address,
      /** Accepts nobody from now on; connections that are open stay so. */
      close(): void {
        clearInterval(timer);
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

/** How many files are kept for connections that nothing counts, of all ports together. */
export function spareFiles(): number {
  const { filesMax, filesOpen } = fileLimit();
  return Math.min(Math.max((filesMax - filesOpen) >> 3, 16), 1024);
}

/** Makes what looks whether files run short, and ends such connections to a port if they do. */
function newWatch(
  address: string,
  port: number,
  onWarning: (what: string) => void,
  counted?: () => ReadonlySet<number>,
): () => void {
  const enough = spareFiles() >> 1;
  const { filesMax } = fileLimit();
  const library = openCLibrary(FUNCTIONS);
  let quietUntilMs = 0;
  return () => {
    if (library === undefined || filesMax - countOpenFiles() >= enough) return;
    const peers = counted?.();
    let count = 0;
    // Nearly all files are open, and to list those would take one more.
    for (let file = 0; file < filesMax; file++) {
      if (portOf(library.getsockname, file) !== port) continue;
      // The one that listens has no peer. Another one with the same port as one that counts is spared.
      const peer = portOf(library.getpeername, file);
      if (peer === undefined || peers?.has(peer)) continue;
      if (library.shutdown(file, BOTH_WAYS) === 0) count++;
    }
    if (count === 0 || performance.now() < quietUntilMs) return;
    const what = `${count} connections to ${address} that sent no request were closed`;
    onWarning(`${what}: files ran short, ulimit -n is ${filesMax}`);
    quietUntilMs = performance.now() + QUIET_MS;
  };
}

/** The port at one end of a socket; undefined of any other file. */
function portOf(nameOf: Library["getsockname"], file: number): number | undefined {
  const address = new Uint16Array(64);
  if (nameOf(file, address, Uint32Array.of(address.byteLength)) !== 0) return undefined;
  return FAMILIES.includes(address[0]) ? new DataView(address.buffer).getUint16(2) : undefined;
}
