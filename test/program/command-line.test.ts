import { expect, test } from "bun:test";

import { parsePort } from "../../lib/program/command-line.ts";
import { formatAddress, splitAddress } from "../../lib/program/network.ts";
import { fileMode } from "../../lib/program/option-values.ts";
import { quote } from "../../lib/program/system-errors.ts";
import { formatSize, formatTime, parseSize, parseTimeMs } from "../../lib/program/units.ts";

test("sizes take K, M and G as powers of 1024, in either case, and are shown so", () => {
  const sizes = { "0": 0, "1000": 1000, "1K": 1024, "64K": 65_536, "8M": 8 << 20, "2G": 2 ** 31 };
  for (const [text, bytes] of Object.entries(sizes))
    expect([parseSize(text), parseSize(text.toLowerCase()), formatSize(bytes)]).toEqual([
      ...[bytes, bytes, text],
    ]);
  for (const wrong of ["", "K", "-1", "1.5M", "8MB", "0x10", " 1", "1 K", "١", "9".repeat(16)])
    expect(parseSize(wrong)).toBeUndefined();
});

test("times take ms, s, m and h, a bare number being seconds, and are shown so", () => {
  const times = { "0ms": 0, "1500ms": 1500, "10s": 10_000, "5m": 300_000, "2h": 7_200_000 };
  for (const [text, ms] of Object.entries(times))
    expect([parseTimeMs(text), formatTime(ms)]).toEqual([ms, text]);
  expect(["0", "10", "1.5s"].map(parseTimeMs)).toEqual([0, 10_000, 1500]);
  for (const wrong of ["", "s", "-1s", "10 s", "1d", "1h30m", ".5s", "1.s", "Infinity", "1e3"])
    expect(parseTimeMs(wrong)).toBeUndefined();
});

test("a port is a whole number in the range, else a message says so", () => {
  expect([parsePort("0"), parsePort("65535")]).toEqual([0, 65_535]);
  for (const wrong of ["", "-1", "65536", "http", "80.5", "0x50", "99999999999999999999"])
    expect(() => parsePort(wrong)).toThrow(`not ${quote(wrong)}`);
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
    ["[fe80::1%eth0]:1", "fe80::1%eth0", "1"],
    ["localhost", "localhost", undefined],
    ["[::1]", "::1", undefined],
    ["fe80::1%eth0", "fe80::1%eth0", undefined],
    [":80", "", "80"],
    ["localhost:", "localhost", ""],
    ["", "", undefined],
    ["[::1", "[::1", undefined],
    ["a:b:c", "a:b:c", undefined],
  ] as const)
    expect(splitAddress(text)).toEqual({ host, port });
});

test("a mode is written with or without the 0 of C", () => {
  const { parse } = fileMode("");
  const read = (text: string) => parse(text, undefined);
  expect(["660", "0660", "000"].map(read)).toEqual([0o660, 0o660, 0]);
  for (const wrong of ["", "66", "6600", "00660", "0x660", "668", "rw", "u+rw", "-660"])
    expect(read(wrong)).toBeUndefined();
});
