/** What happens to a room when its Redis, a connection to it, or one of its servers fails. */

import { describe, expect } from "bun:test";

import { endAfterEach, Peer, ServerProgram } from "../harness.ts";
import { Between } from "../harness/between.ts";
import { Company } from "./company.ts";
import { RedisServer, testOverRedis as test } from "./redis-server.ts";
import { SharedServer } from "./shared-server.ts";

endAfterEach();

const STREAM = "linechat:{linechat}";
const SERVERS = `${STREAM}:servers`;
const OUT_OF_SYNC = "* server out of sync; please reconnect";
const NAMED = { names: true, announce: true };

const share = (redis: RedisServer, ...options: string[]) =>
  ServerProgram.start("--redis", redis.url, ...options);

/** How many servers are in the room, for all that Redis knows. */
const serversOf = async (redis: RedisServer) => {
  const fields = (await redis.ask("HKEYS", SERVERS)) as string[];
  return fields.filter((name) => /^[\w-]{12}$/.test(name)).length;
};

describe("delays lines and loses none, and none comes twice: a Redis", () => {
  interface Scene {
    readonly redis: RedisServer;
    readonly between: Between;
    readonly company: Company;
    readonly servers: readonly SharedServer[];
    /** Those of them that reach it through what is between. */
    readonly behind: readonly SharedServer[];
  }
  const isAway = (server: SharedServer) => server.logged("redis is away");
  const isBack = (server: SharedServer) => server.logged("redis is back after");
  type Command = readonly [string, ...string[]];
  /** Something is wrong with it until all have noticed. */
  const forAWhile =
    (begin: Command, end: Command) =>
    async ({ redis, servers }: Scene) => {
      await redis.ask(...begin);
      await Promise.all(servers.map(isAway));
      await redis.ask(...end);
      await Promise.all(servers.map(isBack));
    };
  // At once: without a value, Redis would have forgotten.
  const rename = "redis.call('RENAME', KEYS[1], 'theirs') redis.call('SET', KEYS[1], 'mine')";
  /** What is done while members talk, and what the log says of it. */
  const table: Record<string, readonly [why: RegExp, what: (scene: Scene) => Promise<unknown>]> = {
    "that is killed": [
      /^the connection was lost|connection refused$/,
      async ({ redis, company, servers }) => {
        await redis.kill();
        await company.says(50);
        await redis.start();
        await Promise.all(servers.map(isBack));
      },
    ],
    "whose replies are swallowed, and the connections cut": [
      /^the connection was lost$/,
      async ({ between, company, behind }) => {
        between.swallows = true;
        await company.says(50);
        between.swallows = false;
        between.cut();
        await Promise.all(behind.map(isBack));
      },
    ],
    "whose replies are swallowed for good": [
      /^no answer for 5 s$/,
      async ({ between, behind }) => {
        between.swallows = true;
        await Promise.all(behind.map(isAway));
        between.swallows = false;
        await Promise.all(behind.map(isBack));
      },
    ],
    "that has no memory for a while": [
      /^OOM command not allowed when used memory > 'maxmemory'$/,
      forAWhile(["CONFIG", "SET", "maxmemory", "1mb"], ["CONFIG", "SET", "maxmemory", "0"]),
    ],
    "whose scripts are flushed": [
      /^NOSCRIPT No matching script$/,
      async ({ redis, behind }) => {
        await redis.ask("SCRIPT", "FLUSH");
        // The server that notices it first brings them back for all.
        await Promise.any(behind.map(isBack));
      },
    ],
    "that does not allow a command for a while": [
      /^ERR The user executing the script can't run this command or subcommand$/,
      forAWhile(["ACL", "SETUSER", "default", "-xadd"], ["ACL", "SETUSER", "default", "+xadd"]),
    ],
    "that has something else under the key for a while": [
      /^WRONGTYPE Operation against a key holding the wrong kind of value$/,
      forAWhile(["EVAL", rename, "1", SERVERS], ["RENAME", "theirs", SERVERS]),
    ],
  };
  for (const [what, [why, happens]] of Object.entries(table))
    test(what, async () => {
      const redis = await RedisServer.start();
      const between = await Between.open(redis.port);
      const near = [await SharedServer.open(redis)];
      const behind = await SharedServer.openSome(2, between);
      const servers = [...near, ...behind];
      const company = await Company.gather(servers);
      company.talk(500);
      await company.says(100);
      await happens({ redis, between, company, servers, behind });
      await company.says(100);
      await company.stop();
      await company.hearsAll();
      for (const { log } of servers)
        for (const [, report = ""] of log.matchAll(/redis is away: (.*)/g))
          expect(report).toMatch(why);
    });
});

test("a Redis that stands still slows senders, and memory stays bounded", async () => {
  const redis = await RedisServer.start();
  const [one, other] = [await share(redis), await share(redis)];
  const [ann, bob] = [await one.join(), await other.join({ countOnly: true })];
  ann.say("a first line\n");
  await bob.hearsBytes(13);
  const before = one.memoryBytes();
  redis.standStill();
  const flood = Buffer.from(`${"x".repeat(63)}\n`.repeat(1024));
  let taken = 0;
  const talk = (async () => {
    for (; taken < 512 && (await ann.sayAll(flood)); taken++);
  })();
  for (let last = -1; last !== taken; await Bun.sleep(300)) last = taken;
  // 2 MiB of lines, what the system holds, and a reading.
  expect(taken).toBeLessThan(400);
  expect(one.memoryBytes() - before).toBeLessThan(64 << 20);
  redis.goOn();
  await talk;
  await bob.hearsBytes(13 + 512 * flood.length);
  expect(bob.heardBytes).toBe(13 + 512 * flood.length);
});

describe("a Redis that has forgotten is noticed, all members are disconnected, and the room goes on", () => {
  const forgets = async (linesPerSecond: number, forget: (redis: RedisServer) => unknown) => {
    const redis = await RedisServer.start();
    const servers = await SharedServer.openSome(3, redis);
    const company = await Company.gather(servers);
    if (linesPerSecond > 0) company.talk(linesPerSecond);
    if (linesPerSecond > 0) await company.says(100);
    await forget(redis);
    for (const { peer } of company.talkers) await peer.endOfInput();
    await company.stop();
    company.compare();
    for (const talker of company.talkers) expect(talker.lastWord).toBe(OUT_OF_SYNC);
    for (const server of servers) {
      await server.logged(/out of sync: \S.*\n/);
      await server.logged(/left \S+: out of sync/);
      await server.logged(/shares the room again, as server \S{12}\n/);
    }
    const next = await Company.gather(servers);
    next.talk(1000);
    await next.says(50);
    await next.stop();
    await next.hearsAll();
  };
  const flush = (redis: RedisServer) => redis.ask("FLUSHALL");

  test("after FLUSHALL while members talk", () => forgets(500, flush));
  test("after FLUSHALL in a room in which nobody talks", () => forgets(0, flush));
  test("after an old append-only file was put back", () =>
    forgets(500, async (redis) => {
      redis.keep("old");
      await Bun.sleep(300);
      await redis.kill();
      redis.putBack("old");
      await redis.start();
    }));
});

test("a server that is killed, while the clock of Redis is set back, takes only its own members, and leaves nothing", async () => {
  const redis = await RedisServer.start();
  const dying = await share(redis, "--names", "--announce");
  const [quiet, loud] = await SharedServer.openTwo(redis, NAMED);
  const bob = await quiet.joinNamed("bob");
  const dora = await loud.joinNamed("dora");
  for (const name of ["ann", "carl"]) await dying.connectNamed(name);
  await bob.hears("* carl joined\n");
  // Ids go on from that of the last entry, as after a clock that was an hour ahead.
  await redis.ask("XSETID", STREAM, `${Date.now() + 3_600_000}-0`);
  dying.kill("SIGKILL");
  const early = await Peer.connect(quiet.port, { says: "ann\n" });
  expect(await early.hearsAll()).toEndWith("* the name ann is taken\n");
  const isDown = quiet.logged(/^server \S{12} is considered down$/m);
  const talk = setInterval(() => dora.say("a line\n"), 5);
  await isDown;
  clearInterval(talk);
  await loud.logged("is considered down");
  await bob.hears("* ann left\n* carl left\n");
  expect(await serversOf(redis)).toBe(2);
  const names = (await redis.ask("HKEYS", `${STREAM}:names`)) as string[];
  expect(names.filter((name) => /ann|carl/.test(name))).toEqual([]);
  const ann = await quiet.joinNamed("ann");
  ann.say("I am back\n");
  await dora.hears("ann: I am back\n");
  const metrics = { host: "127.0.0.1", port: 0 };
  const newcomer = await SharedServer.open(redis, { ...NAMED, metrics });
  await newcomer.figures.becomes("linechat_stream_servers", 3);
  expect(newcomer.log).not.toContain("considered down");
});

test("a server whose reader is slow stays in the room, and costs only that reader the connection", async () => {
  const redis = await RedisServer.start();
  const limits = { logBytes: 128 << 10, patienceMs: 6_000 };
  const [one, other] = await SharedServer.openTwo(redis, limits);
  const [ann, bob] = [await one.join({ countOnly: true }), await other.join()];
  (await one.join()).pause();
  const line = Buffer.from(`${"x".repeat(1023)}\n`);
  let sent = 0;
  while (one.count(/^left \S+: too slow/) === 0 && (await bob.sayAll(line))) sent++;
  for (let count = 0; count < 100 && (await bob.sayAll(line)); count++) sent++;
  await ann.hearsBytes(sent * line.length);
  expect(ann.heardBytes).toBe(sent * line.length);
  for (const server of [one, other])
    expect(server.log).not.toMatch(/considered down|out of sync|redis is away/);
});

describe("a server that comes back in time goes on where it was, and no line is lost", () => {
  const LINES = 60;
  /** @param isCut whether it is cut off; else it sleeps */
  const comesBack = async (isCut: boolean) => {
    const redis = await RedisServer.start();
    const between = await Between.open(redis.port);
    const sleeper = await ServerProgram.start("--redis", between.url, "--names", "--announce");
    const others = await SharedServer.openSome(2, redis, NAMED);
    const bobs = await Promise.all(others.map((one, at) => one.joinNamed(`bob${at}`)));
    const peers = [await sleeper.connectNamed("ann"), ...bobs];
    await peers[1]?.hears("* ann joined\n");
    for (const peer of peers) peer.say("0!\n");
    if (isCut) between.swallows = true;
    else sleeper.kill("SIGSTOP");
    const longEnough = Bun.sleep(isCut ? 0 : 5_500); // Answers that it finds then are not late.
    let sent = 1;
    const send = () => {
      for (const peer of peers) peer.say(`${sent}!\n`);
      sent++;
    };
    const talk = setInterval(() => sent < LINES && send(), 50);
    await peers[1]?.hears("* ann left\n");
    while (sent < LINES) await Bun.sleep(10);
    clearInterval(talk);
    await longEnough;
    if (isCut) {
      between.swallows = false;
      between.cut();
    } else sleeper.kill("SIGCONT");
    const all = Array.from({ length: LINES }, (_, at) => `${at}`);
    for (const [at, peer] of peers.entries())
      for (const name of ["ann", "bob0", "bob1"].filter((_, other) => other !== at)) {
        await peer.hears(`${name}: ${LINES - 1}!\n`);
        const heard = peer.heard.toString().match(new RegExp(`(?<=${name}: )\\d+`, "g"));
        expect([...(heard ?? [])]).toEqual(all);
      }
    expect(others.some(({ log }) => log.includes("is considered down"))).toBe(true);
    for (const log of [sleeper.stderr, ...others.map(({ log }) => log)])
      expect(log).not.toContain("out of sync");
    if (!isCut) expect(sleeper.stderr).not.toContain("no answer");
  };
  test("after it has slept until it was considered down", () => comesBack(false));
  test("after it was cut off until it was considered down", () => comesBack(true));
});

test("a server that is out of sync is another one from then on, and the old one is gone", async () => {
  const redis = await RedisServer.start();
  const one = await share(redis);
  const other = await SharedServer.open(redis, { metrics: { host: "127.0.0.1", port: 0 } });
  const [ann, bob] = [await one.join(), await other.join()];
  one.kill("SIGSTOP");
  const last = () => redis.ask("HGET", SERVERS, "last");
  for (let count = 0; count < 3; count++) {
    const before = await last();
    bob.say(`${count}\n`);
    while ((await last()) === before) await Bun.sleep(5);
  }
  await redis.ask("XTRIM", STREAM, "MAXLEN", "0");
  bob.say("it follows nothing\n");
  one.kill("SIGCONT");
  expect(await ann.hearsAll()).toEndWith(`${OUT_OF_SYNC}\n`);
  await one.logged("shares the room again");
  const carl = await one.join({ says: "hello\n" });
  await bob.hears("hello\n");
  bob.say("back\n");
  await carl.hears("back\n");
  await other.figures.becomes("linechat_stream_servers", 2);
});
