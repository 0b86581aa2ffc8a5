/** One room on several servers, over a real redis-server: what is special there besides the six promises. */

import { describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { BotRoom } from "../../lib/extras/bot.ts";
import { loadTls } from "../../lib/program/files.ts";
import { makeCertificates } from "../certificates.ts";
import {
  endAfterEach,
  newFile,
  newFolder,
  Peer,
  Program,
  ROOT,
  ServerProgram,
  startClient,
} from "../harness.ts";
import { Between } from "../harness/between.ts";
import { browserTests, enter } from "../harness/browser.ts";
import { figuresOf } from "../harness/figures.ts";
import { besideWith, freePort } from "../harness/tools.ts";
import { webUrl } from "../harness/web-peer.ts";
import { RedisServer, testOverRedis as test } from "./redis-server.ts";
import { SharedServer } from "./shared-server.ts";

endAfterEach();

const OUT_OF_SYNC = "* server out of sync; please reconnect\n";
const METRICS = { metrics: { host: "127.0.0.1", port: 0 } };

test("SIGTERM while Redis is away: what has no place is counted, within the grace time", async () => {
  const redis = await RedisServer.start();
  const server = await ServerProgram.start("--redis", redis.url, "--metrics", "0");
  const { becomes } = await figuresOf(server);
  const ann = await server.join();
  await redis.kill();
  await server.logged("redis is away");
  ann.say("a\nb\nc\n");
  await becomes("linechat_stream_pending_bytes", 6);
  expect(await server.stop()).toBe(0);
  expect(server.stderr).toContain("lines lost, as they have no place: 3\n");
});

test("figures and health tell whether Redis is there, and how far behind the room is", async () => {
  const redis = await RedisServer.start();
  const [one, other] = await SharedServer.openTwo(redis, METRICS);
  const { becomes, exceeds, figure, health } = one.figures;
  const [ann, bob] = [await one.join(), await other.join()];
  ann.say("hello\n");
  await bob.hears("hello\n");
  expect(await health()).toBe("200 ok");
  await becomes("linechat_stream_up", 1);
  await becomes("linechat_stream_servers", 2);
  await becomes("linechat_stream_pending_bytes", 0);
  await redis.kill();
  await one.logged("redis is away");
  expect(await health()).toBe("503 redis is away");
  ann.say("waits\n");
  await becomes("linechat_stream_pending_bytes", 6);
  await becomes("linechat_stream_up", 0);
  const lag = (await figure("linechat_stream_lag_seconds")) ?? 0;
  await exceeds("linechat_stream_lag_seconds", lag + 0.2);
  await redis.start();
  await bob.hears("waits\n");
  await one.logged("redis is back");
  expect(await health()).toBe("200 ok");
  await becomes("linechat_stream_lag_seconds", 0);
});

test("the stream is trimmed, to what is told", async () => {
  const redis = await RedisServer.start();
  const [one, other] = await SharedServer.openTwo(redis, METRICS);
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

describe("--names: a name belongs to one member of the whole room", () => {
  const taken = (name: string) => `* the name ${name} is taken\n`;
  const options = { names: true, announce: true };
  const says = (name: string) => ({ says: `${name}\n` });

  test("the first client that asks has it; it is free again when that one has left", async () => {
    const servers = await SharedServer.openTwo(await RedisServer.start(), options);
    const [one, other] = servers;
    const [ann, bob] = [await one.joinNamed("ann"), await other.joinNamed("bob")];
    ann.say("hello\nann: again\n");
    await bob.hears("ann: hello\nann: again\n");
    for (const { port } of servers)
      for (const name of ["Ann", "bob"])
        expect(await (await Peer.connect(port, says(name))).hearsAll()).toEndWith(taken(name));
    ann.say("the last\n");
    ann.endInput();
    await bob.hears("ann: the last\n* ann left\n");
    await other.joinNamed("ANN");
    const carl = await one.joinNamed("carl");
    bob.say("to carl\n");
    await carl.hears("bob: to carl\n");
  });

  besideWith("redis-server", "openssl")(
    "that of a certificate is taken at another server, and taken over at its own",
    async () => {
      const { file } = makeCertificates(newFolder());
      const [cert, key, ca] = [file("server.pem"), file("server.key"), file("ca.pem")];
      const redis = await RedisServer.start();
      const options = { names: true, tls: await loadTls({ cert, key, ca }) };
      const [one, other] = await SharedServer.openTwo(redis, options);
      const connect = (server: SharedServer, who = "client") => {
        const [ca, cert, key] = ["ca.pem", `${who}.pem`, `${who}.key`].map((name) =>
          readFileSync(file(name)),
        );
        return Peer.connect(server.port, { tls: { ca, cert, key } });
      };
      const TAKEN = "* the name client is taken\n";
      const owner = await connect(one);
      await one.logged("joined client ");
      expect(await (await connect(other)).hearsAll()).toBe(TAKEN);
      // Of those that ask while it is not known whose it is, none gets it.
      redis.standStill();
      const late = [await connect(other), await connect(other)];
      for (const peer of late) peer.say("I am client too\n");
      await Bun.sleep(300); // Nothing tells that they wait at the door.
      redis.goOn();
      for (const peer of late) expect(await peer.hearsAll()).toBe(TAKEN);
      expect(other.stderr).not.toContain("joined client");

      const next = await connect(one);
      expect(await owner.hearsAll()).toBe("* the name client was taken over\n");
      next.endInput();
      await next.endOfInput();
      await one.logged(/left client \S+: end of input/);
      const there = await connect(other);
      await other.logged("joined client ");
      const witness = await connect(one, "other");
      await one.logged("joined other ");
      there.say("I am here now\n");
      await witness.hears("client: I am here now\n");
    },
  );

  test("lost answers, and a Redis that was killed, give no name to two", async () => {
    const redis = await RedisServer.start();
    const between = await Between.open(redis.port);
    const [one, other] = [
      await SharedServer.open(redis, { names: true }),
      await SharedServer.open(between, { names: true }),
    ];
    const witness = await one.joinNamed("witness");
    between.swallows = true;
    const ann = await Peer.connect(other.port, { says: "ann\nfirst\n" });
    while (!(await redis.ask("HEXISTS", "linechat:{linechat}:names", "ann"))) await Bun.sleep(10);
    between.swallows = false;
    between.cut();
    await witness.hears("ann: first\n");
    expect(await (await Peer.connect(one.port, says("ann"))).hearsAll()).toEndWith(taken("ann"));
    await redis.kill();
    ann.endInput();
    await Peer.connect(one.port, { says: "bob\nsecond\n" });
    await redis.start();
    await ann.endOfInput();
    // The name is given back once all that was said under it has its place.
    while (one.count(/^joined ann /) === 0) {
      await Peer.connect(one.port, { says: "ann\nthird\n" });
      await Bun.sleep(50);
    }
    await witness.hears("ann: third\n");
    expect(witness.text).toEndWith("bob: second\nann: third\n");
  });
});

test("a bot is told what members of its own server send, and sends to the whole room", async () => {
  const redis = await RedisServer.start();
  const told: string[] = [];
  const one = await SharedServer.open(redis, {
    bot: (room) => ({
      onLine(line, member) {
        told.push(line);
        if (line === "!who") void room.send("bot: who asks?");
        if (line === "!bye") member.disconnect("come back soon");
      },
    }),
  });
  const [ann, bob] = [await one.join(), await (await SharedServer.open(redis)).join()];
  bob.say("hello\n");
  await ann.hears("hello\n");
  ann.say("!who\nthe last\n!bye\n");
  expect(await ann.hearsAll()).toBe("hello\nbot: who asks?\n* come back soon\n");
  for (const line of ["!bye\n", "bot: who asks?\n"]) await bob.hears(line);
  const lines = ["!bye\n", "!who\n", "bot: who asks?\n", "the last\n"];
  expect(bob.text.match(/.+\n/g)?.toSorted()).toEqual(lines);
  expect(told).toEqual(["!who", "the last", "!bye"]);
});

test("what a bot sends is sent once it has its place; or not, if the server gets out of sync", async () => {
  const redis = await RedisServer.start();
  redis.keep("nothing");
  let send: BotRoom["send"] = () => Promise.resolve(false);
  const one = await SharedServer.open(redis, { bot: (room) => ((send = room.send), {}) });
  const ann = await one.join();
  redis.standStill();
  const sent = send("waits");
  expect(await Promise.race([sent, Bun.sleep(200)])).toBeUndefined();
  redis.goOn();
  expect(await sent).toBe(true);
  await redis.kill();
  const lost = send("for nobody");
  redis.putBack("nothing");
  await redis.start();
  expect(await lost).toBe(false);
  expect(await ann.hearsAll()).toBe(`waits\n${OUT_OF_SYNC}`);
  // It is not in the room for a moment; what is sent then waits for it.
  expect(await send("for members that join next")).toBe(true);
  await one.stop();
  expect(await send("too late")).toBe(false);
});

test("a member of a server that is out of sync is told so, and client.ts --reconnect comes back", async () => {
  const redis = await RedisServer.start();
  const server = await SharedServer.open(redis);
  const client = startClient(server.port, "--reconnect");
  await server.logged("joined");
  await redis.ask("FLUSHALL");
  await server.until("it to come back", () => server.count(/^joined /) === 2);
  const peer = await server.join({ says: "welcome back\n" });
  await client.printed("welcome back\n");
  client.say("here I am\n");
  await peer.hears("here I am\n");
});

besideWith("redis-server", "haproxy")(
  "HAProxy stands in front of three servers, as the README has it",
  async () => {
    const redis = await RedisServer.start();
    const options = ["--redis", redis.url, "--proxy-protocol", "127.0.0.1"];
    const servers = await Promise.all([1, 2, 3].map(() => ServerProgram.start(...options)));
    const port = freePort();
    const ports = servers.map((server) => server.port);
    const file = newFile("haproxy.cfg", configuration(port, ports));
    new Program(["haproxy", "-db", "-f", file]);
    const peers = [
      await connect(port),
      ...(await Promise.all([1, 2, 3, 4, 5].map(() => connect(port)))),
    ];
    const joined = () => servers.reduce((sum, server) => sum + server.count(/ joined /), 0);
    while (joined() < peers.length) await Bun.sleep(10);

    for (const server of servers) expect(server.count(/ joined /)).toBe(2);
    for (const peer of peers)
      expect(servers.some((server) => server.stderr.includes(` joined ${peer.name} `))).toBe(true);
    for (const peer of peers) peer.say(`hello from ${peer.name}\n`);
    for (const peer of peers)
      for (const other of peers) if (other !== peer) await peer.hears(`hello from ${other.name}\n`);
  },
);

/** The README's, with other ports and addresses. */
function configuration(port: number, ports: readonly number[]): string {
  const readme = readFileSync(join(ROOT, "lib/redis/README.md"), "utf8");
  const [, found = ""] = /```\n(defaults\n {2}mode tcp\n[^`]*)```/.exec(readme) ?? [];
  expect(found).not.toBe("");
  let server = 0;
  return found
    .replace("bind :8080", `bind 127.0.0.1:${port}`)
    .replace(/10\.0\.0\.\d+:8080/g, () => `127.0.0.1:${ports[server++]}`);
}

/** HAProxy needs a moment until it listens, and has found the servers. */
async function connect(port: number): Promise<Peer> {
  for (;;)
    try {
      return await Peer.connect(port);
    } catch {
      await Bun.sleep(20);
    }
}

browserTests("redis-server")(
  "a browser whose server is out of sync says so, and comes back",
  async () => {
    const redis = await RedisServer.start();
    const server = await ServerProgram.start("--redis", redis.url, "--web", "0");
    const tab = await enter(await webUrl(server), "ann");
    await redis.ask("CONFIG", "SET", "maxmemory", "1");
    await redis.ask("FLUSHALL");
    await tab.shows("server out of sync; please reconnect");
    await tab.shows("this server is not in the room at the moment");
    await redis.ask("CONFIG", "SET", "maxmemory", "0");
    await server.logged("shares the room again");
    await tab.shows("what was sent in between is missing");
    const peer = await server.join();
    await tab.isHere();
    await tab.says("here again");
    await peer.hears("ann: here again\n");
  },
);
