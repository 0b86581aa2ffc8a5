/** What may happen to a Redis, to connections to it, and to servers, while no line is lost: each as a function that does it. */

import assert from "node:assert/strict";

import { Seat } from "../faults/seat.ts";
import { ServerProgram } from "../harness.ts";
import { Between } from "../harness/between.ts";
import type { Random } from "../simulation/random.ts";
import type { Crowd } from "../soak/crowd.ts";
import { RedisServer } from "./redis-server.ts";
import type { SharedServer } from "./shared-server.ts";

/** A log that is soon full of what a reader that has stopped does not take. */
export const SMALL = { logBytes: 128 << 10, patienceMs: 6_000 };
const OPTIONS = ["--buffer", `${SMALL.logBytes}`, "--patience", `${SMALL.patienceMs}ms`];

type SomeServer = SharedServer | ServerProgram;

/** Three servers that share a room. */
export interface Room<Server extends SomeServer = SomeServer> {
  readonly redis: RedisServer;
  /** What stands between it and the last of the servers, and can swallow and cut. */
  readonly between: Between;
  readonly servers: readonly Server[];
  readonly last: Server;
}

/** @param open opens a server at a Redis, or at what is between */
export async function openRoom<Server extends SomeServer>(
  open: (at: RedisServer | Between) => Promise<Server>,
): Promise<Room<Server>> {
  const redis = await RedisServer.start();
  const between = await Between.open(redis.port);
  const [one, other, last] = await Promise.all([open(redis), open(redis), open(between)]);
  return { redis, between, servers: [one, other, last], last };
}

export function openProgram({ url }: { url: string }): Promise<ServerProgram> {
  return ServerProgram.start("--redis", url, ...OPTIONS);
}

/** Members of all of them talk. */
export interface Scene extends Room {
  readonly crowd: Crowd;
  readonly random: Random;
}

export interface RedisFault {
  /** What happens, as a sentence goes on from "while". */
  readonly name: string;
  /** What the log says of it, each time after "redis is away: "; nothing if this is not here. */
  readonly why?: RegExp;
  /** Whether it takes seconds. */
  readonly isLong?: true;
  /** Does it, and resolves once it is over. */
  strike(scene: Scene): Promise<unknown>;
}

/** From one write of a talker to the next. */
const PAUSE_MS = 100;
const SOME_LINES = 20;
const AWAY = /redis is away/;
const BACK = /redis is back after/;
const DOWN = /server \S{12} is considered down$/;

/**
 * The crowd talks, while one fault comes after the other. Throws unless everybody has received all
 * lines in the end.
 */
export async function undergo(scene: Scene, faults: readonly RedisFault[]): Promise<void> {
  const { crowd, random } = scene;
  crowd.talk(random, PAUSE_MS);
  for (const { name, strike } of faults) {
    await crowd.goesOn(SOME_LINES);
    await strike(scene).catch((cause) => {
      throw new Error(`while ${name}: ${cause}`, { cause });
    });
  }
  await crowd.goesOn(SOME_LINES);
  await crowd.hush();
  assert.equal(await crowd.missing(), 0, "lines are lost");
}

/** The ways in which Redis loses what it had. */
export const WAYS_TO_FORGET = {
  FLUSHALL: ({ redis }: Scene) => redis.ask("FLUSHALL"),
  "an old append-only file": async ({ redis, crowd }: Scene) => {
    redis.keep("old");
    await crowd.goesOn(SOME_LINES);
    await redis.kill();
    redis.putBack("old");
    await redis.start();
  },
};

/**
 * While the crowd talks, Redis loses what it had. Throws unless all have received the same until they
 * were told so, and the servers share the room again.
 */
export async function forget(
  scene: Scene,
  loses: (scene: Scene) => Promise<unknown>,
): Promise<void> {
  const { crowd, random, servers } = scene;
  crowd.talk(random, PAUSE_MS);
  await crowd.goesOn(SOME_LINES);
  const dismissed = crowd.dismiss();
  await until(/shares the room again, as server \S{12}$/, servers, () => loses(scene));
  await dismissed;
  await crowd.hush();
  assert.equal(crowd.fault, undefined);
  assert.deepEqual([...new Set(crowd.messages)], ["* server out of sync; please reconnect"]);
}

/** Does something, and waits until each of some servers, or any, has logged an event that comes of it. */
async function until(
  event: RegExp,
  servers: readonly SomeServer[],
  does: () => unknown,
  howMany: "any" | "all" = "all",
): Promise<void> {
  const before = servers.map((server) => server.count(event));
  await does();
  const logged = servers.map((server, at) =>
    server.until(`${event}`, () => server.count(event) > (before[at] ?? 0)),
  );
  await (howMany === "any" ? Promise.any(logged) : Promise.all(logged));
}

type Command = readonly [string, ...string[]];

/** Something is wrong with Redis until all have noticed. */
function forAWhile(begin: Command, end: Command): RedisFault["strike"] {
  return async ({ redis, servers }) => {
    await until(AWAY, servers, () => redis.ask(...begin));
    await until(BACK, servers, () => redis.ask(...end));
  };
}

const SERVERS = "linechat:{linechat}:servers";
/** At once: without a value, Redis would have forgotten. */
const RENAME = "redis.call('RENAME', KEYS[1], 'theirs') redis.call('SET', KEYS[1], 'mine')";

export const FAULTS: readonly RedisFault[] = [
  {
    name: "Redis is killed",
    why: /^the connection was lost|connection refused$/,
    async strike({ redis, crowd, servers }) {
      await redis.kill();
      await crowd.says(SOME_LINES);
      await until(BACK, servers, () => redis.start());
    },
  },
  {
    name: "replies are swallowed, and the connections cut",
    why: /^the connection was lost$/,
    async strike({ between, crowd, last }) {
      between.swallows = true;
      await crowd.says(SOME_LINES);
      between.swallows = false;
      await until(BACK, [last], () => between.cut());
    },
  },
  {
    name: "Redis stands still for a moment",
    async strike({ redis, crowd }) {
      redis.standStill();
      await crowd.says(SOME_LINES);
      redis.goOn();
    },
  },
  {
    name: "Redis has no memory",
    why: /^OOM command not allowed when used memory > 'maxmemory'$/,
    strike: forAWhile(["CONFIG", "SET", "maxmemory", "1mb"], ["CONFIG", "SET", "maxmemory", "0"]),
  },
  {
    name: "scripts are flushed",
    why: /^NOSCRIPT No matching script$/,
    // The server that notices it first brings them back for all.
    strike: ({ redis, servers }) => until(BACK, servers, () => redis.ask("SCRIPT", "FLUSH"), "any"),
  },
  {
    name: "Redis does not allow a command",
    why: /^ERR The user executing the script can't run this command or subcommand$/,
    strike: forAWhile(
      ["ACL", "SETUSER", "default", "-xadd"],
      ["ACL", "SETUSER", "default", "+xadd"],
    ),
  },
  {
    name: "something else is under a key",
    why: /^WRONGTYPE Operation against a key holding the wrong kind of value$/,
    strike: forAWhile(["EVAL", RENAME, "1", SERVERS], ["RENAME", "theirs", SERVERS]),
  },
  {
    name: "the clock of Redis is set back",
    async strike({ redis }) {
      // Ids go on from that of the last entry, as after a clock that was a minute ahead.
      const last = String(await redis.ask("HGET", SERVERS, "last"));
      await redis.ask("XSETID", "linechat:{linechat}", `${Number.parseInt(last, 10) + 60_000}-0`);
    },
  },
  {
    name: "a server comes, and stops",
    strike: async ({ redis }) => (await openProgram(redis)).stop(),
  },
  {
    name: "Redis stands still",
    why: /^no answer for 5 s$/,
    isLong: true,
    async strike({ redis, servers }) {
      await until(AWAY, servers, () => redis.standStill());
      await until(BACK, servers, () => redis.goOn());
    },
  },
  {
    name: "a server sleeps until it is considered down",
    why: /^it considers this server down$/,
    isLong: true,
    async strike({ servers, last }) {
      assert(last instanceof ServerProgram, "one in this process cannot sleep");
      const longEnough = Bun.sleep(5_500); // Answers that it finds then are not late.
      await until(DOWN, servers, () => last.kill("SIGSTOP"), "any");
      await longEnough;
      await until(BACK, [last], () => last.kill("SIGCONT"));
    },
  },
  {
    name: "a server is cut off until it is considered down",
    why: /^no answer for 5 s$/,
    isLong: true,
    async strike({ between, servers, last }) {
      // It may notice later than the others.
      const swallow = () => until(DOWN, servers, () => (between.swallows = true), "any");
      await until(AWAY, [last], swallow);
      between.swallows = false;
      await until(BACK, [last], () => between.cut());
    },
  },
  {
    name: "a reader stops",
    isLong: true,
    async strike({ crowd, servers, random }) {
      const server = random.pick(servers);
      await server.join({ stopped: true });
      const flooder = await Seat.join(random.pick(servers), "flood", { late: true });
      await until(/left \S+: too slow/, [server], () => void flooder.say(8_000, 1000));
      await crowd.witness.hears(flooder.name, 8_000);
      flooder.peer.endInput();
    },
  },
];
