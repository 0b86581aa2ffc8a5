import { describe, expect, test } from "bun:test";

import { AddressCounts, AddressRules, OncePerSecond, parseAddressRule } from "../lib/server/access.ts";
import { Random } from "./simulation/random.ts";

const rule = (text: string) => {
  const parsed = parseAddressRule(text);
  if (parsed === undefined) throw new Error(`${text} is no rule`);
  return parsed;
};

describe("an address rule", () => {
  test("is an address or a range", () => {
    expect(rule("192.0.2.1")).toEqual({ address: "192.0.2.1", prefix: 32, family: "ipv4" });
    expect(rule("10.0.0.0/8")).toEqual({ address: "10.0.0.0", prefix: 8, family: "ipv4" });
    expect(rule("2001:db8::/32")).toEqual({ address: "2001:db8::", prefix: 32, family: "ipv6" });
    expect(rule("::ffff:10.0.0.0/104")).toEqual({ address: "10.0.0.0", prefix: 8, family: "ipv4" });
    expect(rule("0.0.0.0/0").prefix).toBe(0);
  });

  test("is nothing else", () => {
    for (const wrong of [
      "",
      "10",
      "10.0.0",
      "10.0.0.256",
      "10.0.0.0/33",
      "10.0.0.0/",
      "10.0.0.0/08",
      "10.0.0.0/-1",
    ])
      expect(parseAddressRule(wrong)).toBeUndefined();
    for (const wrong of [
      "::1/129",
      "fe80::1%eth0",
      "host",
      "10.0.0.0/8/8",
      "::ffff:10.0.0.0/95",
      " 10.0.0.1",
    ])
      expect(parseAddressRule(wrong)).toBeUndefined();
  });
});

describe("rules", () => {
  test("let in anybody where there are none", () => {
    expect(new AddressRules([], []).admits("203.0.113.9")).toBe(true);
  });

  test("let in only whom an allow names, and never whom a deny names", () => {
    const rules = new AddressRules([rule("10.0.0.0/8")], [rule("10.1.0.0/16")]);
    expect(["10.2.3.4", "10.1.2.3", "192.0.2.1"].map((one) => rules.admits(one))).toEqual([
      true,
      false,
      false,
    ]);
  });

  test("take IPv4 in disguise for IPv4", () => {
    const rules = new AddressRules([], [rule("10.0.0.0/8")]);
    expect(rules.admits("::ffff:10.1.2.3")).toBe(false);
    expect(rules.admits("::ffff:11.1.2.3")).toBe(true);
  });

  test("agree with a slow reference that compares bit by bit", () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const random = new Random(seed);
    const pick = (limit: number) => random.below(limit);
    for (let round = 0; round < 2000; round++) {
      const v6 = random.chance(500);
      const bits = v6 ? 128 : 32;
      const base = Array.from({ length: bits }, () => pick(2));
      // Most probes share a long beginning with the rule.
      const flip = pick(bits + 1);
      const probe = base.map((bit, at) => (at === flip ? 1 - bit : at > flip ? pick(2) : bit));
      const prefix = pick(bits + 1);
      const matches = probe.slice(0, prefix).join("") === base.slice(0, prefix).join("");
      const text = `${format(base)}/${prefix}`;
      const denied = !new AddressRules([], [rule(text)]).admits(format(probe));
      const allowed = new AddressRules([rule(text)], []).admits(format(probe));
      expect({ seed, round, text, probe: format(probe), denied, allowed }).toEqual({
        seed,
        round,
        text,
        probe: format(probe),
        denied: matches,
        allowed: matches,
      });
    }
  });
});

test("each address has so many connections, and a place again when one has gone", () => {
  const counts = new AddressCounts(2);
  expect([counts.add("a"), counts.add("a"), counts.add("a"), counts.add("b")]).toEqual([
    true,
    true,
    false,
    true,
  ]);
  counts.remove("a");
  expect([counts.add("a"), counts.add("a")]).toEqual([true, false]);
});

test("the same name passes once a second, others at once", () => {
  const once = new OncePerSecond();
  expect([once.admits("a", 5000), once.admits("a", 5500), once.admits("b", 5500)]).toEqual([
    true,
    false,
    true,
  ]);
  expect([once.admits("a", 6000), once.admits("a", 6100)]).toEqual([true, false]);
});

/** 32 or 128 bits as an address. */
function format(bits: number[]): string {
  const group = bits.length === 32 ? 8 : 16;
  const parts = Array.from({ length: bits.length / group }, (_, at) =>
    Number.parseInt(bits.slice(at * group, (at + 1) * group).join(""), 2),
  );
  return group === 8 ? parts.join(".") : parts.map((part) => part.toString(16)).join(":");
}
