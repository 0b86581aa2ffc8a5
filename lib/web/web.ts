/** `--web`: the way in from a browser, a page and a WebSocket that is a member like any other. */

import { isIP } from "node:net";
import { hostname } from "node:os";

import { addressList, canonicalAddress } from "../doors/address-list.ts";
import type { Way } from "../doors/door.ts";
import type { ConnectionsView, Context, Part } from "../extras/part.ts";
import { answer, basics, type HttpPort, openHttpPort } from "../http/http-port.ts";
import type { Port } from "../program/resources.ts";
import { UserError } from "../program/system-errors.ts";
import { BEAT_MS, Heartbeat } from "./heartbeat.ts";
import { pageOf } from "./page.ts";
import { BrowserSocket } from "./web-socket.ts";

/** Where browsers find the room. */
export interface WebPort extends Port {
  /** Names of this server besides its addresses and the name of the machine, as a URL has them. */
  readonly names?: readonly string[] | undefined;
  /** Reverse proxies, by address or range, that say for whom they ask. */
  readonly proxies?: readonly string[] | undefined;
}

/** What is asked for, and what the page has to know of the rest. */
export interface WebSettings {
  readonly web?: WebPort | undefined;
  readonly names?: boolean | undefined;
  readonly history?: unknown;
  readonly patienceMs?: number | undefined;
}

/** @param beatMs how long a beat of each `Heartbeat` is */
export function web(
  place: WebPort,
  { names, history, patienceMs }: WebSettings,
  { secrets, onWarning, onError }: Pick<Context, "secrets" | "onWarning" | "onError">,
  beatMs = BEAT_MS,
): Part {
  if (place.names && !Array.isArray(place.names))
    throw new UserError(`web.names is a list of names, not ${place.names}`, { permanent: true });
  const objection = ownNames(place.names ?? [], onWarning);
  const clientOf = clientBehind(place.proxies ?? []);
  const sockets = new Set<BrowserSocket>();
  let port: HttpPort | undefined;
  let beats: NodeJS.Timeout | undefined;
  const page = () => port && `${secrets.tls ? "https" : "http"}://${port.address}/`;

  /** The page, or a WebSocket; or why not. */
  const answers =
    (connections: ConnectionsView, way: Way) =>
    (request: Request, server: Bun.Server<BrowserSocket>) => {
      const from = server.requestIP(request);
      if (from === null) return answer("gone\n", 400);
      const { headers } = request;
      const peer = { ...from, address: clientOf(from.address, headers) };
      const isPage = !headers.has("upgrade");
      const refusals = way.doors.map((door) => isPage && door.refusalOf?.(peer.address));
      const why = [objection(headers), ...refusals].find(Boolean);
      if (why) return answer(`${why}\n`, 403);
      if (isPage)
        return pageOf({ pass: secrets.passPhrase, names, history }, connections.room.lineBytesMax);
      const data = new BrowserSocket(connections, way, peer, new Heartbeat(patienceMs, beatMs));
      return server.upgrade(request, { data }) ? undefined : answer("no WebSocket\n", 400);
    };

  const websocket: Bun.WebSocketHandler<BrowserSocket> = {
    // The longest there is: it starts again with each message that is sent to the peer.
    ...{ idleTimeout: 960, sendPings: false, perMessageDeflate: false },
    backpressureLimit: 0, // None: a socket sends nothing while anything is buffered.
    open(wire) {
      sockets.add(wire.data);
      wire.data.opened(wire);
    },
    message: ({ data }, message) => data.messageReceived(message),
    ping: ({ data }) => data.heartbeat.received(),
    pong: ({ data }) => data.heartbeat.answered(),
    drain: ({ data }) => data.drained(),
    close({ data }, code, reason) {
      sockets.delete(data);
      data.closed(code, reason);
    },
    error(error, { data }) {
      onError?.(error);
      data.data.failed();
    },
  };

  return {
    page,
    async open(connections, { doors }) {
      const way: Way = { kind: "web", doors: doors.filter((door) => !door.isTransport), open: 0 };
      connections.ways.push(way);
      const serve = (at: { hostname: string; port: number }) =>
        Bun.serve<BrowserSocket>({
          ...{ ...at, ...basics("the page is at /\n", onError) },
          ...(secrets.tls && {
            tls: { ...secrets.tls, requestCert: !!secrets.tls.ca, rejectUnauthorized: true },
          }),
          routes: { "/": { GET: answers(connections, way) } },
          // More than a line, so that it is the room that tells of a longer one.
          websocket: { ...websocket, maxPayloadLength: 2 * connections.room.loggedBytesMax },
        });
      const counted = () => new Set(Array.from(sockets, ({ remotePort }) => remotePort));
      const listen = await openHttpPort(place, serve, onWarning, counted);
      return () => {
        port = listen();
        beats = setInterval(() => sockets.forEach((socket) => socket.beat()), beatMs).unref();
        return { web: `${page()}` };
      };
    },
    renew: () => secrets.tls && port?.renew(),
    stop: () => port?.close(),
    close: async () => clearInterval(beats),
  };
}

/** So many names are logged that are none of this server's; anybody may ask by any name. */
const NAMES_TOLD_MAX = 20;
const NAME = /^([\w.-]{1,253}|\[[\da-f:]+\])(:\d{1,5})?$/;

/**
 * Tells why a request does not mean this server; undefined if it may come in. `Host` has to be an
 * address, `localhost`, the name of the machine or one of `names`, which a name that somebody else
 * has made lead here (DNS rebinding) is not. `Origin`, which a browser sends with a WebSocket and no
 * page can change, has to be the same, or one of `names`: a reverse proxy need not hand `Host` on.
 * Before a page opens a WebSocket again it asks by `X-Origin` whether it may.
 */
function ownNames(names: readonly string[], onWarning: (what: string) => void) {
  const given = new Set(names.map((name) => name.toLowerCase()));
  const own = new Set(["localhost", hostname().toLowerCase(), ...given]);
  const told = new Set<string>();
  const refuse = (what: string, name: string) => {
    if (!NAME.test(name)) return what;
    if (told.size < NAMES_TOLD_MAX && !told.has(name)) {
      told.add(name);
      onWarning(`refused a browser: ${what}; to accept it, add --web-name ${name}`);
    }
    return `${what}; its operator can add --web-name ${name}`;
  };
  return (headers: Headers): string | undefined => {
    const host = headers.get("host")?.toLowerCase() ?? "";
    const name = host.replace(/:\d*$/, "");
    const isOwn = own.has(name) || given.has(host) || isIP(name.replace(/^\[(.*)\]$/, "$1")) !== 0;
    if (!isOwn) return refuse(`this server is not called ${host}`, name);
    const origin = (headers.get("origin") ?? headers.get("x-origin"))?.toLowerCase();
    const from = origin?.replace(/^https?:\/\//, "");
    const isSame = from === undefined || from === host || given.has(from);
    return isSame ? undefined : refuse(`this server is not for pages of ${from}`, from);
  };
}

/**
 * Tells where a browser is: the last address of `X-Forwarded-For` that is no proxy's own, as each
 * proxy has added the one that it was asked by. Of any other peer nothing of this is believed.
 */
function clientBehind(proxies: readonly string[]) {
  const isProxy = addressList("--web-proxy", proxies);
  return (address: string, headers: Headers): string => {
    let client = address;
    for (const hop of headers.get("x-forwarded-for")?.split(",").reverse() ?? []) {
      if (!isProxy(client) || isIP(hop.trim()) === 0) break;
      client = canonicalAddress(hop.trim());
    }
    return client;
  };
}
