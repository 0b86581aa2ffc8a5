import { describe, expect, test } from "bun:test";

import { addressList } from "../../lib/doors/address-list.ts";
import { addresses } from "../../lib/doors/addresses.ts";
import type { Door } from "../../lib/doors/door.ts";
import {
  endAfterEach,
  limitFiles,
  Peer,
  serverCommand,
  ServerProgram,
  testBeside,
} from "../harness.ts";
import { forSeeds } from "../harness/seeds.ts";
import { besideWith } from "../harness/tools.ts";
import type { Random } from "../simulation/random.ts";
import { openDoors } from "./open-doors.ts";
import { key, openServer, pem, trusting } from "./open-server.ts";

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
    const [four, six] = [
      ["203.0.113.9", "::ffff:203.0.113.9", "::FFFF:CB00:7109"],
      ["::1", "2001:db8::1", "fe80::1%lo", "::203.0.113.9"],
    ];
    for (const rule of ["::/0", "::/1", "::/80", "::ffff:0:0/95"]) {
      const isNamed = addressList("--deny", [rule]);
      expect([rule, ...four.map(isNamed)]).toEqual([rule, false, false, false]);
    }
    expect(six.map(addressList("--deny", ["::/0"]))).toEqual(six.map(() => true));
    for (const rule of [
      "0.0.0.0/0",
      "::ffff:0:0/96",
      "::ffff:203.0.113.0/120",
      "::ffff:cb00:7109",
    ]) {
      const isNamed = addressList("--deny", [rule]);
      expect([rule, ...four.map(isNamed)]).toEqual([rule, true, true, true]);
      expect(six.map(isNamed)).toEqual(six.map(() => false));
    }
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

  test("have so many clients each, whatever is said of them as IPv6, and one again when one has gone", () => {
    const limits = addresses({ clientsPerAddressMax: 2 });
    const { accept, close, pass, events } = openDoors([limits.door], { clientsMax: 4 });
    const [first] = [accept("10.0.0.1"), accept("::ffff:10.0.0.1"), accept("10.0.0.2")];
    const third = accept("10.0.0.1");
    pass(0);
    expect(third.received).toBe("* too many connections from 10.0.0.1\n");
    close(first);
    const [fourth, fifth] = [accept("10.0.0.1"), accept("10.0.0.1")];
    pass(0);
    expect([fourth.ended, fifth.ended]).toEqual([false, true]);
    expect(events.filter((event) => /refused.*too many/.test(event))).toHaveLength(2);
  });

  test("count a client from when it comes until it needs its seat no more", () => {
    const held: Door = {
      meet(arrival) {
        const read = ({ length }: Buffer) => length > 0 && arrival.pass(length);
        arrival.hold({ withinMs: 1000, read, late: () => arrival.refuse("late") });
      },
    };
    const { accept, pass } = openDoors([addresses({ clientsPerAddressMax: 2 }).door, held]);
    const isRefused = () => {
      const client = accept();
      pass(0);
      return client.received.includes("too many");
    };
    const [slow, other] = [accept(), accept()];
    expect(isRefused()).toBe(true);
    for (const client of [slow, other]) client.sends("in");
    slow.room = 0;
    other.sends("hello\n");
    pass(0);
    slow.data.ended();
    pass(0);
    expect(isRefused()).toBe(true);
    slow.drains(100);
    pass(0);
    expect([slow.received, slow.closed, isRefused()]).toEqual(["hello\n", false, false]);
  });

  test("that are not allowed are told so, also when they come too often", () => {
    const settings = { deny: ["10.0.0.1"], clientsPerAddressMax: 1 };
    const { accept } = openDoors([addresses(settings).door]);
    for (const { received } of [accept(), accept()])
      expect(received).toBe("* not allowed from 10.0.0.1\n");
  });

  test("there are none on a Unix socket, where all may come", () => {
    const settings = { allow: ["10.0.0.1"], clientsPerAddressMax: 1 };
    const { accept, events } = openDoors([addresses(settings).door], { kind: "unix" });
    accept();
    accept();
    expect(events).toEqual(["joined unix:1", "joined unix:2"]);
  });

  test("have one client at least", () => {
    expect(() => addresses({ clientsPerAddressMax: 0 })).toThrow(
      "clientsPerAddressMax is a whole number from 1 on, not 0",
    );
  });
});

describe("refused", () => {
  testBeside(
    "one reads why although it sends without pause, and the address is the IPv4 one",
    async () => {
      const { port, happened } = await openServer({ host: "::", deny: ["127.0.0.1"] });
      for (let n = 0; n < 3; n++) {
        const client = await Peer.connect(port);
        void client.sayAll(Buffer.alloc(16 << 20, "0123456789abcde\n"));
        expect(await client.hearsAll()).toBe("* not allowed from 127.0.0.1\n");
        await happened(`refused ${client.name}: not allowed from 127.0.0.1`);
        client.reset();
      }
    },
  );

  testBeside("they linger, and one that leaves makes room for the next at once", async () => {
    for (const limit of ["clientsPerAddressMax", "clientsMax"]) {
      const { port, join, happened } = await openServer({ [limit]: 1 });
      for (let turn = 0; turn < 10; turn++) {
        const member = await join();
        const refused = await Peer.connect(port);
        await refused.endOfInput();
        member.end();
        const next = await join();
        for (const one of [next, refused]) await one.end();
        await happened(new RegExp(`^left ${next.name}`));
      }
    }
  });

  for (const [what, limit, isTls, why] of [
    ["of an address that is not allowed", ["--deny", "127.0.0.2"], false, "not allowed from"],
    ["of one address", ["--max-clients-per-address", "1"], false, "too many connections from"],
    ["that do not even shake hands", ["--deny", "127.0.0.2"], true, "not allowed from"],
  ] as const)
    (isTls ? besideWith("openssl") : testBeside)(
      `many ${what}, which stay, never reach the file limit and disturb nobody`,
      async () => {
        const options = isTls ? ["--tls-cert", pem("server"), "--tls-key", key("server")] : [];
        const command = serverCommand("--host", "127.0.0.1", "--max-clients", "20", ...limit);
        const server = await ServerProgram.run(limitFiles(64, [...command, ...options, "0"]));
        const tls = isTls ? { tls: trusting() } : {};
        let last = 10;
        const enter = () => server.join({ from: `127.0.0.${last++}`, ...tls });
        const [ann, bob] = [await enter(), await enter()];
        const connect = () => Peer.connect(server.port, { from: "127.0.0.2" });
        await Promise.allSettled(Array.from({ length: 300 }, connect));
        const late = await Peer.connect(server.port, { from: "127.0.0.2", ...tls });
        expect(await late.hearsAll()).toBe(`* ${why} 127.0.0.2\n`);
        const beforeMs = server.processorMs;
        await Bun.sleep(300);
        expect(server.processorMs - beforeMs).toBeLessThan(200);
        ann.say("undisturbed\n");
        await bob.hears("undisturbed\n");
        // They have taken no seat.
        for (let here = limit[0] === "--deny" ? 2 : 3; here < 20; here++) await enter();
        await server.members(20);
      },
    );
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
