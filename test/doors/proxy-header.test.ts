import { describe, expect, test } from "bun:test";

import { readProxyHeader } from "../../lib/doors/proxy-protocol.ts";
import { forSeeds } from "../harness/seeds.ts";

const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";
const TCP4 = "PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\r\n";
const SOURCE4 = [192, 0, 2, 7, 10, 0, 0, 1, 0xdc, 0x04, 1, 187];
const SOURCE6 = [...Buffer.from("20010db8000000000000000000000007", "hex"), ...Buffer.alloc(16)];
const MAPPED = [...Buffer.from("00000000000000000000ffffc0000207", "hex"), ...Buffer.alloc(16)];
const PORTS = [0xdc, 0x04, 1, 187];
/** An SSL TLV and one that nobody knows. */
const TLVS = [0x20, 0, 5, 1, 0, 0, 0, 0, 0xe0, 0, 3, 97, 98, 99];

const binary = (command: number, family: number, rest: readonly number[]) =>
  Buffer.from([
    ...Buffer.from(SIGNATURE, "latin1"),
    command,
    family,
    rest.length >> 8,
    rest.length & 255,
    ...rest,
  ]);
const read = (header: string | Uint8Array) =>
  readProxyHeader(Buffer.from(header as string, "latin1"));
const client = { address: "192.0.2.7", port: 56_324 };
const client6 = { address: "2001:db8::7", port: 56_324 };

const GOOD: [name: string, header: string | Uint8Array, client: unknown][] = [
  ["TCP4", TCP4, client],
  ["TCP6", "PROXY TCP6 2001:DB8:0:0:0::7 ::1 56324 443\r\n", client6],
  ["TCP6 with an IPv4 address", "PROXY TCP6 ::ffff:192.0.2.7 ::1 56324 443\r\n", client],
  ["TCP6 with one in hexadecimal", "PROXY TCP6 ::ffff:c000:207 ::1 56324 443\r\n", client],
  ["UNKNOWN", "PROXY UNKNOWN\r\n", undefined],
  ["UNKNOWN with anything", "PROXY UNKNOWN ffff::1 what ever\r\n", undefined],
  ["v2, TCP over IPv4", binary(0x21, 0x11, SOURCE4), client],
  ["v2, TCP over IPv6", binary(0x21, 0x21, [...SOURCE6, ...PORTS]), client6],
  ["v2, IPv4 in IPv6", binary(0x21, 0x21, [...MAPPED, ...PORTS]), client],
  ["v2 with TLVs", binary(0x21, 0x11, [...SOURCE4, ...TLVS]), client],
  ["v2, LOCAL", binary(0x20, 0x00, []), undefined],
  ["v2, LOCAL, with an address", binary(0x20, 0x11, SOURCE4), undefined],
  ["v2, LOCAL, of a family that nobody knows", binary(0x20, 0x77, SOURCE4), undefined],
  ["v2, unspecified", binary(0x21, 0x00, []), undefined],
  ["v2, unspecified, of a stream", binary(0x21, 0x01, []), undefined],
  ["v2, a Unix socket", binary(0x21, 0x31, Array(216).fill(65)), undefined],
  ["v2, UDP", binary(0x21, 0x12, SOURCE4), undefined],
  ["v2, as long as it may be", binary(0x21, 0x11, [...SOURCE4, ...Array(4068).fill(0)]), client],
];

const MALFORMED: [name: string, header: string | Uint8Array][] = [
  ["a port too high", "PROXY TCP4 192.0.2.7 10.0.0.1 65536 443\r\n"],
  ["a port with a zero in front", "PROXY TCP4 192.0.2.7 10.0.0.1 056 443\r\n"],
  ["the other family", "PROXY TCP4 ::1 ::1 56324 443\r\n"],
  ["an address with an interface", "PROXY TCP6 fe80::1%eth0 ::1 56324 443\r\n"],
  ["no address", "PROXY TCP4 192.0.2.7 443\r\n"],
  ["two spaces", "PROXY  TCP4 192.0.2.7 10.0.0.1 56324 443\r\n"],
  ["LF alone", "PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\n"],
  ["UNKNOWN and more", "PROXY UNKNOWNS\r\n"],
  ["no end", `PROXY TCP4 ${"1".repeat(200)}`],
  ["an end that comes late", `PROXY UNKNOWN ${"1".repeat(92)}\r\n`],
  ["v2, another version", binary(0x31, 0x11, SOURCE4)],
  ["v2, another command", binary(0x22, 0x11, SOURCE4)],
  ["v2, another family", binary(0x21, 0x41, SOURCE4)],
  ["v2, another transport", binary(0x21, 0x13, SOURCE4)],
  ["v2, half an address", binary(0x21, 0x21, SOURCE4)],
  ["v2, too long", binary(0x21, 0x11, [...SOURCE4, ...Array(4069).fill(0)])],
];

describe("a PROXY header", () => {
  for (const [name, header, expected] of GOOD)
    test(`${name}, wherever it is cut`, () => {
      const bytes = Buffer.from(header as string, "latin1");
      for (let end = 1; end < bytes.length; end++)
        expect(read(bytes.subarray(0, end))).toBeUndefined();
      const said = Buffer.concat([bytes, Buffer.from("PROXY more\n")]);
      expect(read(said)).toEqual({ bytes: bytes.length, client: expected as typeof client });
    });

  for (const [name, header] of MALFORMED)
    test(`malformed: ${name}`, () => expect(read(header)).toBe("malformed PROXY header"));

  test("none: known as soon as it can be", () => {
    for (const said of ["x", "PROX ", "PROXy ", "\r\n\r\n\n", "hello\n", "\x16\x03\x01"])
      expect(read(said)).toBe("no PROXY header");
  });

  test("of random bytes behind any beginning never takes more than 4 KiB, and never fails otherwise", () => {
    forSeeds(1000, (random) => {
      const [, header] = random.pick(GOOD);
      const start = Buffer.from(header as string, "latin1");
      const noise = Buffer.from(
        Array.from({ length: random.below(5000) }, () => random.below(256)),
      );
      const said = Buffer.concat([start.subarray(0, random.below(start.length)), noise]);
      const found = read(said);
      if (found === undefined) expect(said.length).toBeLessThan(4096);
      else if (typeof found === "string") expect(found).toMatch(/(no|malformed) PROXY header/);
      else expect(found.bytes).toBeLessThanOrEqual(4096);
    });
  });
});
