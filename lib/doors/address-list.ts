/** Addresses and ranges of them, as a user names them: `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`. */

import { BlockList, isIP } from "node:net";

import { quote } from "../program/quote.ts";
import { usageError } from "../program/system-errors.ts";

const RIGHT = "an address or a range like 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32";

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
  for (const rule of rules)
    if (!add(list, rule)) throw usageError(`${option} takes ${RIGHT}, not ${quote(rule)}`);
  return (address) => list.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");
}

/** Returns whether it is an address or a range. */
function add(list: BlockList, rule: string): boolean {
  const [, address = "", prefix] = /^([\da-f:.]+)(?:\/(0|[1-9]\d{0,2}))?$/i.exec(rule) ?? [];
  const version = isIP(address);
  const bitsMax = version === 4 ? 32 : 128;
  const bits = prefix === undefined ? bitsMax : Number(prefix);
  const isRight = version > 0 && bits <= bitsMax;
  if (isRight) list.addSubnet(address, bits, version === 4 ? "ipv4" : "ipv6");
  return isRight;
}
