/** Which addresses a rule names; who is refused by rules and counts, the simulator shows. */

import { expect, test } from "bun:test";

import { addressList } from "../../lib/doors/address-list.ts";
import { addresses } from "../../lib/doors/addresses.ts";
import { openDoors } from "./open-doors.ts";

const FOUR = ["203.0.113.9", "::ffff:203.0.113.9", "::FFFF:CB00:7109"];
const SIX = ["::1", "2001:db8::1", "fe80::1%lo", "::203.0.113.9"];

/** Rules, what they name, and what they do not. */
const RULES: [rules: string[], named: string[], others: string[]][] = [
  [
    ["192.0.2.1", "2001:db8::/32"],
    ["192.0.2.1", "2001:DB8::7"],
    ["192.0.2.2", "2001:db9::", ""],
  ],
  [["10.1.2.0/23"], ["10.1.2.0", "10.1.3.255", "::ffff:10.1.3.1"], ["10.1.1.255", "10.1.4.0"]],
  [["192.0.2.128/25"], ["192.0.2.128", "192.0.2.255"], ["192.0.2.127", "192.0.3.128"]],
  [["2001:db8:8000::/33"], ["2001:db8:8000::", "2001:db8:ffff::1"], ["2001:db8:7fff::", "::1"]],
  [["2001:db8::4/127"], ["2001:db8::4", "2001:db8::5"], ["2001:db8::3", "2001:db8::6"]],
  [["::ffff:10.0.0.0/104"], ["10.1.2.3", "::ffff:10.1.2.3"], ["11.0.0.0", "::10.1.2.3"]],
  [["0.0.0.0/0"], FOUR, SIX],
  // A range of IPv6 means no IPv4, unless all of it is mapped into IPv6.
  [["::/0"], SIX, FOUR],
  ...["::/1", "::/80", "::ffff:0:0/95"].map((rule): [string[], [], string[]] => [[rule], [], FOUR]),
  ...["::ffff:0:0/96", "::ffff:203.0.113.0/120", "::ffff:cb00:7109"].map(
    (rule): [string[], string[], string[]] => [[rule], FOUR, SIX],
  ),
];

test.each(RULES)("%j names %j, and not %j", (rules, named, others) => {
  const isNamed = addressList("--allow", rules);
  expect([named.map(isNamed), others.map(isNamed)]).toEqual([
    ...[named.map(() => true), others.map(() => false)],
  ]);
});

test("nothing else is an address or a range", () => {
  const four = ["", "10", "10.0.0", "10.0.0.256", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08"];
  const others = ["10.0.0.0/-1", "10.0.0.0/8/8", " 10.0.0.1", "host", "::1/129", "fe80::1%eth0"];
  for (const wrong of [...four, ...others])
    expect(() => addressList("--allow", [wrong])).toThrow(
      `--allow takes an address or a range like 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32, not "${wrong}"`,
    );
});

test("on a Unix socket there are none, and all may come", () => {
  const settings = { allow: ["10.0.0.1"], clientsPerAddressMax: 1 };
  const { accept, events } = openDoors([addresses(settings).door], { kind: "unix" });
  accept();
  accept();
  expect(events).toEqual(["joined unix:1", "joined unix:2"]);
});
