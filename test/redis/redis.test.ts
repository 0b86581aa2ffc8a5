/** One room on several servers, over a real redis-server, and what happens to it. */

import { describe, expect, setDefaultTimeout } from "bun:test";

import { endAfterEach, Peer, ServerProgram, startClient } from "../harness.ts";
import { figuresOf } from "../harness/figures.ts";
import { testWith } from "../harness/tools.ts";
import { Company } from "./company.ts";
import { Between, RedisServer } from "./redis-server.ts";

endAfterEach();
setDefaultTimeout(40_000);

const test = testWith("redis-server");
const OUT_OF_SYNC = "* server out of sync; please reconnect";

const share = (url: string, ...options: string[]) =>
  ServerProgram.start("--redis", url, ...options);
const startServers = (count: number, url: string, ...options: string[]) =>
  Promise.all(Array.from({ length: count }, () => share(url, ...options)));

describe("servers that share a room over Redis are one room", () => {
  test("in one order, and never one's own", async () => {
    await using redis = await RedisServer.start();
    const company = await Company.gather(await startServers(3, redis.url), 2);
    company.talk(2000, 300);
    await company.hasSaidAll();
    await company.hearsAll();
  });

  test("but not with those of another name", async () => {
    await using redis = await RedisServer.start();
    const [one, other] = [await share(redis.url), await share(redis.url, "--room", "other")];
    const third = await share(redis.url, "--room", "other");
    const [ann, bob, eve] = [await one.join(), await other.join(), await third.join()];
    ann.say("for nobody\n");
    eve.say("for bob\n");
    await bob.hears("for bob\n");
    expect(bob.text).toBe("for bob\n");
  });

  test("any bytes pass: NUL, invalid UTF-8, CR LF, all there are, and lines of 64 KiB", async () => {
    await using redis = await RedisServer.start();
    const [one, other] = await startServers(2, redis.url);
    const [ann, bob] = [await one?.join(), await other?.join()];
    const all = Buffer.from(
      Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => byte !== 10),
    );
    const long = Buffer.alloc(65_535, all);
    const said = Buffer.concat(
      [
        all,
        Buffer.from("a\0b\r"),
        Buffer.from([0xc3, 0x28, 0xff, 0xfe, 0xed, 0xa0, 0x80]),
        long,
        long,
      ].flatMap((line) => [line, Buffer.from("\n")]),
    );
    ann?.say(said);
    await bob?.hearsBytes(said.length);
    expect(bob?.heard.equals(said)).toBe(true);
  });

  test("a member that half-closes gets what was said before at the other servers", async () => {
    await using redis = await RedisServer.start();
    const [one, other] = await startServers(2, redis.url);
    const [ann, bob] = [await one?.join(), await other?.join()];
    const lines = Array.from({ length: 500 }, (_, count) => `${count}\n`).join("");
    ann?.say(lines);
    ann?.endInput();
    bob?.say("the end\n");
    await bob?.hears("499\n");
    bob?.endInput();
    expect(await bob?.hearsAll()).toBe(lines);
    expect(["", "the end\n"]).toContain((await ann?.hearsAll()) ?? "");
  });

  test("SIGTERM: what members have said is with the others before the server exits", async () => {
    await using redis = await RedisServer.start();
    const [one, other] = await startServers(2, redis.url);
    const bob = await other?.join({ countOnly: true });
    const ann = await one?.join();
    const lines = Buffer.from("a line of twenty byt\n".repeat(20_000));
    await ann?.sayAll(lines);
    await bob?.hearsBytes(1);
    expect(await one?.stop()).toBe(0);
    expect(one?.stderr).not.toContain("no place");
    const heardBytes = bob?.heardBytes ?? 0;
    const carl = await other?.join();
    carl?.say("end\n");
    await bob?.hearsBytes(heardBytes + 4);
    // Whole lines, as far as they had come in when it was told to stop.
    expect(((bob?.heardBytes ?? 0) - 4) % 21).toBe(0);
    expect(other?.stderr).not.toContain("considered down");
  });
});

test("SIGTERM while Redis is away: what has no place is counted, within the grace time", async () => {
  await using redis = await RedisServer.start();
  const server = await share(redis.url);
  const ann = await server.join();
  await redis.kill();
  await server.logged("redis is away");
  await ann.sayAll("a\nb\nc\n");
  await Bun.sleep(200); // Nothing tells that they have come in.
  server.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  expect(server.stderr).toContain("lines lost, as they have no place: 3\n");
});

test("figures and health tell whether Redis is there, and how far behind the room is", async () => {
  await using redis = await RedisServer.start();
  const [one, other] = await startServers(2, redis.url, "--metrics", "0");
  if (!one || !other) throw new Error("no servers");
  const { figure, becomes, health, url } = await figuresOf(one);
  const [ann, bob] = [await one.join(), await other.join()];
  ann.say("hello\n");
  await bob.hears("hello\n");
  expect(await health()).toBe("200 ok");
  expect(await figure("linechat_stream_up")).toBe(1);
  await becomes("linechat_stream_servers", 2);
  await becomes("linechat_stream_owed_bytes", 0);
  expect(await figure("linechat_stream_lag_seconds")).toBeLessThan(2);
  await redis.kill();
  await one.logged("redis is away");
  expect(await health()).toBe("503 redis is away");
  ann.say("waits\n");
  await becomes("linechat_stream_owed_bytes", 6);
  expect(await figure("linechat_stream_up")).toBe(0);
  expect(await figure("linechat_stream_lag_seconds")).toBeGreaterThan(0);
  await redis.start();
  await bob.hears("waits\n");
  await one.logged("redis is back");
  expect(await health()).toBe("200 ok");
  expect(await figure("linechat_stream_up")).toBe(1);
  expect(await (await fetch(url)).text()).toContain("# HELP linechat_stream_lag_seconds ");
});

test("a server without others has no figures of a stream", async () => {
  const { figure, url } = await figuresOf(await ServerProgram.start("--metrics", "0"));
  expect(await figure("linechat_log_owed_bytes")).toBe(0);
  expect(await (await fetch(url)).text()).not.toContain("stream");
});

describe("--history is that of the whole room", () => {
  const lines = (first: number, last: number) =>
    Array.from({ length: last - first + 1 }, (_, at) => `${first + at} \xff\u20ac\n`).join("");

  test("at each server, and it survives a restart of all of them", async () => {
    await using redis = await RedisServer.start();
    const [one, other] = await startServers(2, redis.url, "--history", "100");
    const [ann, bob, carl] = [await one?.join(), await other?.join(), await other?.join()];
    ann?.say(lines(1, 150));
    await bob?.hears("150 ");
    bob?.say(lines(151, 160));
    for (const peer of [ann, carl]) await peer?.hears("160 ");
    const mark = "* end of history\n";
    const expected = Buffer.from(lines(61, 160)).toString("latin1") + mark;
    for (const server of [one, other]) {
      const newcomer = await server?.join();
      await newcomer?.hears(mark);
      expect(newcomer?.text).toBe(expected);
    }
    for (const server of [one, other]) await server?.stop();
    await redis.kill();
    await redis.start();
    const third = await share(redis.url, "--history", "100");
    const newcomer = await third.join();
    await newcomer.hears(mark);
    const fourth = await share(redis.url, "--history", "100");
    const talker = await fourth.join({ says: "and on\n" });
    await newcomer.hears("and on\n");
    expect(newcomer.text).toBe(`${expected}and on\n`);
    await talker.hears(mark);
    expect(talker.text).toBe(expected);
  });

  test("and is bounded in Redis, in bytes", async () => {
    await using redis = await RedisServer.start();
    const [one, other] = await startServers(2, redis.url, "--history", "100K");
    const [ann, bob] = [await one?.join(), await other?.join({ countOnly: true })];
    const said = Buffer.from(`${"\xff".repeat(999)}\n`.repeat(1000), "latin1");
    ann?.say(said);
    await bob?.hearsBytes(said.length);
    const key = "linechat:{linechat}:history";
    const kept = String(await redis.ask("LRANGE", key, "0", "-1")).length;
    expect(kept).toBeGreaterThan(100 << 10);
    expect(kept).toBeLessThan(250 << 10);
    for (const server of [one, other]) await server?.stop();
    const newcomer = await (await share(redis.url, "--history", "100K")).join();
    await newcomer.hears("* end of history\n");
    expect(newcomer.heard.indexOf("* end")).toBeGreaterThan(101_000);
    expect(said.includes(newcomer.heard.subarray(0, newcomer.heard.indexOf("* end")))).toBe(true);
  });

  test("what was sent before the server was out of sync is no history", async () => {
    await using redis = await RedisServer.start();
    const server = await share(redis.url, "--history", "100");
    const ann = await server.join();
    ann.say("before\n");
    await redis.ask("FLUSHALL");
    await ann.endOfInput();
    await server.logged("shares the room again");
    const bob = await server.join({ says: "after\n" });
    const carl = await server.join();
    await carl.hears("after\n");
    const mark = "* end of history\n";
    await carl.hears(mark);
    expect([bob.text, carl.text.replace(mark, "")]).toEqual([mark, "after\n"]);
  });
});

describe("--names: a name belongs to one member of the whole room", () => {
  const says = (name: string) => ({ says: `${name}\n` });
  const taken = (name: string) => `* the name ${name} is taken\n`;

  test("the first client that asks has it; it is free again when that one has left", async () => {
    await using redis = await RedisServer.start();
    const [one, other] = await startServers(2, redis.url, "--names", "--announce");
    const ann = await one?.connectNamed("ann");
    const bob = await other?.connectNamed("bob");
    ann?.say("hello\nann: again\n");
    await bob?.hears("ann: hello\nann: again\n");
    for (const server of [one, other])
      for (const name of ["Ann", "bob"]) {
        const late = await Peer.connect(server?.port ?? 0, says(name));
        expect(await late.hearsAll()).toEndWith(taken(name));
      }
    ann?.say("the last\n");
    ann?.endInput();
    await bob?.hears("ann: the last\n* ann left\n");
    const next = await other?.connectNamed("ANN");
    next?.say("new\n");
    const carl = await one?.connectNamed("carl");
    bob?.say("to carl\n");
    await carl?.hears("bob: to carl\n");
  });

  test("of many who want it at once, at several servers, one gets it", async () => {
    await using redis = await RedisServer.start();
    const servers = await startServers(3, redis.url, "--names");
    const witness = await servers[0]?.connectNamed("witness");
    const peers = await Promise.all(
      Array.from({ length: 30 }, (_, at) =>
        Peer.connect(servers[at % 3]?.port ?? 0, { says: `zoë: I am ${at}\n` }),
      ),
    );
    const isRefused = (peer: Peer) => peer.heard.toString().endsWith(taken("zoë"));
    while (peers.filter(isRefused).length < 29) await Bun.sleep(10);
    const owner = peers.find((peer) => !isRefused(peer));
    owner?.say("at last\n");
    await witness?.hears("at last\n");
    expect(witness?.heard.toString().match(/zoë: I am \d+\n/g)).toHaveLength(1);
  });

  test("those of a server that was killed are free when it is considered down", async () => {
    await using redis = await RedisServer.start();
    const [one, other] = await startServers(2, redis.url, "--names");
    await one?.connectNamed("ann");
    const bob = await other?.connectNamed("bob");
    one?.kill("SIGKILL");
    const early = await Peer.connect(other?.port ?? 0, says("ann"));
    expect(await early.hearsAll()).toEndWith(taken("ann"));
    await other?.logged("is considered down");
    const ann = await other?.connectNamed("ann");
    ann?.say("I am back\n");
    await bob?.hears("ann: I am back\n");
  });

  test("lost answers, and a Redis that was killed, give no name to two", async () => {
    await using redis = await RedisServer.start();
    using between = await Between.open(redis.port);
    const one = await share(redis.url, "--names");
    const other = await share(between.url, "--names");
    const witness = await one.connectNamed("witness");
    between.swallows = true;
    const ann = await Peer.connect(other.port, { says: "ann: first\n" });
    await Bun.sleep(200);
    between.swallows = false;
    between.cut();
    await witness.hears("ann: first\n");
    const late = await Peer.connect(one.port, says("ann"));
    expect(await late.hearsAll()).toEndWith(taken("ann"));
    await redis.kill();
    ann.endInput();
    const next = await Peer.connect(one.port, { says: "bob: second\n" });
    await redis.start();
    await ann.endOfInput();
    // The name is given back once all that was said under it has its place.
    while (one.count(/ joined ann /) === 0) {
      await Peer.connect(one.port, { says: "ann: third\n" });
      await Bun.sleep(50);
    }
    await witness.hears("ann: third\n");
    expect(witness.text).toEndWith("bob: second\nann: third\n");
    await next.end();
  });
});

test("--announce tells all members of all servers, in the one order", async () => {
  await using redis = await RedisServer.start();
  const [one, other] = await startServers(2, redis.url, "--announce");
  const bob = await other?.join();
  const ann = await one?.join();
  await bob?.hears(`* ${ann?.name} joined\n`);
  ann?.say("hello\n");
  ann?.endInput();
  await bob?.hears(`* ${ann?.name} left\n`);
  expect(bob?.text).toEndWith(`* ${ann?.name} joined\nhello\n* ${ann?.name} left\n`);
});

describe("a Redis that fails delays lines and loses none, and none comes twice", () => {
  test("killed during a load, twice", async () => {
    await using redis = await RedisServer.start();
    const servers = await startServers(3, redis.url);
    const company = await Company.gather(servers, 1);
    company.talk(1000);
    for (let round = 0; round < 2; round++) {
      await Bun.sleep(400);
      await redis.kill();
      await Bun.sleep(300);
      await redis.start();
      for (const server of servers)
        await server.until("Redis to be back", () => server.count(/redis is back after/) > round);
    }
    await company.stop();
    await company.hearsAll();
    expect(company.said).toBeGreaterThan(1000);
    for (const server of servers) await server.logged(/redis is away: \S.*\n/);
  });

  test("its replies swallowed, and the connection cut", async () => {
    await using redis = await RedisServer.start();
    using between = await Between.open(redis.port);
    const servers = [
      ...(await startServers(1, redis.url)),
      ...(await startServers(2, between.url)),
    ];
    const company = await Company.gather(servers, 1);
    company.talk(1000);
    for (let round = 0; round < 3; round++) {
      await Bun.sleep(200);
      between.swallows = true;
      await Bun.sleep(100);
      between.swallows = false;
      between.cut();
      for (const server of servers.slice(1))
        await server.until("Redis to be back", () => server.count(/redis is back after/) > round);
    }
    await company.stop();
    await company.hearsAll();
  });

  test("its replies swallowed for good: after 5 s there is another connection", async () => {
    await using redis = await RedisServer.start();
    using between = await Between.open(redis.port);
    const [one, other] = [await share(redis.url), await share(between.url)];
    const [ann, bob] = [await one.join(), await other.join()];
    between.swallows = true;
    bob.say("hello\n");
    await other.logged("redis is away: no answer for 5 s");
    between.swallows = false;
    await other.logged("redis is back after");
    ann.say("hello bob\n");
    await bob.hears("hello bob\n");
    expect(ann.text).toBe("hello\n");
  });

  test("stopped for a while; meanwhile talkers are slowed, and memory stays bounded", async () => {
    await using redis = await RedisServer.start();
    const [one, other] = await startServers(2, redis.url);
    const [ann, bob] = [await one?.join(), await other?.join({ countOnly: true })];
    ann?.say("a first line\n");
    await bob?.hearsBytes(13);
    const before = (await one?.memoryBytes()) ?? 0;
    redis.standStill();
    const flood = Buffer.from(`${"x".repeat(63)}\n`.repeat(1024));
    let taken = 0;
    const talk = (async () => {
      for (; taken < 1024 && (await ann?.sayAll(flood)); taken++);
    })();
    await Bun.sleep(1500);
    const held = taken;
    // 2 MiB of lines, what the system holds, and a reading.
    expect(held).toBeLessThan(400);
    expect(((await one?.memoryBytes()) ?? 0) - before).toBeLessThan(64 << 20);
    redis.goOn();
    await talk;
    await bob?.hearsBytes(13 + 1024 * flood.length, 20_000);
    expect(bob?.heardBytes).toBe(13 + 1024 * flood.length);
  });

  test("without memory for a while", async () => {
    await using redis = await RedisServer.start();
    const servers = await startServers(2, redis.url);
    const company = await Company.gather(servers, 1);
    company.talk(500);
    await Bun.sleep(200);
    await redis.ask("CONFIG", "SET", "maxmemory", "1mb");
    for (const server of servers) await server.logged(/redis is away: OOM/);
    await redis.ask("CONFIG", "SET", "maxmemory", "0");
    for (const server of servers) await server.logged(/redis is back after/);
    await company.stop();
    await company.hearsAll();
  });
});

describe("a Redis that has forgotten is noticed", () => {
  /** All receive the same, up to where they are told. */
  const areDisconnected = async (company: Company, servers: readonly ServerProgram[]) => {
    for (const { peer } of company.talkers) await peer.endOfInput();
    await company.stop();
    company.compare();
    for (const talker of company.talkers) expect(talker.lastWord).toBe(OUT_OF_SYNC);
    for (const server of servers) {
      await server.logged(/out of sync: \S.*\n/);
      await server.logged(/left \S+: out of sync/);
      await server.logged(/shares the room again, as server \S{12}\n/);
    }
    const next = await Company.gather(servers, 1);
    next.talk(1000, 50);
    await next.hasSaidAll();
    await next.hearsAll();
  };

  for (const [when, linesPerSecond] of [
    ["while members talk", 500],
    ["in a room in which nobody talks, within a second or two", 0],
  ] as const)
    test(`after FLUSHALL ${when}: all members are disconnected, and the room goes on`, async () => {
      await using redis = await RedisServer.start();
      const servers = await startServers(3, redis.url);
      const company = await Company.gather(servers, 1);
      if (linesPerSecond > 0) company.talk(linesPerSecond);
      await Bun.sleep(linesPerSecond > 0 ? 300 : 0);
      await redis.ask("FLUSHALL");
      await areDisconnected(company, servers);
    });

  test("after an old append-only file was put back", async () => {
    await using redis = await RedisServer.start();
    const servers = await startServers(3, redis.url);
    const company = await Company.gather(servers, 1);
    company.talk(500);
    await Bun.sleep(200);
    redis.keep("old");
    await Bun.sleep(300);
    await redis.kill();
    redis.putBack("old");
    await redis.start();
    await areDisconnected(company, servers);
  });
});

describe("a server that fails takes only its own members", () => {
  test("killed: the others go on at once, and wait for it no more after 5 s", async () => {
    await using redis = await RedisServer.start();
    const servers = await startServers(3, redis.url);
    const [dying, ...others] = servers;
    const company = await Company.gather(others, 1);
    const victim = await dying?.join();
    company.talk(500);
    dying?.kill("SIGKILL");
    await victim?.endOfInput();
    for (const server of others) await server.logged(/ server \S{12} is considered down\n/);
    await company.stop();
    await company.hearsAll();
  });

  test("killed: a server at which nobody says anything, while others talk, waits no more either", async () => {
    await using redis = await RedisServer.start();
    const [dying, quiet, loud] = await startServers(3, redis.url);
    const [bob, ann] = [await quiet?.join({ countOnly: true }), await loud?.join()];
    let isTalking = true;
    const talk = (async () => {
      while (isTalking && (await ann?.sayAll("a line\n"))) await Bun.sleep(1);
    })();
    await bob?.hearsBytes(700);
    dying?.kill("SIGKILL");
    await quiet?.logged(/ server \S{12} is considered down\n/);
    isTalking = false;
    await talk;
  });

  test("stopped for a moment, it goes on where it was", async () => {
    await using redis = await RedisServer.start();
    const servers = await startServers(2, redis.url);
    const company = await Company.gather(servers, 1);
    company.talk(500);
    await Bun.sleep(200);
    servers[0]?.kill("SIGSTOP");
    await Bun.sleep(1500);
    servers[0]?.kill("SIGCONT");
    await Bun.sleep(200);
    await company.stop();
    await company.hearsAll();
    for (const server of servers) expect(server.stderr).not.toMatch(/considered down|out of sync/);
  });
});

test("a server that is out of sync is considered down, as it comes back under another name", async () => {
  await using redis = await RedisServer.start();
  const [one, other] = await startServers(2, redis.url, "--metrics", "0");
  const [ann, bob] = [await one?.join(), await other?.join()];
  one?.kill("SIGSTOP");
  for (let count = 0; count < 3; count++) {
    bob?.say(`${count}\n`);
    await Bun.sleep(300);
  }
  await redis.ask("XTRIM", "linechat:{linechat}", "MAXLEN", "0");
  one?.kill("SIGCONT");
  expect(await ann?.hearsAll()).toEndWith(`${OUT_OF_SYNC}\n`);
  await one?.logged("shares the room again");
  const carl = await one?.join({ says: "hello\n" });
  await bob?.hears("hello\n");
  bob?.say("back\n");
  await carl?.hears("back\n");
  const [, url = ""] = /metrics at (\S+)/.exec(other?.stderr ?? "") ?? [];
  expect(await (await fetch(url)).text()).toContain("linechat_stream_servers 2\n");
});

describe("a member of a server that is out of sync", () => {
  test("is told so, and client.ts --reconnect comes back", async () => {
    await using redis = await RedisServer.start();
    const server = await share(redis.url);
    const client = startClient(server.port, "--reconnect");
    await server.members(1);
    await redis.ask("FLUSHALL");
    await server.until("it to come back", () => server.count(/ joined /) === 2);
    const peer = await server.join({ says: "welcome back\n" });
    await client.printed("welcome back\n");
    client.say("here I am\n");
    await peer.hears("here I am\n");
  });

  test("cannot come back before the server is in the room again", async () => {
    await using redis = await RedisServer.start();
    const server = await share(redis.url);
    const peer = await server.join();
    await redis.ask("FLUSHALL");
    await redis.ask("CONFIG", "SET", "maxmemory", "1");
    expect(await peer.hearsAll()).toBe(`${OUT_OF_SYNC}\n`);
    const early = await Peer.connect(server.port);
    expect(await early.hearsAll()).toBe("* this server is not in the room at the moment\n");
    await redis.ask("CONFIG", "SET", "maxmemory", "0");
    await server.logged("shares the room again");
    await server.join();
  });
});
