/** A program with a server in it that shares its room over Redis. */

import { expect, setDefaultTimeout } from "bun:test";

import { listen, type ListenOptions, type Server } from "../../lib/linechat.ts";
import { endAfterEach, Peer } from "../harness.ts";
import { testWith } from "../harness/tools.ts";
import { RedisServer } from "./redis-server.ts";

endAfterEach();
setDefaultTimeout(20_000);

const test = testWith("redis-server");
const LOST = "* server out of sync; please reconnect\n";

const share = (redis: RedisServer, options: Partial<ListenOptions> = {}): Promise<Server> =>
  listen({
    ...options,
    ...{ host: "127.0.0.1", port: 0 },
    redis: { url: new URL(redis.url), room: "lib" },
  });

test("a bot hears the members of its own server, and speaks in the whole room", async () => {
  await using redis = await RedisServer.start();
  const heard: string[] = [];
  await using one = await share(redis, {
    onLine(line, by) {
      heard.push(line);
      if (line === "!who") void one.room.say("bot: who asks?");
      if (line === "!bye") by.sendAway("come back soon");
    },
  });
  await using other = await share(redis);
  const ann = await Peer.connect(one.port);
  const bob = await Peer.connect(other.port);
  while (one.room.size + other.room.size < 2) await Bun.sleep(1);
  bob.say("hello\n");
  await ann.hears("hello\n");
  ann.say("!who\nthe last\n!bye\n");
  expect(await ann.hearsAll()).toBe("hello\nbot: who asks?\n* come back soon\n");
  await bob.hears("!bye\n");
  expect(bob.text.split("\n").toSorted()).toEqual(
    ["", "!bye", "!who", "bot: who asks?", "the last"].toSorted(),
  );
  expect(heard).toEqual(["!who", "the last", "!bye"]);
});

test("what a bot says is said once it has its place; or not, if the thread is lost", async () => {
  await using redis = await RedisServer.start();
  await using one = await share(redis);
  const ann = await Peer.connect(one.port);
  while (one.room.size < 1) await Bun.sleep(1);
  redis.standStill();
  let isSaid: boolean | undefined;
  const said = one.room.say("waits").then((is) => (isSaid = is));
  await Bun.sleep(200);
  expect(isSaid).toBeUndefined();
  redis.goOn();
  expect(await said).toBe(true);
  await ann.hears("waits\n");

  await redis.ask("FLUSHALL");
  expect(await one.room.say("for nobody")).toBe(false);
  expect(await ann.hearsAll()).toBe(`waits\n${LOST}`);
  // It is not in the room for a moment; what is said then waits for it.
  expect(await one.room.say("for whoever comes next")).toBe(true);
  await one.stop();
  expect(await one.room.say("too late")).toBe(false);
});

test("without a Redis, listening fails with a word for the user", async () => {
  const redis = { url: new URL("redis://127.0.0.1:1"), room: "lib" };
  await expect(listen({ host: "127.0.0.1", port: 0, redis })).rejects.toThrow(
    "cannot use redis at 127.0.0.1:1: connection refused",
  );
});
