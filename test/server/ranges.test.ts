/** What a program may give to `listen` and `openRoom`, and what is refused by name before it listens. */

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";

import { UserError } from "../../lib/program/system-errors.ts";
import { openRoom } from "../../lib/server/listen.ts";
import { key as keyOf, pem } from "../certificates.ts";
import { openServer } from "../doors/open-server.ts";
import { endAfterEach, newFolder } from "../harness.ts";

endAfterEach();

const DAY_MS = 24 * 3_600_000;

type Put = (value: unknown) => object;
/** Each number, what it is given in, and its range. */
const NUMBERS: readonly [name: string, put: Put, min: number, max: number][] = [
  ["logBytes", (logBytes) => ({ logBytes, lineBytesMax: 1 }), 1, 2 ** 31],
  ["lineBytesMax", (lineBytesMax) => ({ lineBytesMax }), 1, 8 << 20],
  ["patienceMs", (patienceMs) => ({ patienceMs }), 0, DAY_MS],
  ["lingerMs", (lingerMs) => ({ lingerMs }), 0, DAY_MS],
  ["arrivalMs", (arrivalMs) => ({ arrivalMs }), 1, DAY_MS],
  ["clientsMax", (clientsMax) => ({ clientsMax }), 1, Infinity],
  ["lingerersMax", (lingerersMax) => ({ lingerersMax }), 1, Infinity],
  ["clientsPerAddressMax", (max) => ({ clientsPerAddressMax: max }), 1, Infinity],
  ["linesPerSecond", (linesPerSecond) => ({ linesPerSecond }), 1, Infinity],
  ["idleMs", (idleMs) => ({ idleMs }), 1, DAY_MS],
  ["history.bytes", (bytes) => ({ history: { bytes } }), 1, 1 << 30],
  ["history.lines", (lines) => ({ history: { bytes: 1, lines } }), 1, Infinity],
  ["unixMode", (unixMode) => ({ unix: `${newFolder()}/room`, unixMode }), 0, 0o777],
  ["port", (port) => ({ port }), 0, 65_535],
  ["port", (port) => ({ web: { host: "127.0.0.1", port } }), 0, 65_535],
  ["port", (port) => ({ metrics: { host: "127.0.0.1", port } }), 0, 65_535],
];

/** Fails unless it is refused by its name, in words for a user. */
async function expectRefusal(options: object, name: string): Promise<void> {
  const error = await openServer(options).catch((why: unknown) => why);
  expect(error).toBeInstanceOf(UserError);
  expect(String(error)).toContain(name);
}

/** Neither a number nor left out. */
const NO_NUMBERS = [Number.NaN, "8", null, true, {}];

test.each(NUMBERS)("%s has its range", async (name, put, min, max) => {
  const outside = [min - 1, -0.5, -Infinity, ...(max < Infinity ? [max + 1, Infinity] : [])];
  const fraction = name.endsWith("Ms") ? [] : [min + 0.5];
  for (const value of [...NO_NUMBERS, ...outside, ...fraction])
    await expectRefusal(put(value), name);
  // A log of 2 GiB, or a port that others may have, is not tried.
  for (const value of [undefined, min, max === 65_535 || name === "logBytes" ? min : max]) {
    const isNeeded = name === "port" || name === "history.bytes";
    if (isNeeded && value === undefined) await expectRefusal(put(value), name);
    else await (await openServer(put(value))).server.stop();
  }
});

test("openRoom() refuses the same by name, and needs its clock", () => {
  const about = { now: () => 0, wake() {} };
  for (const [name, put, min] of NUMBERS.slice(0, 4)) {
    for (const value of [...NO_NUMBERS, min - 1, -Infinity])
      expect(() => openRoom({ ...about, ...put(value) })).toThrow(name);
    for (const value of [min, undefined])
      expect(openRoom({ ...about, ...put(value) }).size).toBe(0);
  }
  for (const name of ["now", "wake"])
    expect(() => openRoom({ ...about, [name]: undefined })).toThrow(`${name} is a function`);
});

test.each<[name: string, options: object]>([
  ["logBytes", { logBytes: 10, lineBytesMax: 20 }],
  ["lineBytesMax", { lineBytesMax: (8 << 20) + 1 }],
  ["lineBytesMax", { lineBytesMax: 8 << 20, names: true }],
  ["--max-line", { announce: true, lineBytesMax: 32 }],
  ["passPhrase", { passPhrase: Buffer.from("two\nlines") }],
  ["passPhrase", { passPhrase: Buffer.alloc(1025, "x") }],
  ["passPhrase", { passPhrase: new Uint8Array() }],
  ["passPhrase", { passPhrase: "open sesame" }],
  ["--allow", { allow: ["10.0.0.0/33"] }],
  ["--allow", { allow: "10.0.0.0/8" }],
  ["--deny", { deny: {} }],
  ["--proxy-protocol", { proxyProtocol: true }],
  ["cannot listen on 5:0", { host: 5 }],
  ["port", { web: 8081 }],
  ["port", { metrics: true }],
  ["web.names", { web: { port: 0, names: "x" } }],
  ...["bot", "onJoin", "onLeave", "onRefuse", "onError", "onWarning"].map(
    (name): [string, object] => [`${name} is a function, not 5`, { [name]: 5 }],
  ),
])("%s is named where it will not do: %j", (name, options) => expectRefusal(options, name));

test("stop() takes a time", async () => {
  const { server } = await openServer();
  for (const graceMs of [Number.NaN, -1]) expect(() => server.stop(graceMs)).toThrow("graceMs");
});

test("tls is a certificate and its key, and a CA that is one", async () => {
  const files = [pem("server"), keyOf("server"), keyOf("client")];
  const [cert, key, other] = files.map((file) => readFileSync(file, "utf8"));
  for (const tls of [
    ...[{ cert: "x" }, { cert: "x", key: "x" }, { cert }, { key }, {}, { cert, key: other }],
    ...[{ cert: "", key: "" }, { cert, key, ca: "" }, { cert, key, ca: "x" }, true, "x"],
  ])
    await expectRefusal({ tls }, "tls is not a certificate and its key in PEM");
  expect((await openServer({ tls: { cert, key } })).server.size).toBe(0);
});
