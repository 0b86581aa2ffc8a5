/** Addresses and ranges of them, as a user names them. */

import { BlockList, isIP, SocketAddress } from "node:net";

import { formatAddress, unmapAddress } from "../program/network.ts";
import { quote, usageError } from "../program/system-errors.ts";

const EXPECTED = "an address or a range like 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32";

/**
 * Reads addresses and ranges. IPv4 and the same mapped into IPv6 are one, as `BlockList` has it.
 *
 * @param option the one that names them, as in `--allow`
 * @returns whether a numeric address, as a socket gives it, is one of them
 * @throws {UserError} that names one which is neither
 */
export function addressList(
  option: string,
  rules: readonly string[],
): (address: string) => boolean {
  const list = new BlockList();
  for (const rule of rules) {
    const [, address = "", prefix] = /^([\da-f:.]+)(?:\/(0|[1-9]\d{0,2}))?$/i.exec(rule) ?? [];
    const bitsMax = isIP(address) === 4 ? 32 : 128;
    const bits = Number(prefix ?? bitsMax);
    if (isIP(address) === 0 || bits > bitsMax)
      throw usageError(`${option} takes ${EXPECTED}, not ${quote(rule)}`);
    list.addSubnet(address, bits, familyOf(address));
  }
  return (address) => list.check(address, familyOf(address));
}

/** A numeric address in the one way in which sockets have it, so that rules and counts know it again. */
export function canonicalAddress(address: string): string {
  return unmapAddress(SocketAddress.parse(formatAddress(address, 0))?.address ?? address);
}

const familyOf = (address: string) => (isIP(address) === 4 ? "ipv4" : "ipv6");
