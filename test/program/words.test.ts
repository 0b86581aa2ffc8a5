/** What a person writes and reads: sizes, times, ports, addresses, and errors in words. */

import { expect, test } from "bun:test";

import { parsePort } from "../../lib/program/command-line.ts";
import { formatAddress, splitAddress } from "../../lib/program/network.ts";
import { fileMode } from "../../lib/program/option-values.ts";
import { explain, failed, quote, usageError, UserError } from "../../lib/program/system-errors.ts";
import { formatSize, formatTime, parseSize, parseTimeMs } from "../../lib/program/units.ts";

test("sizes and times are shown as they are read, in their largest unit", () => {
  const sizes = { "0": 0, "1000": 1000, "1K": 1024, "64K": 65_536, "8M": 8 << 20, "2G": 2 ** 31 };
  for (const [text, bytes] of Object.entries(sizes))
    expect([parseSize(text.toLowerCase()), formatSize(bytes)]).toEqual([bytes, text]);
  const times = { "0ms": 0, "1500ms": 1500, "10s": 10_000, "5m": 300_000, "2h": 7_200_000 };
  for (const [text, ms] of Object.entries(times))
    expect([parseTimeMs(text), formatTime(ms)]).toEqual([ms, text]);
  expect(["0", "10", "1.5s"].map(parseTimeMs)).toEqual([0, 10_000, 1500]);
  for (const wrong of "١ 9999999999999999 Infinity 1e3 0x10 -1 1d 1.s .5s 1Ks".split(" "))
    expect([wrong, parseSize(wrong), parseTimeMs(wrong)]).toEqual([wrong, undefined, undefined]);
});

test("ports and modes are whole numbers in their range, a mode with or without the 0 of C", () => {
  expect([parsePort("0"), parsePort("65535")]).toEqual([0, 65_535]);
  for (const wrong of ["", "65536", "http", "80.5", "0x50", "99999999999999999999"])
    expect(() => parsePort(wrong)).toThrow(`not ${quote(wrong)}`);
  const read = (text: string) => fileMode("").parse(text, undefined);
  expect(["660", "0660", "000"].map(read)).toEqual([0o660, 0o660, 0]);
  for (const wrong of ["", "66", "6600", "00660", "0x660", "668", "u+rw"])
    expect(read(wrong)).toBeUndefined();
});

test("an address with its port has IPv6 in brackets, IPv4 in disguise as IPv4; and is taken apart again", () => {
  expect(formatAddress("::ffff:203.0.113.9", 80)).toBe("203.0.113.9:80");
  for (const [host, port, text] of [
    ["203.0.113.9", "51234", "203.0.113.9:51234"],
    ["fe80::1%eth0", "1", "[fe80::1%eth0]:1"],
    ["example.org", "80", "example.org:80"],
  ] as const)
    expect([formatAddress(host, Number(port)), splitAddress(text)]).toEqual([text, { host, port }]);
  for (const host of ["localhost", "fe80::1%eth0", "[::1", "a:b:c"])
    expect(splitAddress(host)).toEqual({ host, port: undefined });
  expect(splitAddress("[::1]")).toEqual({ host: "::1", port: undefined });
  expect(splitAddress(":80")).toEqual({ host: "", port: "80" });
  expect(splitAddress("localhost:")).toEqual({ host: "localhost", port: "" });
});

test("what is quoted stays on one line and short", () => {
  expect(quote('a\n"b"')).toBe('"a\\n\\"b\\""');
  expect(quote("x".repeat(1000)).length).toBeLessThan(70);
});

test("a known code has the system's words, what it means in a place goes first; an unknown one is shown once", () => {
  const failure = (code: string, text: string) => Object.assign(new Error(text), { code });
  const error = failure("ENOENT", "ENOENT: no such file or directory, open 'x'");
  expect(explain(error)).toBe("no such file or directory");
  expect(explain(error, { ENOENT: "no such socket" })).toBe("no such socket");
  expect(explain(failure("EODD", "Failed to connect"))).toBe("Failed to connect (EODD)");
  expect(explain(failure("EODD", "EODD: odd, read"))).toBe("EODD: odd, read");
  expect([explain(new Error("odd")), explain("odd")]).toEqual(["odd", "odd"]);
  const refused = failure("ECONNREFUSED", "connect");
  const why = { message: "it: connection refused", code: "ECONNREFUSED", permanent: false };
  expect(failed("it", refused)).toMatchObject({ ...why, exitCode: 1, cause: refused });
  const [code, permanent] = ["EODD", true];
  const odd = failed("it", new UserError("odd", { code, permanent }));
  expect(odd).toMatchObject({ message: "it: odd", code, permanent });
  expect(usageError("odd")).toMatchObject({ code: "", permanent, exitCode: 2 });
});
