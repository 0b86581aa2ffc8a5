/** Where to connect to: getaddrinfo, and which address answers first, "Happy Eyeballs" (RFC 8305). */

import { isIP } from "node:net";

import { codeOf } from "../program/system-errors.ts";

/** A port, from 1 to 65535, of a host, by name or address; or the path of a Unix socket. */
export type Place = { host: string; port: number } | { unix: string };

/** How long an address is tried alone before the next one is tried as well (RFC 8305, 5). */
const HEAD_START_MS = 250;
/** This machine has no way there at all: the least telling of failures. */
const NO_WAY = /^(EADDRNOTAVAIL|EAFNOSUPPORT|EHOSTUNREACH|EINVAL|ENETDOWN|ENETUNREACH)$/;

/**
 * The addresses of a host in the order in which they are to be tried.
 *
 * @param host a name, or an address, which stands for itself
 * @throws the error of getaddrinfo, with codes as `DNS_ENOTFOUND`
 */
export async function addressesOf(host: string): Promise<string[]> {
  if (isIP(host)) return [host];
  // By RFC 6761, 6.3, whatever the system may know of it.
  if (/^localhost\.?$/i.test(host)) return ["::1", "127.0.0.1"];
  const found = await Bun.dns.lookup(host, { backend: "system" });
  return inTurns(found.map(({ address }) => address));
}

/** IPv6 and IPv4 in turns, beginning with that of the first, each in its order; none twice. */
export function inTurns(addresses: readonly string[]): string[] {
  const family = isIP(addresses[0] ?? "");
  const same = addresses.filter((address) => isIP(address) === family);
  const other = addresses.filter((address) => isIP(address) !== family);
  const turns = addresses.flatMap((_, turn) => [same[turn], other[turn]]);
  return [...new Set(turns.filter((address) => address !== undefined))];
}

/**
 * Tries one address after another, each with a head start before the next, or until it has failed.
 * So there is one connection in all, unless an address answers late: Bun cannot take an attempt
 * back, so its connection is closed as soon as it is there, and nothing is written to it.
 *
 * @param connect tries one address
 * @param headStartMs how long an address is waited for before the next is tried too, in ms
 * @returns the first connection
 * @throws what the most telling of the failures was, once all have failed
 */
export async function firstToAnswer<Socket extends { terminate(): void }>(
  addresses: readonly string[],
  connect: (address: string) => Promise<Socket>,
  headStartMs = HEAD_START_MS,
): Promise<Socket> {
  const attempts: Promise<Socket>[] = [];
  let first: Socket | undefined;
  try {
    for (const address of addresses) {
      const attempt = connect(address);
      attempts.push(attempt);
      first = await firstWithin(headStartMs, attempts, attempt);
      if (first) return first;
    }
    return (first = await Promise.any(attempts));
  } catch (error) {
    throw error instanceof AggregateError ? mostTelling(error.errors) : error;
  } finally {
    const close = (late: Socket) => void (late === first || late.terminate());
    for (const attempt of attempts) attempt.then(close, () => {});
  }
}

/** The first of the attempts to connect; undefined once the last has failed, or the time is over. */
async function firstWithin<Socket>(
  ms: number,
  attempts: readonly Promise<Socket>[],
  last: Promise<Socket>,
): Promise<Socket | undefined> {
  const over = Promise.withResolvers<undefined>();
  const alarm = setTimeout(over.resolve, ms);
  last.catch(() => over.resolve(undefined));
  const any = Promise.any(attempts).catch(() => undefined);
  return Promise.race([any, over.promise]).finally(() => clearTimeout(alarm));
}

function mostTelling(failures: readonly unknown[]): unknown {
  return failures.find((failure) => !NO_WAY.test(codeOf(failure))) ?? failures[0];
}
