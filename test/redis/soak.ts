/**
 * `bun run soak --redis`: three servers that share a room, members who talk on each,
 * and all that may happen to Redis, to the connections and to the servers, at random.
 * In the end of each round every line is accounted for.
 */

import { ServerProgram } from "../harness.ts";
import { Between } from "../harness/between.ts";
import { Random } from "../simulation/random.ts";
import { Company } from "./company.ts";
import { RedisServer } from "./redis-server.ts";

const SERVERS = 3;
const TALKERS_EACH = 2;
const LINES_PER_SECOND = 1_000;
/** A log that is soon full of what a reader that has stopped does not take. */
const OPTIONS = ["--buffer", "128K", "--patience", "3"];
/** How many faults come before the lines are counted. */
const FAULTS_A_ROUND = 6;
/** The servers keep so much of what was said in memory, at the most, besides what Bun takes. */
const MEMORY_MAX = 400 << 20;

/** What may happen while nothing is lost. */
const FAULTS = {
  "Redis is killed": async ({ redis, random }) => {
    await redis.kill();
    await Bun.sleep(random.below(1500));
    await redis.start();
  },
  "Redis stands still for a moment": async ({ redis, random }) => {
    redis.standStill();
    await Bun.sleep(random.below(3000));
    redis.goOn();
  },
  "Redis stands still for long": async ({ redis, random }) => {
    redis.standStill();
    await Bun.sleep(6000 + random.below(4000));
    redis.goOn();
  },
  "replies are swallowed, connections cut": async ({ between, random }) => {
    between.swallows = true;
    await Bun.sleep(random.below(3000));
    between.swallows = false;
    between.cut();
  },
  "connections are cut": async ({ between }) => between.cut(),
  "Redis has no memory": async ({ redis, random }) => {
    await redis.ask("CONFIG", "SET", "maxmemory", "1mb");
    await Bun.sleep(random.below(2000));
    await redis.ask("CONFIG", "SET", "maxmemory", "0");
  },
  "a server sleeps for a moment": async ({ servers, random }) => {
    const server = random.pick(servers);
    server.kill("SIGSTOP");
    await Bun.sleep(random.below(3000));
    server.kill("SIGCONT");
  },
  "a server sleeps until it is considered down": async ({ servers, random }) => {
    const server = random.pick(servers);
    server.kill("SIGSTOP");
    await Bun.sleep(6_000 + random.below(4_000));
    server.kill("SIGCONT");
  },
  "servers are cut off until they are considered down": async ({ between, random }) => {
    between.swallows = true;
    await Bun.sleep(6_000 + random.below(4_000));
    between.swallows = false;
    between.cut();
  },
  "a reader stops": async ({ servers, random }) => {
    const reader = await random.pick(servers).join({ countOnly: true });
    reader.pause();
    await Bun.sleep(6_000);
    await reader.end();
  },
  "the clock of Redis is set back": async ({ redis }) => {
    // Ids go on from that of the last entry, as after a clock that was a minute ahead.
    const last = String(await redis.ask("HGET", "linechat:{linechat}:servers", "last"));
    const ms = Number.parseInt(last, 10) + 60_000;
    await redis.ask("XSETID", "linechat:{linechat}", `${ms}-0`);
  },
  "a server comes, and is killed": async ({ url, random }) => {
    const server = await ServerProgram.start("--redis", url, ...OPTIONS);
    const guest = await server.join({ countOnly: true });
    await Bun.sleep(random.below(1000));
    await server.end();
    await guest.end();
  },
  "a server comes, and stops": async ({ url, random }) => {
    const server = await ServerProgram.start("--redis", url, ...OPTIONS);
    await Bun.sleep(random.below(1000));
    await server.stop();
  },
} satisfies Record<string, (scene: Scene) => Promise<void> | void>;

interface Scene {
  readonly redis: RedisServer;
  readonly between: Between;
  readonly servers: readonly ServerProgram[];
  readonly url: string;
  readonly random: Random;
}

/**
 * Lasts as long as it is to.
 *
 * @throws {Error} that says which line was heard where it should not have been, or not at all
 */
export async function soakOverRedis(seed: number, forMs: number): Promise<void> {
  const random = new Random(seed);
  const redis = await RedisServer.start();
  const between = await Between.open(redis.port);
  const urls = [redis.url, ...Array.from({ length: SERVERS - 1 }, () => between.url)];
  const servers = await Promise.all(
    urls.map((url) => ServerProgram.start("--redis", url, ...OPTIONS)),
  );
  const scene: Scene = { redis, between, servers, url: redis.url, random };
  const counts = new Map<string, number>();
  const endMs = performance.now() + forMs;
  let lines = 0;
  let deliveries = 0;
  let memory = 0;
  let rounds = 0;
  while (performance.now() < endMs) {
    const company = await Company.gather(servers, TALKERS_EACH);
    company.talk(LINES_PER_SECOND);
    for (let count = 0; count < FAULTS_A_ROUND; count++) {
      const [name, fault] = random.pick(Object.entries(FAULTS));
      counts.set(name, (counts.get(name) ?? 0) + 1);
      await fault(scene);
      await Bun.sleep(300 + random.below(1000));
    }
    await company.stop();
    try {
      await company.hearsAll();
    } catch (error) {
      for (const server of servers) console.log(server.stderr.split("\n").slice(-12).join("\n"));
      throw error;
    }
    for (const server of servers) memory = Math.max(memory, await server.memoryBytes());
    lines += company.said;
    deliveries += company.talkers.reduce((sum, { heard }) => sum + heard.length, 0);
    await forget(scene, company);
    console.log(
      `round ${++rounds}: ${lines} lines, ${deliveries} deliveries in one order, none lost, none twice; ${memory >> 20} MiB at most`,
    );
    for (const { peer } of company.talkers) await peer.end();
  }
  for (const [name, count] of counts) console.log(`${String(count).padStart(5)} × ${name}`);
  if (memory > MEMORY_MAX) throw new Error(`a server has taken ${memory >> 20} MiB`);
  for (const server of servers)
    if ((await server.stop()) !== 0) throw new Error(`a server ended wrongly: ${server.stderr}`);
  between.end();
  await redis.end();
}

/** Redis forgets: all are told so, and have heard the same until then. */
async function forget({ redis, servers, random }: Scene, company: Company): Promise<void> {
  redis.keep("old");
  company.talk(LINES_PER_SECOND);
  await Bun.sleep(300);
  const before = servers.map((server) => server.count(/shares the room again/));
  if (random.chance(500)) await redis.ask("FLUSHALL");
  else {
    await redis.kill();
    redis.putBack("old");
    await redis.start();
  }
  for (const { peer } of company.talkers) await peer.endOfInput();
  await company.stop();
  company.compare();
  for (const [at, server] of servers.entries())
    await server.until(
      "it to come back",
      () => server.count(/shares the room again/) > (before[at] ?? 0),
    );
}
