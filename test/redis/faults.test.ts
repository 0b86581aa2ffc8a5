/** What people and machines do to a Redis that a room is in; the room goes on, or says why it does not. */

import { afterAll, describe, expect, setDefaultTimeout } from "bun:test";

import { opener } from "../../lib/redis/link.ts";
import type { Joined } from "../../lib/redis/stream.ts";
import { endAfterEach, runToEnd, serverCommand, ServerProgram } from "../harness.ts";
import { Tab } from "../harness/browser.ts";
import { testWith } from "../harness/tools.ts";
import { webUrl } from "../harness/web-peer.ts";
import { Company } from "./company.ts";
import { RedisServer } from "./redis-server.ts";

endAfterEach();
setDefaultTimeout(40_000);
afterAll(() => Bun.WebView.closeAll());

const test = testWith("redis-server");
const STREAM = "linechat:{linechat}";

const startServers = (count: number, url: string, ...options: string[]) =>
  Promise.all(Array.from({ length: count }, () => ServerProgram.start("--redis", url, ...options)));

/** How many servers are in the room, for all that Redis knows. */
const serversOf = async (redis: RedisServer) => {
  const fields = (await redis.ask("HKEYS", `${STREAM}:servers`)) as string[];
  return fields.filter((name) => /^[\w-]{12}$/.test(name)).length;
};

describe("what an administrator does delays lines and loses none", () => {
  const talkWhile = async (
    what: (redis: RedisServer, servers: readonly ServerProgram[]) => Promise<unknown>,
    ...options: string[]
  ) => {
    await using redis = await RedisServer.start();
    const servers = await startServers(2, redis.url, ...options);
    const company = await Company.gather(servers, 1);
    company.talk(500);
    await company.talkers[0]?.peer.until("a talk", () => company.said > 100);
    await what(redis, servers);
    const said = company.said;
    await company.talkers[0]?.peer.until("more of it", () => company.said > said + 100);
    await company.stop();
    await company.hearsAll();
    return servers.map(({ stderr }) => stderr.match(/redis is away: .*/g) ?? []);
  };
  const back = (servers: readonly ServerProgram[]) =>
    Promise.all(servers.map((server) => server.logged("redis is back after")));

  test("its scripts flushed", async () => {
    const flush = async (redis: RedisServer, servers: readonly ServerProgram[]) => {
      await redis.ask("SCRIPT", "FLUSH");
      // Who notices it first brings them back for all.
      await Promise.any(servers.map((server) => server.logged("redis is back after")));
    };
    for (const report of (await talkWhile(flush)).flat())
      expect(report).toBe("redis is away: NOSCRIPT No matching script");
  });

  test("a command that is not allowed for a while, and what the log says of it", async () => {
    const forbid = async (redis: RedisServer, servers: readonly ServerProgram[]) => {
      await redis.ask("ACL", "SETUSER", "default", "-xadd");
      for (const server of servers) await server.logged("redis is away");
      await redis.ask("ACL", "SETUSER", "default", "+xadd");
      await back(servers);
    };
    for (const reports of await talkWhile(forbid))
      expect(reports).toEqual([
        "redis is away: ERR The user executing the script can't run this command or subcommand",
      ]);
  });

  test("a value of another type under a key, until it is gone", async () => {
    const misuse = async (redis: RedisServer, servers: readonly ServerProgram[]) => {
      // At once: without a value, Redis would have forgotten.
      const rename = "redis.call('RENAME', KEYS[1], 'theirs') redis.call('SET', KEYS[1], 'mine')";
      await redis.ask("EVAL", rename, "1", `${STREAM}:servers`);
      for (const server of servers) await server.logged("redis is away");
      await Bun.sleep(200);
      await redis.ask("RENAME", "theirs", `${STREAM}:servers`);
      await back(servers);
    };
    for (const reports of await talkWhile(misuse, "--history", "1K"))
      expect(reports).toEqual([
        "redis is away: WRONGTYPE Operation against a key holding the wrong kind of value",
      ]);
  });
});

test("a server that cannot listen takes its leave of the others", async () => {
  await using redis = await RedisServer.start();
  const [server] = await startServers(1, redis.url);
  const where = ["--host", "127.0.0.1", `${server?.port}`];
  const { code, stderr } = await runToEnd(serverCommand("--redis", redis.url, ...where));
  expect([code, stderr]).toEqual([1, expect.stringContaining("address already in use")]);
  expect(await serversOf(redis)).toBe(1);
});

test("a server that cannot join leaves no trace with the others", async () => {
  await using redis = await RedisServer.start();
  const [server] = await startServers(1, redis.url, "--history", "9");
  await redis.ask("ACL", "SETUSER", "eve", "on", ">p", "~*", "+@all", "-xadd");
  const words = ["--redis", `redis://eve:p@127.0.0.1:${redis.port}`, "--history", "9", "0"];
  const stranger = await runToEnd(serverCommand(...words));
  expect(stranger).toEqual({
    code: 1,
    stdout: "",
    stderr:
      "linechat-server: cannot share the room linechat: ERR The user executing the script can't run this command or subcommand\n",
  });
  expect(await serversOf(redis)).toBe(1);
  const entries = JSON.stringify(await redis.ask("XRANGE", STREAM, "-", "+"));
  expect(new Set(entries.match(/(?<="about","\S+ )\S+/g)).size).toBe(1);
  expect(server?.stderr).not.toContain("redis is away");
});

testWith("redis-server", "chromium")(
  "a browser whose server is out of sync says so, and comes back",
  async () => {
    await using redis = await RedisServer.start();
    const [server] = await startServers(1, redis.url, "--web", "0");
    if (!server) throw new Error("no server");
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
    }
  },
);

test("a server with 20,000 names in the room comes back with all of them", async () => {
  await using redis = await RedisServer.start();
  const lost: string[] = [];
  const where = { url: new URL(redis.url), room: "lib", lineBytesMax: 64, options: "" };
  const joined = Promise.withResolvers<Joined>();
  const link = opener(where)(
    () => {
      const keys = Array.from({ length: 20_000 }, (_, at) => `member ${at}`);
      link.join({ by: "one", instead: "", number: 1, read: "", keys }, joined.resolve);
    },
    (_, why) => lost.push(why),
  );
  expect((await joined.promise).id).toBeString();
  expect(await redis.ask("HLEN", "linechat:{lib}:names")).toBe(20_000);
  expect(lost).toEqual([]);
  link.close();
});
