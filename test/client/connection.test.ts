/** One end of a connection, against a server that the test plays. */

import { expect, spyOn, test } from "bun:test";
import { readFileSync } from "node:fs";

import { openConnection } from "../../lib/client/connect.ts";
import { endAfterEach, LONGEST_MS, rejection } from "../harness.ts";
import { eventually } from "../harness/watched.ts";
import { pair } from "./follow.ts";

endAfterEach();

const MIB = 1 << 20;

test("close sends what writes that overlap have, in order, and waits for the server", async () => {
  const { here, there } = await pair();
  there.pause();
  await there.sayAll("never read\n".repeat(1000));
  const parts = ["a", "ä", "c"].map((letter) => letter.repeat(4 * MIB));
  const taken: number[] = [];
  const writes = parts.map((part, n) =>
    here.write(n === 1 ? part : Buffer.from(part), (count) => (taken[n] = (taken[n] ?? 0) + count)),
  );
  const events: string[] = [];
  const closing = here[Symbol.asyncDispose]().then(() => events.push("closed")); // It is `close`.
  expect(await here.write("late\n")).toBe(false);
  there.resume();
  expect(await Promise.all(writes)).toEqual([true, true, true]);
  expect(taken).toEqual(parts.map((part) => Buffer.byteLength(part)));
  await there.endOfInput();
  expect(there.heard.equals(Buffer.from(parts.join("")))).toBe(true);
  await there.sayAll("never read either\n".repeat(1000));
  events.push("the server ends");
  there.endInput();
  await closing;
  expect(events).toEqual(["the server ends", "closed"]);
  expect([await here.read(), await there.closed()]).toEqual([undefined, "end"]);
  await here.close();
});

test("close discards what was not read, also more than is taken without being read", async () => {
  const { here, there } = await pair();
  const received = spyOn(here, "received");
  const sent = there.sayAll(Buffer.alloc(16 * MIB, "never read\n"));
  await eventually("it to stop reading", () => received.mock.calls.length >= 2);
  const closing = here.close(LONGEST_MS);
  expect([await sent, await there.hearsAll()]).toEqual([true, ""]);
  there.endInput();
  await closing;
  expect(await there.closed()).toBe("end");
});

test.each(["read", "lines"])("of a lost connection %s has what came, then why", async (how) => {
  const { here, there } = await pair();
  there.pause();
  const begun = Promise.withResolvers<number>();
  const writes = [here.write("x".repeat(16 * MIB), begun.resolve), here.write("y")];
  await begun.promise;
  there.say("one\ntwo\nunfini");
  await eventually("it to come", () => here.hasReceived);
  there.reset();
  expect(await Promise.all(writes)).toEqual([false, false]);
  expect(await here.write("z")).toBe(false);
  const seen: string[] = [];
  const loop = async () => {
    if (how === "read") seen.push(Buffer.from((await here.read()) ?? []).toString());
    for await (const line of here.lines()) seen.push(line);
  };
  const message = `lost the connection to ${here.address}: reset by the server`;
  expect(await rejection(loop())).toMatchObject({ name: "UserError", message, code: "ECONNRESET" });
  expect(seen).toEqual(how === "read" ? ["one\ntwo\nunfini"] : ["one", "two"]);
});

test("a write to a server that has closed is in vain, and read tells why", async () => {
  const { here, there } = await pair();
  await there.end();
  await eventually("its end", () => here.endedByServer);
  await eventually("a write to fail", async () => !(await here.write("nobody reads this\n")));
  const message = `lost the connection to ${here.address}: closed by the server`;
  expect(await rejection(here.read())).toMatchObject({ message, code: "EPIPE" });
});

test("a server that ends first is known for it, even if nobody has noticed yet", async () => {
  const accepted = Promise.withResolvers<Bun.Socket>();
  const socket = { open: accepted.resolve, data() {} };
  using host = Bun.listen({ hostname: "127.0.0.1", port: 0, allowHalfOpen: true, socket });
  const here = await openConnection({ host: "127.0.0.1", port: host.port });
  const there = await accepted.promise;
  there.shutdown();
  // Until it has come, in state CLOSE_WAIT; the event loop does not turn meanwhile.
  const port = there.remotePort.toString(16).toUpperCase().padStart(4, "0");
  const hasCome = () => readFileSync("/proc/net/tcp", "utf8").match(`:${port} \\w+:\\w+ 08 `);
  for (let waits = 0; waits < 10_000 && !hasCome(); waits++) Bun.sleepSync(1);
  here.endOutput();
  expect([await here.read(), here.endedByServer]).toEqual([undefined, true]);
});

test("lines are text without their ends, up to an unfinished one; a loop may be left", async () => {
  const { here, there } = await pair();
  there.say("one\ntwo\r\nthree\nfour\n");
  const seen: string[] = [];
  for (let n = 0; n < 2; n++)
    for await (const line of here.lines()) {
      seen.push(line);
      break;
    }
  expect(Buffer.from((await here.read()) ?? []).toString()).toBe("three\nfour\n");
  there.say("\n\ufefffive\rand more\n");
  there.say(Buffer.from([0x62, 0x61, 0x64, 0xff, 0x0a]));
  for (const byte of Buffer.from("grüße 👋\nunfini")) there.say(Buffer.from([byte]));
  there.say("shed");
  there.endInput();
  for await (const line of here.lines()) seen.push(line);
  expect(seen).toEqual([
    ...["one", "two", "", "\ufefffive\rand more", "bad\ufffd", "grüße 👋", "unfinished"],
  ]);
});

test("one read waits at a time; close wakes it, and resets a server that stays", async () => {
  const { here, there } = await pair();
  const reading = here.read();
  const { message } = await rejection(here.read());
  expect(message).toBe("a read of this connection is waiting already");
  await here.close(20);
  expect(await reading).toBeUndefined();
  there.say("are you there?\n");
  expect(await there.closed()).toBe("error");
});
