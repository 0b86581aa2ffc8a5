/** One room on several servers, over a real redis-server: what is special there beside the six promises. */

import { describe, expect } from "bun:test";

import type { BotRoom } from "../../lib/extras/bot.ts";
import { endAfterEach, Peer, ServerProgram, startClient } from "../harness.ts";
import { Between } from "../harness/between.ts";
import { Tab } from "../harness/browser.ts";
import { testWith } from "../harness/tools.ts";
import { webUrl } from "../harness/web-peer.ts";
import { RedisServer, testOverRedis as test } from "./redis-server.ts";
import { SharedServer } from "./shared-server.ts";

endAfterEach();

const OUT_OF_SYNC = "* server out of sync; please reconnect\n";
const MARK = "* end of history\n";
const METRICS = { metrics: { host: "127.0.0.1", port: 0 } };

/** Two servers. */
async function openTwo(redis: { url: string }, options = {}) {
  const [one, other] = await SharedServer.openSome(2, redis, options);
  if (!one || !other) throw new Error("no servers");
  return [one, other] as const;
}

test("servers with other rooms hear nothing of each other", async () => {
  const redis = await RedisServer.start();
  const [one, other, third] = await Promise.all(
    ["lib", "other", "other"].map((room) =>
      SharedServer.open(redis, { redis: { url: new URL(redis.url), room } }),
    ),
  );
  const [ann, bob, eve] = [await one?.join(), await other?.join(), await third?.join()];
  ann?.say("for nobody\n");
  eve?.say("for bob\n");
  await bob?.hears("for bob\n");
  expect(bob?.text).toBe("for bob\n");
});

test("any bytes pass, in batches of any size", async () => {
  const [one, other] = await openTwo(await RedisServer.start());
  const [ann, bob] = [await one.join(), await other.join()];
  const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).filter((b) => b !== 10);
  const lines = ["a\0b\r", "\xc3\x28\xff\xfe\xed\xa0\x80", all, Buffer.alloc(65_535, all), all];
  const sent = Buffer.concat(
    lines.flatMap((line) => [Buffer.from(line as string, "latin1"), Buffer.from("\n")]),
  );
  for (let round = 1; round <= 20; round++) {
    ann.say(sent);
    bob.say("in between\n");
    await bob.hearsBytes(round * sent.length);
  }
  expect(bob.heard.equals(Buffer.concat(Array.from({ length: 20 }, () => sent)))).toBe(true);
});

test("SIGTERM while Redis is away: what has no place is counted, within the grace time", async () => {
  const redis = await RedisServer.start();
  const server = await ServerProgram.start("--redis", redis.url, ...["--metrics", "0"]);
  const ann = await server.join();
  await redis.kill();
  await server.logged("redis is away");
  const [, url = ""] = await server.logged(/metrics at (\S+)\n/);
  ann.say("a\nb\nc\n");
  while (!/linechat_stream_owed_bytes 6\n/.test(await (await fetch(url)).text()))
    await Bun.sleep(10);
  expect(await server.stop()).toBe(0);
  expect(server.stderr).toContain("lines lost, as they have no place: 3\n");
});

test("figures and health tell whether Redis is there, and how far behind the room is", async () => {
  const redis = await RedisServer.start();
  const [one, other] = await openTwo(redis, METRICS);
  const [ann, bob] = [await one.join(), await other.join()];
  ann.say("hello\n");
  await bob.hears("hello\n");
  expect(await one.health()).toBe("200 ok");
  expect(await one.figure("linechat_stream_up")).toBe(1);
  await one.figure("linechat_stream_servers", (servers) => servers === 2);
  await one.figure("linechat_stream_owed_bytes", (bytes) => bytes === 0);
  await redis.kill();
  await one.logged("redis is away");
  expect(await one.health()).toBe("503 redis is away");
  ann.say("waits\n");
  await one.figure("linechat_stream_owed_bytes", (bytes) => bytes === 6);
  expect(await one.figure("linechat_stream_up")).toBe(0);
  const lag = await one.figure("linechat_stream_lag_seconds");
  await one.figure("linechat_stream_lag_seconds", (seconds) => seconds > lag + 0.2);
  await redis.start();
  await bob.hears("waits\n");
  await one.logged("redis is back");
  expect(await one.health()).toBe("200 ok");
  await one.figure("linechat_stream_lag_seconds", (seconds) => seconds === 0);
});

test("a server that shares no room has no figures of a stream", async () => {
  const server = await SharedServer.open(
    { url: "redis://nowhere" },
    { ...METRICS, redis: undefined },
  );
  expect(await server.figure("linechat_stream_up")).toBeNaN();
});

test("the stream is trimmed, to what is told", async () => {
  const redis = await RedisServer.start();
  const [one, other] = await openTwo(redis, METRICS);
  const [ann, bob] = [await one.join(), await other.join({ countOnly: true })];
  const flood = Buffer.from(`${"x".repeat(1023)}\n`.repeat(1024));
  for (let count = 0; count < 16; count++) await ann.sayAll(flood);
  await bob.hearsBytes(16 * flood.length);
  const bytesOf = async (key: string) =>
    Number(await redis.ask("MEMORY", "USAGE", key, "SAMPLES", "0"));
  const told = await one.figure("linechat_stream_kept_bytes");
  expect(told).toBeWithin(8 << 20, 9 << 20);
  ann.say("and on\n"); // With it, what was read last is trimmed.
  await bob.hearsBytes(16 * flood.length + 7);
  const [entries, lines] = [
    await bytesOf("linechat:{linechat}"),
    await bytesOf("linechat:{linechat}:lines"),
  ];
  expect(entries + lines).toBeWithin(8 << 20, 12 << 20);
});

describe("--history is that of the whole room", () => {
  const lines = (first: number, last: number) =>
    Array.from({ length: last - first + 1 }, (_, at) => `${first + at} \xff\u20ac\n`).join("");
  const history = { bytes: 64 << 10, lines: 100 };

  test("at each server, and it survives a restart of all of them", async () => {
    const redis = await RedisServer.start();
    const servers = await openTwo(redis, { history });
    const [one, other] = servers;
    const [ann, bob, carl] = [await one.join(), await other.join(), await other.join()];
    ann.say(lines(1, 150));
    await bob.hears("150 ");
    bob.say(lines(151, 160));
    for (const peer of [ann, carl]) await peer.hears("160 ");
    const expected = Buffer.from(lines(61, 160)).toString("latin1") + MARK;
    for (const server of servers) {
      const newcomer = await server.join();
      await newcomer.hears(MARK);
      expect(newcomer.text).toBe(expected);
    }
    await Promise.all(servers.map((server) => server.stop()));
    await redis.kill();
    await redis.start();
    const [third, fourth] = await openTwo(redis, { history });
    const newcomer = await third.join();
    await newcomer.hears(MARK);
    const talker = await fourth.join({ says: "and on\n" });
    await newcomer.hears("and on\n");
    expect(newcomer.text).toBe(`${expected}and on\n`);
    await talker.hears(MARK);
    expect(talker.text).toBe(expected);
  });

  test("as many bytes of it as there are to be, in batches of any size", async () => {
    const redis = await RedisServer.start();
    const options = { history: { bytes: 100 << 10 } };
    const servers = await openTwo(redis, options);
    const [ann, bob] = [await servers[0].join(), await servers[1].join({ countOnly: true })];
    const sent = Buffer.from(`${"\xff".repeat(999)}\n`.repeat(1000), "latin1");
    ann.say(sent);
    await bob.hearsBytes(sent.length);
    await Promise.all(servers.map((server) => server.stop()));
    const newcomer = await (await SharedServer.open(redis, options)).join();
    await newcomer.hears(MARK);
    const heard = newcomer.heard.subarray(0, newcomer.heard.indexOf(MARK));
    expect(heard.length).toBeGreaterThan(101_000);
    expect(sent.includes(heard)).toBe(true);
  });

  const keys = { "who has joined": "servers", "lines that are many": "lines" };
  for (const [what, key] of Object.entries(keys))
    test(`without what Redis has forgotten: ${what}`, async () => {
      const redis = await RedisServer.start();
      const one = await SharedServer.open(redis, { history });
      const ann = await one.join();
      const bob = await one.join();
      ann.say(`${"x".repeat(8191)}\nbefore\n`);
      await bob.hears("before\n");
      await redis.ask("DEL", `linechat:{linechat}:${key}`);
      const other = await SharedServer.open(redis, { history });
      const [carl, dora] = [await other.join(), await other.join()];
      await dora.hears(MARK);
      carl.say("after\n");
      await dora.hears("after\n");
      expect(dora.text).not.toContain("xx");
    });

  test("without what was sent before the server was out of sync", async () => {
    const redis = await RedisServer.start();
    const server = await SharedServer.open(redis, { history });
    const ann = await server.join();
    ann.say("before\n");
    await redis.ask("FLUSHALL");
    await ann.endOfInput();
    await server.logged("shares the room again");
    const bob = await server.join({ says: "after\n" });
    const carl = await server.join();
    await carl.hears("after\n");
    await carl.hears(MARK);
    expect([bob.text, carl.text.replace(MARK, "")]).toEqual([MARK, "after\n"]);
  });
});

describe("--names: a name belongs to one member of the whole room", () => {
  const taken = (name: string) => `* the name ${name} is taken\n`;
  const options = { names: true, announce: true };
  const says = (name: string) => ({ says: `${name}\n` });

  test("the first client that asks has it; it is free again when that one has left", async () => {
    const servers = await openTwo(await RedisServer.start(), options);
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

  test("of many who want it at once, at several servers, one gets it", async () => {
    const servers = await openTwo(await RedisServer.start(), options);
    const witness = await servers[0].joinNamed("witness");
    const peers = await Promise.all(
      Array.from({ length: 30 }, (_, at) =>
        Peer.connect(servers[at % 2]?.port ?? 0, { says: `zoë\nI am ${at}\n` }),
      ),
    );
    const isRefused = (peer: Peer) => peer.heard.toString().endsWith(taken("zoë"));
    while (peers.filter(isRefused).length < 29) await Bun.sleep(10);
    peers.find((peer) => !isRefused(peer))?.say("at last\n");
    await witness.hears("at last\n");
    expect(witness.heard.toString().match(/zoë: I am \d+\n/g)).toHaveLength(1);
  });

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

test("--announce tells all members of all servers, in the one order", async () => {
  const [one, other] = await openTwo(await RedisServer.start(), { announce: true });
  const bob = await other.join();
  await bob.hears(`* ${bob.name} joined\n`);
  const ann = await one.join();
  await bob.hears(`* ${ann.name} joined\n`);
  ann.say("hello\n");
  ann.endInput();
  await bob.hears(`* ${ann.name} left\n`);
  expect(bob.text).toEndWith(`* ${ann.name} joined\nhello\n* ${ann.name} left\n`);
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
  let send: BotRoom["send"] = () => Promise.resolve(false);
  const one = await SharedServer.open(redis, { bot: (room) => ((send = room.send), {}) });
  const ann = await one.join();
  redis.standStill();
  const sent = send("waits");
  expect(await Promise.race([sent, Bun.sleep(200)])).toBeUndefined();
  redis.goOn();
  expect(await sent).toBe(true);
  await redis.ask("FLUSHALL");
  expect(await send("for nobody")).toBe(false);
  expect(await ann.hearsAll()).toBe(`waits\n${OUT_OF_SYNC}`);
  // It is not in the room for a moment; what is sent then waits for it.
  expect(await send("for members that join next")).toBe(true);
  await one.stop();
  expect(await send("too late")).toBe(false);
});

describe("a member of a server that is out of sync", () => {
  test("is told so, and client.ts --reconnect comes back", async () => {
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

  test("cannot come back before the server is in the room again", async () => {
    const redis = await RedisServer.start();
    const server = await SharedServer.open(redis);
    const peer = await server.join();
    await redis.ask("FLUSHALL");
    await redis.ask("CONFIG", "SET", "maxmemory", "1");
    expect(await peer.hearsAll()).toBe(OUT_OF_SYNC);
    const early = await Peer.connect(server.port);
    expect(await early.hearsAll()).toBe("* this server is not in the room at the moment\n");
    await redis.ask("CONFIG", "SET", "maxmemory", "0");
    await server.logged("shares the room again");
    await server.join();
  });
});

testWith("redis-server", "chromium")(
  "a browser whose server is out of sync says so, and comes back",
  async () => {
    const redis = await RedisServer.start();
    const server = await ServerProgram.start("--redis", redis.url, "--web", "0");
    const tab = await Tab.open(await webUrl(server));
    try {
      await tab.enter("ann");
      await tab.isHere();
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
    } finally {
      await tab.navigate("about:blank");
      Bun.WebView.closeAll();
    }
  },
);
