/** Who may connect, by address, and how many from one address. */

import { BlockList, isIP } from "node:net";

import { unmapAddress } from "./program/address.ts";

/** An address, or all that share a prefix with it; as `BlockList.addSubnet` takes it. */
export interface AddressRule {
  readonly address: string;
  readonly prefix: number;
  readonly family: "ipv4" | "ipv6";
}

/**
 * Reads `192.0.2.1`, `10.0.0.0/8` or `2001:db8::/32`. IPv4 addresses mapped into
 * IPv6 count as IPv4.
 *
 * @returns undefined unless it is one
 */
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

/** Rules on addresses: whoever a `deny` names is out; where there is an `allow`, so is whoever none names. */
export class AddressRules {
  readonly #allow: BlockList | undefined;
  readonly #deny: BlockList;

  constructor(allow: readonly AddressRule[], deny: readonly AddressRule[]) {
    this.#allow = allow.length > 0 ? listOf(allow) : undefined;
    this.#deny = listOf(deny);
  }

  /** @param address a numeric address, as a socket gives it */
  admits(address: string): boolean {
    const plain = unmapAddress(address);
    const family = isIP(plain) === 4 ? "ipv4" : "ipv6";
    if (this.#deny.check(plain, family)) return false;
    return this.#allow?.check(plain, family) ?? true;
  }
}

/** How many connections each address has, up to a limit. */
export class AddressCounts {
  readonly #max: number;
  readonly #counts = new Map<string, number>();

  /** @param max the most connections of one address */
  constructor(max: number) {
    this.#max = max;
  }

  /** Counts one more, unless the address has as many as it may; returns whether it did. */
  add(address: string): boolean {
    const count = this.#counts.get(address) ?? 0;
    if (count >= this.#max) return false;
    this.#counts.set(address, count + 1);
    return true;
  }

  /** Counts one less. */
  remove(address: string): void {
    const count = this.#counts.get(address) ?? 0;
    if (count > 1) this.#counts.set(address, count - 1);
    else this.#counts.delete(address);
  }
}

/** Lets each name through once a second, so that a flood of the same cannot flood the log. */
export class OncePerSecond {
  readonly #seen = new Set<string>();
  #secondMs = 0;

  /** @param nowMs the time, in ms */
  admits(name: string, nowMs: number): boolean {
    if (nowMs - this.#secondMs >= 1000 || this.#seen.size >= 1000) {
      this.#secondMs = nowMs;
      this.#seen.clear();
    }
    return !this.#seen.has(name) && this.#seen.add(name).has(name);
  }
}

function listOf(rules: readonly AddressRule[]): BlockList {
  const list = new BlockList();
  for (const { address, prefix, family } of rules) list.addSubnet(address, prefix, family);
  return list;
}
