/** `--web`: the way in from a browser, a page and a WebSocket that is a member like any other. */

import { unmapAddress } from "../program/address.ts";
import type { TlsMaterial } from "../program/files.ts";
import { notAllowedFrom } from "../program/server-messages.ts";
import type { Connections } from "./connections.ts";
import { answer, HttpPort } from "./http-port.ts";
import { ownNames } from "./own-names.ts";
import { pageOf } from "./page.ts";
import type { Port } from "./port.ts";
import { watchSpareFiles } from "./spare-files.ts";
import { WebSeat } from "./web-seat.ts";

/** A peer that has vanished is found by pings, in s, as by TCP keep-alive on the other port. */
const IDLE_S = 72;

/** Where browsers find the room. */
export interface WebOptions extends Port {
  /** Names of this server beside its addresses and the name of the machine, as a URL has them. */
  readonly names?: readonly string[] | undefined;
}

/** What it reports. */
export interface WebEvents {
  /** Is told what an operator may want to act on: its port is closed for a while. */
  readonly onWarning?: ((what: string) => void) | undefined;
  /** Is told of bugs. */
  readonly onError?: ((error: Error) => void) | undefined;
}

/** The port for browsers. */
export interface Web {
  /** Where the page is: `http://127.0.0.1:8081/`. */
  readonly url: string;
  /** Has new connections use the certificates of the moment. */
  renew(): void;
  stop(): void;
}

/**
 * Listens for browsers.
 *
 * @param tls certificates of the moment
 * @throws {UserError} when it cannot listen there
 */
export async function openWeb(
  connections: Connections,
  options: WebOptions,
  tls: () => TlsMaterial | undefined,
  { onWarning = () => {}, onError = () => {} }: WebEvents,
): Promise<Web> {
  const fetch = answering(connections, options.names ?? []);
  /** A handler that fails, which is a bug, ends its connection and not the program. */
  const safely = (seat: WebSeat, handle: () => void) => {
    try {
      handle();
    } catch (error) {
      onError(error instanceof Error ? error : new Error(String(error)));
      seat.data.failed();
    }
  };
  const port = await HttpPort.open<WebSeat>(options, (ground) => {
    const material = tls();
    const requestCert = material?.ca !== undefined;
    return Bun.serve<WebSeat>({
      ...ground,
      ...(material && { tls: { ...material, requestCert, rejectUnauthorized: true } }),
      fetch,
      websocket: {
        idleTimeout: IDLE_S,
        perMessageDeflate: false,
        backpressureLimit: 0, // None: a seat sends nothing while anything is buffered.
        // More than a line, so that it is the room that tells who says a longer one.
        maxPayloadLength: 2 * connections.room.settings.lineBytesMax,
        open: (socket) => safely(socket.data, () => socket.data.opened(socket)),
        message: ({ data }, message) => safely(data, () => data.heard(message)),
        drain: ({ data }) => safely(data, () => data.drained()),
        close: ({ data }, code, reason) => safely(data, () => data.closed(code, reason)),
      },
    });
  });
  const endWatch = watchSpareFiles(port, () => connections.open, onWarning);
  return {
    url: `${tls() ? "https" : "http"}://${port.address}/`,
    renew: () => port.reopen(),
    stop() {
      endWatch();
      port.close();
    },
  };
}

/** What is done with a request. */
function answering(connections: Connections, names: readonly string[]) {
  const { room, settings } = connections;
  const objection = ownNames(names);
  return (request: Request, server: Bun.Server<WebSeat>): Response | undefined => {
    const peer = server.requestIP(request);
    if (peer === null) return answer("gone\n", 400);
    const why = objection(request.headers);
    if (why !== undefined) return answer(`${why}\n`, 403);
    if (new URL(request.url).pathname !== "/") return answer("the page is at /\n", 404);
    if (request.headers.has("upgrade")) {
      const data = new WebSeat(connections, peer.address, peer.port);
      return server.upgrade(request, { data }) ? undefined : answer("no WebSocket\n", 400);
    }
    if (settings.rules?.admits(peer.address) === false)
      return answer(`${notAllowedFrom(unmapAddress(peer.address))}\n`, 403);
    if (!["GET", "HEAD"].includes(request.method)) return answer("GET and nothing else\n", 405);
    return pageOf({
      asksPassPhrase: connections.passPhrase !== undefined,
      hasNames: room.names !== undefined,
      hasHistory: room.settings.history !== undefined,
      lineBytesMax: room.settings.lineBytesMax,
    });
  };
}
