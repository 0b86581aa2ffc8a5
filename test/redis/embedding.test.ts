/** A program with a server in it that shares its room over Redis. */

import { expect, setDefaultTimeout } from "bun:test";

import type { BotRoom } from "../../lib/extras/bot.ts";
import { listen, type ListenOptions, type Server } from "../../lib/linechat.ts";
import { endAfterEach, Peer } from "../harness.ts";
import { testWith } from "../harness/tools.ts";
import { RedisServer } from "./redis-server.ts";

endAfterEach();
setDefaultTimeout(20_000);

const test = testWith("redis-server");
const OUT_OF_SYNC = "* server out of sync; please reconnect\n";

const share = (redis: RedisServer, options: Partial<ListenOptions> = {}): Promise<Server> =>
  listen({
    ...options,
    ...{ host: "127.0.0.1", port: 0 },
    redis: { url: new URL(redis.url), room: "lib" },
  });

test("a bot is told what members of its own server send, and sends to the whole room", async () => {
  await using redis = await RedisServer.start();
  const told: string[] = [];
  await using one = await share(redis, {
    bot: (room) => ({
      onLine(line, member) {
        told.push(line);
        if (line === "!who") void room.send("bot: who asks?");
        if (line === "!bye") member.disconnect("come back soon");
      },
    }),
  });
  await using other = await share(redis);
  const ann = await Peer.connect(one.port);
  const bob = await Peer.connect(other.port);
  while (one.size + other.size < 2) await Bun.sleep(1);
  bob.say("hello\n");
  await ann.hears("hello\n");
  ann.say("!who\nthe last\n!bye\n");
  expect(await ann.hearsAll()).toBe("hello\nbot: who asks?\n* come back soon\n");
  for (const line of ["!bye\n", "bot: who asks?\n"]) await bob.hears(line);
  expect(bob.text.split("\n").toSorted()).toEqual(
    ["", "!bye", "!who", "bot: who asks?", "the last"].toSorted(),
  );
  expect(told).toEqual(["!who", "the last", "!bye"]);
});

test("what a bot sends is sent once it has its place; or not, if the server gets out of sync", async () => {
  await using redis = await RedisServer.start();
  let send: BotRoom["send"] = () => Promise.resolve(false);
  await using one = await share(redis, {
    bot(room) {
      send = room.send;
      return {};
    },
  });
  const ann = await Peer.connect(one.port);
  while (one.size < 1) await Bun.sleep(1);
  redis.standStill();
  let isSent: boolean | undefined;
  const sent = send("waits").then((is) => (isSent = is));
  await Bun.sleep(200);
  expect(isSent).toBeUndefined();
  redis.goOn();
  expect(await sent).toBe(true);
  await ann.hears("waits\n");

  await redis.ask("FLUSHALL");
  expect(await send("for nobody")).toBe(false);
  expect(await ann.hearsAll()).toBe(`waits\n${OUT_OF_SYNC}`);
  // It is not in the room for a moment; what is sent then waits for it.
  expect(await send("for members that join next")).toBe(true);
  await one.stop();
  expect(await send("too late")).toBe(false);
});

test("without a Redis, listening fails with a word for the user", async () => {
  const redis = { url: new URL("redis://127.0.0.1:1"), room: "lib" };
  await expect(listen({ host: "127.0.0.1", port: 0, redis })).rejects.toThrow(
    "cannot use redis at 127.0.0.1:1: connection refused",
  );
});
