/** What both ends know of the network: addresses, ports to listen on, sockets. */

import { codeOf, failed } from "./system-errors.ts";

/** What errors mean that an address may cause. */
export const ADDRESS_ERRORS = {
  DNS_ENOTFOUND: "unknown host",
  EINVAL: "invalid argument; a link-local address needs its interface, like fe80::1%eth0",
};
/** The time from the last byte of a silent peer to the first probe whether it is still there. */
const KEEP_ALIVE_MS = 60_000;

/**
 * Where a connection comes from or goes to, as `getnameinfo` has it: `203.0.113.9:51234`, `[2001:db8::1]:51234`.
 *
 * @param address a numeric address, of which `unmapAddress` is shown; or a host name
 */
export function formatAddress(address: string, port: number): string {
  const plain = unmapAddress(address);
  return plain.includes(":") ? `[${plain}]:${port}` : `${plain}:${port}`;
}

/** `203.0.113.9` for `::ffff:203.0.113.9`, as sockets for both families have it; others unchanged. */
export function unmapAddress(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

/**
 * What `formatAddress` has put together: `localhost:8080`, `[::1]:8080`. Without a port: `[::1]`,
 * or what cannot be split, such as an IPv6 address that is not in brackets.
 */
export function splitAddress(address: string): { host: string; port: string | undefined } {
  const [, six, host = six, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::([^:]*))?$/.exec(address) ?? [];
  return { host: host ?? address, port };
}

/** A port, and the address to open it on: all of this machine, IPv6 and IPv4, by default. */
export interface Port {
  readonly host?: string | undefined;
  /** 0 takes a free one. */
  readonly port: number;
}

/**
 * Listens on the first address that will do, as `open_listenfd` has it.
 *
 * @param listen does socket, bind and listen, or throws
 * @throws {UserError} that says why it cannot
 */
export async function listenOnPort<Made>({ host, port }: Port, listen: (hostname: string) => Made) {
  let failure: unknown;
  try {
    for (const address of await addressesOf(host))
      try {
        return listen(address);
      } catch (error) {
        failure ??= error;
        if (["EADDRINUSE", "EACCES"].includes(codeOf(error))) break;
      }
    throw failure;
  } catch (error) {
    throw failed(`cannot listen on ${formatAddress(host ?? "::", port)}`, error, ADDRESS_ERRORS);
  }
}

/** getaddrinfo: numeric addresses, best first; by default IPv6, which takes IPv4 too, or IPv4. */
async function addressesOf(host: string | undefined): Promise<string[]> {
  if (host === undefined) return ["::", "0.0.0.0"];
  return (await Bun.dns.lookup(host, { backend: "system" })).map(({ address }) => address);
}

/** Has a socket send at once what is written, and notice that a silent peer is gone. */
export function tune(socket: Pick<Bun.Socket, "setNoDelay" | "setKeepAlive">): void {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
}
