/** Addresses and ranges of them, as a user names them: `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`. */

import { BlockList, isIP } from "node:net";

import { unmapAddress } from "../program/address.ts";
import { quote, usageError } from "../program/system-errors.ts";

const RIGHT = "an address or a range like 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32";

/**
 * Reads addresses and ranges; IPv4 mapped into IPv6 counts as IPv4.
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
  for (const rule of rules)
    if (!add(list, rule)) throw usageError(`${option} takes ${RIGHT}, not ${quote(rule)}`);
  return (address) => {
    const plain = unmapAddress(address);
    return list.check(plain, isIP(plain) === 4 ? "ipv4" : "ipv6");
  };
}

/** Returns whether it is an address or a range. */
function add(list: BlockList, rule: string): boolean {
  const [, written = "", prefix] = /^([\da-f:.]+)(?:\/(0|[1-9]\d{0,2}))?$/i.exec(rule) ?? [];
  const address = unmapAddress(written);
  const version = isIP(address);
  const bits = version === 4 ? 32 : 128;
  const mappedBits = address === written ? 0 : 96;
  const ownBits = prefix === undefined ? bits : Number(prefix) - mappedBits;
  const isRight = version > 0 && ownBits >= 0 && ownBits <= bits;
  if (isRight) list.addSubnet(address, ownBits, version === 4 ? "ipv4" : "ipv6");
  return isRight;
}
