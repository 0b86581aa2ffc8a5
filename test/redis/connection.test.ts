/** The connection to Redis, and the link to a stream there: what goes out, and what comes back. */

import { describe, expect, test as anyTest } from "bun:test";

import { RedisConnection, Replies, type Reply } from "../../lib/redis/connection.ts";
import { opener } from "../../lib/redis/link.ts";
import { atEnd, endAfterEach } from "../harness.ts";
import { RedisServer, testOverRedis as test } from "./redis-server.ts";

endAfterEach();

test("what is asked is answered in order, be it more than a socket takes at once, while more is asked", async () => {
  const redis = await RedisServer.start();
  const lost = Promise.withResolvers<never>();
  const connection = new RedisConnection(new URL(redis.url), lost.reject);
  atEnd(() => connection.close());
  const texts = ["a", "b", "c"].map((letter) => Buffer.alloc(3 << 20, letter));
  redis.standStill();
  const asked = texts.map(
    (text) => new Promise<Reply>((done) => connection.ask(["ECHO", text], done)),
  );
  redis.goOn();
  const echoes = await Promise.race([Promise.all(asked), lost.promise]);
  expect(echoes.map(([echo], at) => echo?.equals(texts[at] ?? echo))).toEqual([true, true, true]);
});

anyTest("replies are the same however they are cut", () => {
  const bytes = Buffer.from(
    "+OK\r\n:7\r\n$-1\r\n*3\r\n$5\r\na\r\nbc\r\n*0\r\n$0\r\n\r\n*-1\r\n$3\r\nend\r\n",
  );
  const read = (cut: number) => {
    const [all, replies] = [new Replies(), [] as unknown[]];
    for (let at = 0; at < bytes.length; at += cut)
      all.push(bytes.subarray(at, at + cut), (reply) => replies.push(reply.map(String)));
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
