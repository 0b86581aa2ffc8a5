import { describe, expect, test } from "bun:test";

import { AddressCounts, AddressRules, parseAddressRule } from "../../lib/server/access.ts";
import { endAfterEach, Peer, ServerProgram } from "../harness.ts";

endAfterEach();

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
});

test("each address has so many connections, and a place again when one has gone", () => {
  const counts = new AddressCounts<number>(2);
  expect([counts.add(1, "a"), counts.add(2, "a"), counts.add(3, "b")]).toEqual([true, true, true]);
  // One too many counts as well, until it is closed.
  expect(counts.add(4, "a")).toBe(false);
  counts.remove(1);
  expect(counts.add(5, "a")).toBe(false);
  for (const socket of [4, 5, 5, 6]) counts.remove(socket);
  expect(counts.add(7, "a")).toBe(true);
});

describe("at the door", () => {
  test("--allow lets in only whom it names, and --deny wins; refusals are logged once a second at most", async () => {
    const server = await ServerProgram.start("--allow", "127.0.0.0/30", "--deny", "127.0.0.3");
    const since = performance.now();
    for (let n = 0; n < 20; n++)
      for (const from of ["127.0.0.3", "127.0.0.4"]) {
        const peer = await Peer.connect(server.port, { from }).catch(() => undefined);
        await peer?.endOfInput();
        await peer?.end();
      }
    const [ann, bob] = [await server.join(), await server.join({ from: "127.0.0.2" })];
    ann.say("hello\n");
    await bob.hears("hello\n");
    const seconds = 1 + Math.floor((performance.now() - since) / 1000);
    for (const from of ["127.0.0.3", "127.0.0.4"]) {
      const refused = new RegExp(`refused ${from}:\\d+: not allowed`);
      expect(server.count(refused)).toBeWithin(1, seconds + 1);
      expect(server.stderr).not.toContain(`joined ${from}`);
    }
  });

  test("one address has so many clients, and a place again when one has left", async () => {
    const server = await ServerProgram.start("--max-clients-per-address", "2");
    const [ann] = [await server.join(), await server.join()];
    const third = await Peer.connect(server.port).catch(() => undefined);
    await third?.endOfInput();
    await third?.end();
    await server.logged(/refused \S+: too many connections from 127\.0\.0\.1 \(2 here\)/);
    await server.join({ from: "127.0.0.2" });
    ann.endInput();
    await server.logged(`left ${ann.name}: end of input`);
    await ann.closed();
    await server.join();
    await server.members(3);
  });
});
