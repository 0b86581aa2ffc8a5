import { describe, expect, test } from "bun:test";

import { formatAddress, splitAddress } from "../../lib/program/address.ts";
import { parsePort } from "../../lib/program/command-line.ts";
import { fileMode } from "../../lib/program/option-values.ts";
import { quote } from "../../lib/program/quote.ts";
import { similar } from "../../lib/program/suggestions.ts";
import { formatSize, formatTime, parseSize, parseTimeMs } from "../../lib/program/units.ts";

describe("sizes", () => {
  test("take K, M and G as powers of 1024, in either case", () => {
    expect(["0", "512", "64K", "64k", "8M", "2G"].map(parseSize)).toEqual([
      0, 512, 65_536, 65_536, 8_388_608, 2_147_483_648,
    ]);
  });

  test("are nothing else", () => {
    for (const wrong of [
      "",
      "K",
      "-1",
      "1.5M",
      "8MB",
      "0x10",
      "1e3",
      " 1",
      "1 K",
      "١",
      "9".repeat(16),
    ])
      expect(parseSize(wrong)).toBeUndefined();
  });

  test("are shown as they are written", () => {
    expect([0, 1000, 1024, 65_536, 8 << 20, 2 ** 31].map(formatSize)).toEqual([
      "0",
      "1000",
      "1K",
      "64K",
      "8M",
      "2G",
    ]);
  });
});

describe("times", () => {
  test("take ms, s, m and h; a bare number is seconds", () => {
    expect(["0", "10", "500ms", "10s", "1.5s", "5m", "2h"].map(parseTimeMs)).toEqual([
      0, 10_000, 500, 10_000, 1_500, 300_000, 7_200_000,
    ]);
  });

  test("are nothing else", () => {
    for (const wrong of ["", "s", "-1s", "10 s", "1d", "1h30m", ".5s", "1.s", "Infinity", "1e3"])
      expect(parseTimeMs(wrong)).toBeUndefined();
  });
});

test("times are shown as they are written", () => {
  expect([0, 1500, 10_000, 300_000, 7_200_000].map(formatTime)).toEqual([
    "0ms",
    "1500ms",
    "10s",
    "5m",
    "2h",
  ]);
});

test("a port is a whole number in the range, else a message says so", () => {
  expect(parsePort("0", 0)).toBe(0);
  expect(parsePort("65535", 1)).toBe(65_535);
  for (const wrong of ["", "-1", "65536", "http", "80.5", "0x50", "99999999999999999999"])
    expect(() => parsePort(wrong, 0)).toThrow(`not ${quote(wrong)}`);
  expect(() => parsePort("0", 1)).toThrow("<port> is a whole number from 1 to 65535");
});

test("what is quoted stays on one line and short", () => {
  expect(quote('a\n"b"')).toBe('"a\\n\\"b\\""');
  expect(quote("x".repeat(1000)).length).toBeLessThan(70);
});

test("addresses: IPv6 in brackets, IPv4 in disguise as IPv4", () => {
  expect(formatAddress("203.0.113.9", 51234)).toBe("203.0.113.9:51234");
  expect(formatAddress("2001:db8::1", 51234)).toBe("[2001:db8::1]:51234");
  expect(formatAddress("::ffff:203.0.113.9", 80)).toBe("203.0.113.9:80");
  expect(formatAddress("example.org", 80)).toBe("example.org:80");
});

test("an address with its port is taken apart again", () => {
  for (const [text, host, port] of [
    ["localhost:8080", "localhost", "8080"],
    ["[::1]:8080", "::1", "8080"],
    ["[fe80::1%eth0]:1", "fe80::1%eth0", "1"],
    ["localhost", "localhost", undefined],
    ["[::1]", "::1", undefined],
    ["::1", "::1", undefined],
    ["fe80::1%eth0", "fe80::1%eth0", undefined],
    [":80", "", "80"],
    ["localhost:", "localhost", ""],
    ["", "", undefined],
    ["[::1", "[::1", undefined],
    ["a:b:c", "a:b:c", undefined],
  ] as const)
    expect(splitAddress(text)).toEqual({ host, port });
});

test("a mode is written with or without what C or JavaScript put before it", () => {
  const { parse } = fileMode("", undefined);
  const read = (text: string) => parse(text, undefined);
  expect(["660", "0660", "0o660", "000"].map(read)).toEqual([0o660, 0o660, 0o660, 0]);
  for (const wrong of ["", "66", "6600", "00660", "0x660", "668", "rw", "u+rw", "-660"])
    expect(read(wrong)).toBeUndefined();
});

describe("a word that does not exist stands for", () => {
  const names = ["name", "recv-only", "send-only", "tls", "tls-ca", "quiet"];
  test.each([
    ["nmae", ["name"]],
    ["NAME", ["name"]],
    ["nam", ["name"]],
    ["n", ["name"]],
    ["tls", ["tls"]],
    ["tsl", ["tls"]],
    ["tl", ["tls", "tls-ca"]],
    ["only", ["recv-only", "send-only"]],
    ["recv-olny", ["recv-only"]],
    ["recieve", []],
    ["quite", ["quiet"]],
    ["xyz", []],
    ["x", []],
    ["", []],
  ])("%p", (given, meant) => expect(similar(given, names)).toEqual(meant));

  test("nothing, at no cost, when it is very long", () => {
    expect(similar("q".repeat(1_000_000), names)).toEqual([]);
  });
});
