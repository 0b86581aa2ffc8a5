/** What lib/redis/link.ts relies on, and Bun does not document: of its Redis client, without reconnecting. */

import { expect } from "bun:test";

import { openClient } from "../../lib/redis/link.ts";
import { endAfterEach } from "../harness.ts";
import { testWith } from "../harness/tools.ts";
import { RedisServer } from "./redis-server.ts";

endAfterEach();
const test = testWith("redis-server");

test("text of characters up to U+00FF comes back from a stream as it was, NUL and CR LF too", async () => {
  await using redis = await RedisServer.start();
  const client = openClient(redis.url);
  const said = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code));
  const id: string = await client.send("XADD", ["stream", "*", "lines", said]);
  const reply = await client.send("XREAD", ["COUNT", "9", "STREAMS", "stream", "0-0"]);
  expect(reply).toEqual({ stream: [[id, ["lines", said]]] });
  client.close();
});

test("an XREAD that finds nothing in time answers null, and a script's lists come as lists", async () => {
  await using redis = await RedisServer.start();
  const client = openClient(redis.url);
  expect(await client.send("XREAD", ["BLOCK", "10", "STREAMS", "none", "0-0"])).toBeNull();
  expect(await client.send("EVAL", ["return {'a', {'b', 'c'}, {}}", "0"])).toEqual([
    "a",
    ["b", "c"],
    [],
  ]);
  client.close();
});

test("what is on its way is done in order, and answered in order", async () => {
  await using redis = await RedisServer.start();
  const client = openClient(redis.url);
  const answers: number[] = [];
  const all = Array.from({ length: 1000 }, () =>
    client.send("INCR", ["n"]).then((n: number) => answers.push(n)),
  );
  await Promise.all(all);
  expect(answers).toEqual(Array.from({ length: 1000 }, (_, at) => at + 1));
  client.close();
});

test("when Redis dies, what is on its way fails, and so does what comes after", async () => {
  await using redis = await RedisServer.start();
  const client = openClient(redis.url);
  await client.send("PING", []);
  const waiting = client.send("XREAD", ["BLOCK", "0", "STREAMS", "none", "0-0"]);
  const failure = waiting.catch((error: Error) => error.message);
  await redis.kill();
  expect(await failure).toBe("Connection closed");
  expect(await client.send("PING", []).catch(() => "fails")).toBe("fails");
  client.close();
});

test("an error that a script makes is the message of the error", async () => {
  await using redis = await RedisServer.start();
  const client = openClient(redis.url);
  const script = "return redis.error_reply('out of sync: redis has forgotten')";
  await expect(client.send("EVAL", [script, "0"])).rejects.toThrow(
    "out of sync: redis has forgotten",
  );
  client.close();
});
