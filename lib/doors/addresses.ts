/** Who may connect, by address, and how many from one address. */

import { BlockList, isIP } from "node:net";

import { unmapAddress } from "../program/address.ts";

/** An address, or all that share a prefix with it; as `BlockList.addSubnet` takes it. */
export interface AddressRule {
  readonly address: string;
  /** How many bits, from the first on, an address has to share. */
  readonly prefix: number;
  readonly family: "ipv4" | "ipv6";
}

/** Reads `192.0.2.1`, `10.0.0.0/8` or `2001:db8::/32`; IPv4 mapped into IPv6 counts as IPv4. */
export function parseAddressRule(text: string): AddressRule | undefined {
  const [written = "", prefixText, ...rest] = text.split("/");
  const address = unmapAddress(written);
  const version = isIP(address);
  if (version === 0 || rest.length > 0 || address.includes("%")) return undefined;
  const bits = version === 4 ? 32 : 128;
  const mappedBits = address === written ? 0 : 96;
  if (prefixText !== undefined && !/^(0|[1-9]\d{0,2})$/.test(prefixText)) return undefined;
  const prefix = prefixText === undefined ? bits : Number(prefixText) - mappedBits;
  if (prefix < 0 || prefix > bits) return undefined;
  return { address, prefix, family: version === 4 ? "ipv4" : "ipv6" };
}

/** Whoever `deny` names is refused; where there is an `allow`, so is whoever it does not name. */
export class AddressRules {
  readonly #allow: BlockList | undefined;
  readonly #deny: BlockList;

  constructor(allow: readonly AddressRule[], deny: readonly AddressRule[]) {
    this.#allow = allow.length > 0 ? listOf(allow) : undefined;
    this.#deny = listOf(deny);
  }

  /** Whether a numeric address, as a socket gives it, may connect. */
  admits(address: string): boolean {
    const plain = unmapAddress(address);
    const family = isIP(plain) === 4 ? "ipv4" : "ipv6";
    if (this.#deny.check(plain, family)) return false;
    return this.#allow?.check(plain, family) ?? true;
  }
}

/** How many open sockets each address has. */
export class AddressCounts<Socket> {
  readonly #max: number;
  readonly #counts = new Map<string, number>();
  readonly #addresses = new Map<Socket, string>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Counts a socket until `remove`; returns whether its address has no more than it may. */
  add(socket: Socket, address: string): boolean {
    const count = (this.#counts.get(address) ?? 0) + 1;
    this.#counts.set(address, count);
    this.#addresses.set(socket, address);
    return count <= this.#max;
  }

  /** A socket is closed. */
  remove(socket: Socket): void {
    const address = this.#addresses.get(socket);
    if (address === undefined) return;
    this.#addresses.delete(socket);
    const count = (this.#counts.get(address) ?? 0) - 1;
    if (count > 0) this.#counts.set(address, count);
    else this.#counts.delete(address);
  }
}

function listOf(rules: readonly AddressRule[]): BlockList {
  const list = new BlockList();
  for (const { address, prefix, family } of rules) list.addSubnet(address, prefix, family);
  return list;
}
