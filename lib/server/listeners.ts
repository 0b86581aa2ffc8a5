/** getaddrinfo, socket, bind and listen: on a port or on a path. */

import { isIP } from "node:net";

import { formatAddress } from "../program/address.ts";
import { codeOf, explain, UserError } from "../program/system-errors.ts";
import type { Life } from "../room/socket.ts";
import { listenOnPath } from "./unix-path.ts";

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

/** What listens. */
export interface Listener {
  /** Where: `[::]:8080`, with the real port, or a path. */
  readonly address: string;
  /** The real port; 0 on a path. */
  readonly port: number;
  /** Listens no more. */
  stop(): void;
}

/**
 * Opens a listener.
 *
 * @param socket told of each connection that is accepted
 * @throws {UserError} when it cannot listen there
 */
export async function openListener(
  place: Place,
  socket: Bun.SocketHandler<Life>,
): Promise<Listener> {
  const how = { allowHalfOpen: true, socket };
  if ("unix" in place)
    return listenOnPath(place.unix, place.unixMode ?? 0o600, (unix) =>
      Bun.listen<Life>({ unix, ...how }),
    );
  const { host, port } = place;
  try {
    return await onFirst(await addressesOf(host), (hostname) => {
      const listener = Bun.listen<Life>({ hostname, port, ...how });
      return {
        address: formatAddress(hostname, listener.port),
        port: listener.port,
        stop: () => listener.stop(),
      };
    });
  } catch (error) {
    const address = formatAddress(host ?? "::", port);
    throw new UserError(`cannot listen on ${address}: ${explainListen(error, address)}`);
  }
}

/** getaddrinfo: the numeric addresses of a host, best first; without a host IPv6, which takes IPv4 too, or IPv4. */
async function addressesOf(host: string | undefined): Promise<string[]> {
  if (host === undefined) return ["::", "0.0.0.0"];
  if (isIP(host)) return [host];
  return (await Bun.dns.lookup(host)).map(({ address }) => address);
}

/** On the first address that will do, as `open_listenfd` has it. */
function onFirst(addresses: readonly string[], listen: (hostname: string) => Listener): Listener {
  let failure: unknown;
  for (const address of addresses)
    try {
      return listen(address);
    } catch (error) {
      failure ??= error;
      if (["EADDRINUSE", "EACCES"].includes(codeOf(error))) break;
    }
  throw failure;
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
