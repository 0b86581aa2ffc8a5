/** One room on several servers, over a real redis-server: what is special there besides the six promises. */

import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { BotRoom } from "../../lib/extras/bot.ts";
import { loadTls } from "../../lib/program/files.ts";
import { key, pem } from "../certificates.ts";
import { endAfterEach, newFile, Peer, Program, ROOT, ServerProgram } from "../harness.ts";
import { besideWith, freePort } from "../harness/tools.ts";
import { eventually } from "../harness/watched.ts";
import { RedisServer, testOverRedis as test } from "./redis-server.ts";
import { SharedServer } from "./shared-server.ts";

endAfterEach();

test("the stream is trimmed, to what is told", async () => {
  const redis = await RedisServer.start();
  const [one, other] = await SharedServer.openTwo(redis, {
    metrics: { host: "127.0.0.1", port: 0 },
  });
  const [ann, bob] = [await one.join(), await other.join({ countOnly: true })];
  const flood = Buffer.from(`${"x".repeat(1023)}\n`.repeat(1024));
  for (let count = 0; count < 16; count++) await ann.sayAll(flood);
  await bob.hearsBytes(16 * flood.length);
  expect(await one.figures.figure("linechat_stream_kept_bytes")).toBeWithin(8 << 20, 9 << 20);
  ann.say("and on\n"); // With it, what was read last is trimmed.
  await bob.hearsBytes(16 * flood.length + 7);
  const keys = ["linechat:{linechat}", "linechat:{linechat}:lines"];
  const bytes = keys.map((key) => redis.ask("MEMORY", "USAGE", key, "SAMPLES", "0"));
  const [entries, lines] = (await Promise.all(bytes)).map(Number);
  expect((entries ?? 0) + (lines ?? 0)).toBeWithin(8 << 20, 12 << 20);
});

test("--history is that of the whole room at each server, and survives a restart of all", async () => {
  const lines = (first: number, last: number) =>
    Array.from({ length: last - first + 1 }, (_, at) => `${first + at} \xff\u20ac\n`).join("");
  const expected = `${Buffer.from(lines(61, 160)).toString("latin1")}* end of history\n`;
  const history = { bytes: 64 << 10, lines: 100 };
  const redis = await RedisServer.start();
  const servers = await SharedServer.openTwo(redis, { history });
  const [one, other] = servers;
  const [ann, bob, carl] = [await one.join(), await other.join(), await other.join()];
  ann.say(lines(1, 150));
  await bob.hears("150 ");
  bob.say(lines(151, 160));
  for (const peer of [ann, carl]) await peer.hears("160 ");
  for (const server of servers) await (await server.join()).hears(expected);
  await Promise.all(servers.map((server) => server.stop()));
  await redis.kill();
  await redis.start();
  const [third, fourth] = await SharedServer.openTwo(redis, { history });
  const newcomer = await third.join();
  await newcomer.hears(expected);
  const talker = await fourth.join({ says: "and on\n" });
  await newcomer.hears("and on\n");
  await talker.hears(expected);
  expect([newcomer.text, talker.text]).toEqual([`${expected}and on\n`, expected]);
});

for (const [what, key] of Object.entries({
  "who has joined": "servers",
  "lines that are many": "lines",
}))
  test(`--history is without what Redis has forgotten: ${what}`, async () => {
    const history = { bytes: 64 << 10, lines: 100 };
    const redis = await RedisServer.start();
    const one = await SharedServer.open(redis, { history });
    const [ann, bob] = [await one.join(), await one.join()];
    ann.say(`${"x".repeat(8191)}\nbefore\n`);
    await bob.hears("before\n");
    await redis.ask("DEL", `linechat:{linechat}:${key}`);
    const other = await SharedServer.open(redis, { history });
    const [carl, dora] = [await other.join(), await other.join()];
    await dora.hears("* end of history\n");
    carl.say("after\n");
    await dora.hears("after\n");
    expect(dora.text).not.toContain("xx");
  });

besideWith("redis-server", "openssl")(
  "--names: that of a certificate is taken at another server, and taken over at its own",
  async () => {
    const tls = await loadTls({ cert: pem("server"), key: key("server"), ca: pem("ca") });
    const redis = await RedisServer.start();
    const [one, other] = await SharedServer.openTwo(redis, { names: true, tls });
    const [ca, cert, own] = [pem("ca"), pem("client"), key("client")].map((file) =>
      readFileSync(file),
    );
    const connect = ({ port }: SharedServer) => Peer.connect(port, { tls: { ca, cert, key: own } });
    const first = await connect(one);
    await one.logged("joined client ");
    expect(await (await connect(other)).hearsAll()).toBe("* the name client is taken\n");
    const next = await connect(one);
    expect(await first.hearsAll()).toBe("* the name client was taken over\n");
    next.endInput();
    await one.logged(/left client \S+: end of input/);
    await connect(other);
    await other.logged("joined client ");
  },
);

test("a bot is told what members of its own server send; what it sends is sent once it has its place, or not", async () => {
  const redis = await RedisServer.start();
  redis.keep("nothing");
  const told: string[] = [];
  let send: BotRoom["send"] = () => Promise.resolve(false);
  const one = await SharedServer.open(redis, {
    bot: (room) => ({
      onLine(line, member) {
        send = room.send;
        told.push(line);
        member.disconnect("come back soon");
      },
    }),
  });
  const [ann, bob] = [await one.join(), await (await SharedServer.open(redis)).join()];
  bob.say("hello\n");
  await ann.hears("hello\n");
  ann.say("bye\n");
  expect(await ann.hearsAll()).toBe("hello\n* come back soon\n");
  expect(told).toEqual(["bye"]);
  redis.standStill();
  const sent = send("waits");
  expect(await Promise.race([sent, Bun.sleep(200)])).toBeUndefined();
  redis.goOn();
  expect(await sent).toBe(true);
  await bob.hears("bye\nwaits\n");
  await redis.kill();
  const lost = send("for nobody");
  redis.putBack("nothing");
  await redis.start();
  expect(await lost).toBe(false);
  // It is not in the room for a moment; what is sent then waits for it.
  expect(await send("for members that join next")).toBe(true);
  await one.stop();
  expect(await send("too late")).toBe(false);
});

besideWith("redis-server", "haproxy")(
  "HAProxy stands in front of three servers, as the README has it",
  async () => {
    const { url } = await RedisServer.start();
    const options = ["--redis", url, "--proxy-protocol", "127.0.0.1"];
    const servers = await Promise.all([1, 2, 3].map(() => ServerProgram.start(...options)));
    const port = freePort();
    const ports = servers.map((server) => server.port);
    const readme = readFileSync(join(ROOT, "lib/redis/README.md"), "utf8");
    const [, found = ""] = /```\n(defaults\n {2}mode tcp\n[^`]*)```/.exec(readme) ?? [];
    const configuration = found
      .replace("bind :8080", `bind 127.0.0.1:${port}`)
      .replace(/10\.0\.0\.\d+:8080/g, () => `127.0.0.1:${ports.shift()}`);
    new Program(["haproxy", "-db", "-f", newFile("haproxy.cfg", configuration)]);
    // It needs a moment until it listens, and has found the servers.
    const connect = () => eventually("HAProxy", () => Peer.connect(port).catch(() => undefined));
    const first = await connect();
    const peers = [first, ...(await Promise.all([1, 2, 3, 4, 5].map(connect)))];
    for (const server of servers) await server.members(2);
    for (const { name } of peers)
      expect(servers.some(({ stderr }) => stderr.includes(` joined ${name} `))).toBe(true);
    first.say("hello\n");
    for (const peer of peers.slice(1)) await peer.hears("hello\n");
  },
);
