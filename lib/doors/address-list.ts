/** Addresses and ranges of them, as a user names them. */

import { BlockList, isIP, SocketAddress } from "node:net";

import { formatAddress, unmapAddress } from "../program/network.ts";
import { quote, usageError } from "../program/system-errors.ts";

const EXPECTED = "an address or a range like 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32";

/**
 * Reads addresses and ranges. IPv4 and the same mapped into IPv6 are one; a range of IPv6 that is more
 * than that, such as `::/0`, means no IPv4.
 *
 * @param option the one that names them, as in `--allow`
 * @returns whether a numeric address, as a socket gives it, is one of them
 * @throws {UserError} that names one which is neither
 */
export function addressList(
  option: string,
  rules: readonly string[],
): (address: string) => boolean {
  const [four, six] = [new BlockList(), new BlockList()];
  if (!Array.isArray(rules)) throw usageError(`${option} takes a list, not ${quote(`${rules}`)}`);
  for (const rule of rules) {
    const [, address = "", prefix] = /^([\da-f:.]+)(?:\/(0|[1-9]\d{0,2}))?$/i.exec(rule) ?? [];
    const bitsMax = isIP(address) === 4 ? 32 : 128;
    const bits = Number(prefix ?? bitsMax);
    if (isIP(address) === 0 || bits > bitsMax)
      throw usageError(`${option} takes ${EXPECTED}, not ${quote(rule)}`);
    const isFour = isIpv4(address) && (bitsMax === 32 || bits >= 96);
    (isFour ? four : six).addSubnet(address, bits, familyOf(address));
  }
  return (address) => (isIpv4(address) ? four : six).check(address, familyOf(address));
}

/** Also as it is mapped into IPv6: to a `BlockList`, these are one. */
const isIpv4 = (address: string) => isIP(canonicalAddress(address)) === 4;

/** A numeric address in the one way in which sockets have it, so that rules and counts know it again. */
export function canonicalAddress(address: string): string {
  return unmapAddress(SocketAddress.parse(formatAddress(address, 0))?.address ?? address);
}

const familyOf = (address: string) => (isIP(address) === 4 ? "ipv4" : "ipv6");
