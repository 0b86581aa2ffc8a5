/** Who may connect, by address: rules, and how many of one. */

import { describe, expect, test } from "bun:test";

import { addressList } from "../../lib/doors/address-list.ts";
import { addresses } from "../../lib/doors/addresses.ts";
import { endAfterEach, Peer, testBeside } from "../harness.ts";
import { forSeeds } from "../harness/seeds.ts";
import type { Random } from "../simulation/random.ts";
import { openDoors } from "./open-doors.ts";
import { openServer } from "./open-server.ts";

endAfterEach();

describe("an address or a range", () => {
  test("names what shares its prefix, bit by bit", () => {
    forSeeds(1000, (random) => {
      const bits = random.pick([32, 128]);
      const rule = Array.from({ length: bits }, () => random.below(2));
      const prefix = random.below(bits + 1);
      const asked = rule.map((bit, at) => (at < prefix || random.chance(500) ? bit : 1 - bit));
      const wrong = random.below(bits);
      if (random.chance(500)) asked[wrong] = 1 - (asked[wrong] ?? 0);
      const isNamed = rule.slice(0, prefix).every((bit, at) => bit === asked[at]);
      const [text, address] = [`${addressOf(random, rule)}/${prefix}`, addressOf(random, asked)];
      expect([text, address, addressList("--deny", [text])(address)]).toEqual([
        ...[text, address, isNamed],
      ]);
    });
  });

  test("may be several, or one address, or IPv4 as it is mapped into IPv6", () => {
    const isNamed = addressList("--allow", ["192.0.2.1", "2001:db8::/32", "::ffff:10.0.0.0/104"]);
    for (const address of ["192.0.2.1", "::ffff:192.0.2.1", "2001:DB8::7", "10.1.2.3"])
      expect([address, isNamed(address)]).toEqual([address, true]);
    for (const address of ["192.0.2.2", "2001:db9::", "11.0.0.0", "::192.0.2.1", ""])
      expect([address, isNamed(address)]).toEqual([address, false]);
    expect(addressList("--allow", ["0.0.0.0/0"])("203.0.113.9")).toBe(true);
  });

  test("of IPv6 means no IPv4, unless it is IPv4 that is mapped into IPv6", () => {
    const four = ["203.0.113.9", "::ffff:203.0.113.9", "::FFFF:CB00:7109"];
    const six = ["::1", "2001:db8::1", "fe80::1%lo", "::203.0.113.9"];
    const namedBy = (rule: string, addresses: string[]) =>
      new Set(addresses.map(addressList("--deny", [rule])));
    for (const rule of ["::/0", "::/1", "::/80", "::ffff:0:0/95"])
      expect([rule, namedBy(rule, four)]).toEqual([rule, new Set([false])]);
    expect(namedBy("::/0", six)).toEqual(new Set([true]));
    for (const rule of ["0.0.0.0/0", "::ffff:0:0/96", "::ffff:203.0.113.0/120", "::ffff:cb00:7109"])
      expect([rule, namedBy(rule, four), namedBy(rule, six)]).toEqual([
        ...[rule, new Set([true]), new Set([false])],
      ]);
  });

  test("is nothing else", () => {
    const four = ["", "10", "10.0.0", "10.0.0.256", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08"];
    const others = ["10.0.0.0/-1", "10.0.0.0/8/8", " 10.0.0.1", "host", "::1/129", "fe80::1%eth0"];
    for (const wrong of [...four, ...others])
      expect(() => addressList("--allow", [wrong])).toThrow(
        `--allow takes an address or a range like 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32, not "${wrong}"`,
      );
  });
});

describe("addresses", () => {
  test("are let in that an allow names, if there is one, and none that a deny names", () => {
    const settings = { allow: ["10.0.0.0/8"], deny: ["10.1.0.0/16"] };
    const { accept, events } = openDoors([addresses(settings).door]);
    for (const address of ["10.2.3.4", "::ffff:10.1.2.3", "192.0.2.1"]) accept(address);
    expect(events).toEqual([
      "joined 10.2.3.4:1",
      "refused 10.1.2.3:2: not allowed from 10.1.2.3",
      "refused 192.0.2.1:3: not allowed from 192.0.2.1",
    ]);
  });

  test("there are none on a Unix socket, where all may come", () => {
    const settings = { allow: ["10.0.0.1"], clientsPerAddressMax: 1 };
    const { accept, events } = openDoors([addresses(settings).door], { kind: "unix" });
    accept();
    accept();
    expect(events).toEqual(["joined unix:1", "joined unix:2"]);
  });
});

describe("refused", () => {
  testBeside("one that sends without pause reads why, with its IPv4 address", async () => {
    const { port, happened } = await openServer({ host: "::", deny: ["127.0.0.1"] });
    for (let n = 0; n < 3; n++) {
      const client = await Peer.connect(port);
      void client.sayAll(Buffer.alloc(16 << 20, "0123456789abcde\n"));
      expect(await client.hearsAll()).toBe("* not allowed from 127.0.0.1\n");
      await happened(`refused ${client.name}: not allowed from 127.0.0.1`);
      client.reset();
    }
  });

  testBeside("they linger, and a member that leaves makes room for the next at once", async () => {
    const { port, join, happened } = await openServer({ clientsPerAddressMax: 1 });
    for (let turn = 0; turn < 10; turn++) {
      const member = await join();
      const refused = await Peer.connect(port);
      await refused.endOfInput();
      member.end();
      const next = await join();
      for (const one of [next, refused]) await one.end();
      await happened(new RegExp(`^left ${next.name}`));
    }
  });
});

/** Bits as an IPv4 or IPv6 address. */
function addressOf(random: Random, bits: readonly number[]): string {
  const groupBits = bits.length === 32 ? 8 : 16;
  const numbers = Array.from({ length: bits.length / groupBits }, (_, at) =>
    Number.parseInt(bits.slice(at * groupBits, (at + 1) * groupBits).join(""), 2),
  );
  if (groupBits === 8) return numbers.join(".");
  const address = numbers.map((number) => number.toString(16)).join(":");
  return random.chance(500) ? address : address.toUpperCase();
}
