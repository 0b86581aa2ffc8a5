/** Each default is one value: in the code, in `--help`, in READMEs and doc comments, and in what runs. */

import { expect, spyOn, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { connect } from "../lib/client/connect.ts";
import { COMMAND } from "../lib/client/options.ts";
import type { Command } from "../lib/program/command-line.ts";
import { Connections } from "../lib/server/connections.ts";
import { listen } from "../lib/server/listen.ts";
import { SERVER } from "../lib/server/options.ts";
import { openParts } from "./extras/open-parts.ts";
import { endAfterEach, Peer, rejection, ROOT } from "./harness.ts";
import { Host } from "./harness/host.ts";
import { eventually } from "./harness/watched.ts";
import { openRoom } from "./room/open-room.ts";
import { settingsFor } from "./server/served.ts";

endAfterEach();

const HERE = { host: "127.0.0.1", port: 0 };

/** All that tells a default: comments and READMEs, without the stars and line ends. */
const TEXTS = ["README.md", "lib/**/*.{ts,md}"]
  .flatMap((pattern) => [...new Bun.Glob(pattern).scanSync(ROOT)])
  .map((file) => readFileSync(join(ROOT, file), "utf8"))
  .join("\n")
  .replace(/\s*\n(\s*\*(?!\/))?\s*/g, " ")
  .replace(/ +/g, " ");

/** A default that has a size or a time, in bytes or ms: where it is told, and what it is in fact. */
interface Default {
  readonly value: number;
  readonly told: readonly string[];
  /** Gives the value, or waits until an alarm for so many ms `isSet`, or for a bit more or less. */
  inFact(isSet: (byMs?: number) => boolean): Promise<unknown> | number;
}

const DEFAULTS: Record<string, Default> = {
  "the log": {
    value: 8 << 20,
    told: ["--buffer 8M", "senders are paused, in bytes up to 2 GiB; 8 MiB by default"],
    inFact: () => openRoom().room.log.freeBytes,
  },
  "the longest line": {
    value: 64 << 10,
    told: ["--max-line 64K", "at most the log; 64 KiB by default"],
    inFact: () => openRoom().room.lineBytesMax,
  },
  "the time for a slow reader": {
    value: 10_000,
    told: ["--patience 10s", "has for 64 KiB, in ms up to a day; 10 s by default"],
    inFact() {
      const { join, pass, left } = openRoom();
      const ann = join("ann");
      join("bob", 0);
      ann.sends(`${"x".repeat(1023)}\n`.repeat(9 << 10));
      return msUntil(pass, () => left.length > 0);
    },
  },
  "the time a leaver has to close": {
    value: 2_000,
    told: ["after its EOF, in ms up to a day; 2 s by default", "in each `--patience` plus 2 s"],
    inFact() {
      const { join, pass } = openRoom();
      const ann = join("ann");
      ann.data.ended();
      return msUntil(pass, () => ann.closed);
    },
  },
  "the time for a pass phrase, a header, a handshake": {
    value: 10_000,
    told: ["in ms from 1 to a day; 10 s by default"],
    inFact: (isSet) => waitAtDoor({ passPhrase: Buffer.from("open sesame") }, isSet),
  },
  "the time for a name": {
    value: 60_000,
    told: ["no name within 1m"],
    inFact: (isSet) => waitAtDoor({ names: true }, isSet),
  },
  "the grace of a stop": {
    value: 5_000,
    told: ["how long to wait for slow readers, in ms; 5 s by default", "pending, for at most 5 s"],
    async inFact(isSet) {
      const server = await listen(HERE);
      const peer = await Peer.connect(server.port);
      await eventually("a member", () => server.size === 1);
      const stopped = server.stop();
      await eventually("the alarm of a stop", isSet);
      await peer.end();
      await stopped;
    },
  },
  "those that linger": {
    value: 64,
    told: ["or lingering after EOF, at least 1; 64 by default"],
    inFact() {
      const { connections, accept } = openParts([], { clientsMax: 1 });
      const sockets = Array.from({ length: 200 }, () => accept());
      expect(sockets.some(({ closed, reset }) => closed || reset)).toBe(true);
      return connections.open - connections.clientsMax;
    },
  },
  "the lines of a history, together": {
    value: 8 << 20,
    told: ["(at most 8 MiB of them)"],
    inFact: async () => (await settingsFor("--history", "100", "0")).history?.bytes ?? 0,
  },
  "the time until a server answers": {
    value: 30_000,
    told: ["may take to answer, in ms from 1 on; 30 s by default. As long again for TLS."],
    async inFact(isSet) {
      const host = await Host.open();
      const connecting = connect({ ...HERE, port: host.port, tls: {} });
      await eventually("the alarm of a handshake", isSet);
      (await host.guest()).reset();
      expect((await rejection(connecting)).message).toContain("cannot connect");
      host.close();
    },
  },
  "the time that close() takes": {
    value: 5_000,
    told: ["before the connection is reset; 5 s by default"],
    async inFact(isSet) {
      const host = await Host.open();
      const connection = await connect({ ...HERE, port: host.port });
      const closed = connection.close();
      // Servers that have stopped may still set theirs, for nearly as long.
      await eventually("the alarm of a close", () => isSet(0));
      (await host.guest()).endInput();
      await closed;
      host.close();
    },
  },
};

test.each(Object.entries(DEFAULTS))("%s is as long or large as it is told", async (_, one) => {
  for (const text of one.told) {
    const [, name = "", shown] = /^--(\S+) (\S+)$/.exec(text) ?? [];
    if (shown === undefined) expect(TEXTS).toContain(text);
    else expect(SERVER.options[name]?.help).toEndWith(` (default ${shown})`);
    if (shown !== undefined) expect(SERVER.options[name]?.default).toBe(one.value);
  }
  using alarms = spyOn(globalThis, "setTimeout");
  const isSet = (byMs = 100) =>
    alarms.mock.calls.some(([, ms = 0]) => Math.abs(ms - one.value) <= byMs);
  expect((await one.inFact(isSet)) ?? one.value).toBe(one.value);
});

test("each default that --help shows is that of its option, and no other option has one", () => {
  /** What is put in where it matters, and not by the table of options. */
  const late: Record<string, unknown> = { "unix-mode": 0o600, room: "linechat" };
  for (const { options } of [SERVER, COMMAND] satisfies Command[])
    for (const [name, { help, takes, parse, default: value }] of Object.entries(options)) {
      const [, shown] = /\(default (\S+)\)$/.exec(help) ?? [];
      if (shown === undefined) expect([name, value]).toEqual([name, takes ? undefined : false]);
      else expect([name, parse(shown, undefined)]).toEqual([name, value ?? late[name]]);
    }
});

test("a server without options asks nothing, limits nothing, and is on all addresses, at no other port", async () => {
  const settings = await settingsFor("8080");
  const given = Object.entries(settings).filter(
    ([, value]) => value !== undefined && value !== false,
  );
  const sizes = ["buffer", "max-line", "patience", "logBytes", "lineBytesMax", "patienceMs"];
  expect(given.map(([name]) => name).filter((name) => !sizes.includes(name))).toEqual(["port"]);
  expect(new Connections(openRoom().room, {}).clientsMax).toBe(Infinity);
  await using server = await listen({ port: 0 });
  expect(server.address).toMatch(/^(\[::\]|0\.0\.0\.0):\d+$/);
  const { redis } = await settingsFor("--redis", "redis://127.0.0.1", "0");
  expect(redis?.room).toBe("linechat");
});

test("both ends of a connection send at once what is written, and notice a silent peer", async () => {
  await using server = await listen(HERE);
  const socket = { data() {} };
  const other = await Bun.connect({ hostname: HERE.host, port: server.port, socket });
  await eventually("a member", () => server.size === 1);
  const kind: Bun.Socket = Object.getPrototypeOf(other);
  using noDelay = spyOn(kind, "setNoDelay");
  using keepAlive = spyOn(kind, "setKeepAlive");
  await using _ = await connect({ ...HERE, port: server.port });
  const calls = () => [noDelay.mock.calls, keepAlive.mock.calls];
  await eventually("both ends", () => calls().every(({ length }) => length === 2));
  expect(calls()).toEqual([Array(2).fill([true]), Array(2).fill([true, 60_000])]);
});

test("no README or doc comment tells a default that is not in a table here", () => {
  const told = Object.values(DEFAULTS).flatMap((one) => one.told);
  // A size or a time: anything else that is a default is told by what it does.
  for (const [shown] of TEXTS.matchAll(/\S+ \d+ (?:ms|s|[KMG]iB|clients)? by default/g))
    expect([shown, told.some((text) => text.includes(shown))]).toEqual([shown, true]);
});

/** How long it takes until something is so, to the tenth of a second. */
function msUntil(pass: (ms: number) => void, isSo: () => boolean): number {
  let ms = 0;
  for (pass(0); !isSo() && ms < 3_600_000; ms += 100) pass(100);
  return ms;
}

/** A client waits at the door of a server, for which there is a time. */
async function waitAtDoor(options: object, isSet: () => boolean): Promise<void> {
  await using server = await listen({ ...HERE, ...options });
  await Peer.connect(server.port);
  await eventually("the alarm at the door", isSet);
}
