/** The connection to Redis, and the link to a stream there: what goes out, and what comes back. */

import { describe, expect, test as anyTest } from "bun:test";

import { RedisConnection, Replies, type Reply } from "../../lib/redis/connection.ts";
import { opener } from "../../lib/redis/link.ts";
import { atEnd, endAfterEach } from "../harness.ts";
import { RedisServer, testOverRedis as test } from "./redis-server.ts";

endAfterEach();

/** Asks, and has bytes of replies as text of latin1. */
function connect(redis: RedisServer) {
  const lost = Promise.withResolvers<string>();
  const connection = new RedisConnection(new URL(redis.url), ({ message }) =>
    lost.resolve(message),
  );
  atEnd(() => connection.close());
  const ask = (...words: (string | Uint8Array)[]) =>
    new Promise<string[]>((done) => connection.ask(words, (reply) => done(copyOf(reply))));
  return { ask, connection, lost: lost.promise };
}

function copyOf(reply: Reply): string[] {
  return reply.map((value) => value.toString("latin1"));
}

const ALL = Uint8Array.from({ length: 256 }, (_, byte) => byte);

test("bytes come back from a stream as they were, and more of them than come at once", async () => {
  const redis = await RedisServer.start();
  const { ask } = connect(redis);
  const long = Buffer.alloc(3 << 20, ALL);
  const id = await ask("XADD", "stream", "*", "é", ALL, "long", long);
  const fields = ["é", ALL, "long", long].map((word) => Buffer.from(word).toString("latin1"));
  expect(await ask("XREAD", "STREAMS", "stream", "0-0")).toEqual(["stream", ...id, ...fields]);
});

test("what is asked is done in order, and answered in order, with nothing where there is nothing", async () => {
  const redis = await RedisServer.start();
  const { ask } = connect(redis);
  const answers = await Promise.all(Array.from({ length: 1000 }, () => ask("INCR", "n")));
  expect(answers).toEqual(Array.from({ length: 1000 }, (_, at) => [`${at + 1}`]));
  // More than a socket takes at once, while more is asked.
  const texts = ["a", "b", "c"].map((letter) => letter.repeat(3 << 20));
  redis.standStill();
  const asked = texts.map((text) => ask("ECHO", Buffer.from(text)));
  redis.goOn();
  const echoes = await Promise.all(asked);
  expect(echoes.map(([echo], at) => echo === texts[at])).toEqual([true, true, true]);
  expect(await ask("XREAD", "BLOCK", "10", "STREAMS", "none", "0-0")).toEqual([]);
  expect(await ask("EVAL", "return {'a', {false, 3}, {}}", "0")).toEqual(["a", "3"]);
});

test("an error is the end of it, and so is that of Redis", async () => {
  const redis = await RedisServer.start();
  const [wrong, right] = [connect(redis), connect(redis)];
  void wrong.ask("EVAL", "return redis.error_reply('out of sync: all')", "0");
  expect(await wrong.lost).toBe("out of sync: all");
  await right.ask("PING");
  await redis.kill();
  expect(await right.lost).toBe("the connection was lost");
});

anyTest("one that is given up before TLS is agreed upon is closed", async () => {
  const [opened, closed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const socket = { open: () => opened.resolve(), data() {}, close: () => closed.resolve() };
  const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket });
  atEnd(() => silent.stop(true));
  const connection = new RedisConnection(new URL(`rediss://127.0.0.1:${silent.port}`), () => {});
  await opened.promise;
  await Bun.sleep(50); // Until it knows of that.
  connection.close();
  await closed.promise;
});

anyTest("replies are the same however they are cut", () => {
  const bytes = Buffer.from(
    "+OK\r\n:7\r\n$-1\r\n*3\r\n$5\r\na\r\nbc\r\n*0\r\n$0\r\n\r\n*-1\r\n$3\r\nend\r\n",
  );
  const read = (cut: number) => {
    const [all, replies] = [new Replies(), [] as unknown[]];
    for (let at = 0; at < bytes.length; at += cut)
      all.push(bytes.subarray(at, at + cut), (reply) => replies.push(copyOf(reply)));
    return replies;
  };
  const whole = [["OK"], ["7"], [], ["a\r\nbc", ""], [], ["end"]];
  for (let cut = 1; cut <= bytes.length; cut++) expect(read(cut)).toEqual(whole);
});

describe("a link", () => {
  /** Of a server `one`, which is to join. */
  const open = (redis: RedisServer, onLost: (why: Error) => void) => {
    const link = opener(new URL(redis.url), "lib", 64, "")((_, why) => onLost(new Error(why)));
    atEnd(() => link.close());
    return link;
  };
  const JOINING = { by: "one", instead: "", number: 1, read: "" };

  test("joins again with the names of 10,000 members, and all of them are there", async () => {
    const redis = await RedisServer.start();
    const joined = Promise.withResolvers<string>();
    const keys = Array.from({ length: 10_000 }, (_, at) => `member ${at}`);
    open(redis, joined.reject).join({ ...JOINING, keys }, joined.resolve);
    expect(await joined.promise).not.toBe("");
    expect(await redis.ask("HLEN", "linechat:{lib}:names")).toBe(10_000);
  });

  test("has lines that are many forgotten as well when only few follow them", async () => {
    const redis = await RedisServer.start();
    const done = Promise.withResolvers<void>();
    const link = open(redis, done.reject);
    const of = { by: "one", read: "0-0", isPassing: false, requests: [] };
    link.join({ ...JOINING, keys: [] }, () => {});
    link.add({ ...of, number: 2, tail: "0-0", runs: [Buffer.alloc(8192, "\n")] });
    link.add({ ...of, number: 3, tail: `${2 ** 52}-0`, runs: [Buffer.from("\n")] });
    link.beat({ ...of, number: 4 }, () => done.resolve());
    await done.promise;
    expect(await redis.ask("XLEN", "linechat:{lib}:lines")).toBe(0);
  });
});
