/** The soak tells a server that loses or moves lines, disconnects somebody, or grows. */

import { describe, expect, test } from "bun:test";

import { endAfterEach } from "./harness.ts";
import { openRelay } from "./harness/host.ts";
import { Random } from "./simulation/random.ts";
import { SteadyCrowd } from "./soak/crowd.ts";
import { growth } from "./soak/memory-watch.ts";
import { Transcript } from "./soak/transcript.ts";

endAfterEach();

describe("a transcript", () => {
  const lines = Buffer.from("a 0 ==\nb 0 =\na 1 =\nb 1 ==\n");

  test("is the same for all receivers, however it is cut up", () => {
    const transcript = new Transcript();
    const [first, second] = [transcript.newReceiver(), transcript.newReceiver()];
    for (const byte of lines) first.hear(Buffer.of(byte));
    expect(transcript.lagBytes).toBe(lines.length);
    second.hear(lines);
    expect(transcript.lagBytes).toBe(0);
    expect([first.lines, second.lines, transcript.ledger.lines]).toEqual([4, 4, 4]);
  });

  test.each([
    ["lost for one of them", lines, "a 0 ==\na 1 =\n", "where another heard"],
    ["moved for one of them", lines, "b 0 =\na 0 ==\n", "where another heard"],
    ["doubled for one of them", lines, "a 0 ==\na 0 ==\n", "where another heard"],
    ["damaged for one of them", lines, "a 0 ==\nb 0 !\n", "where another heard"],
    ["lost for all of them", Buffer.alloc(0), "a 0 ==\na 2 =\n", "instead of a 1"],
    ["doubled for all of them", Buffer.alloc(0), "a 0 ==\na 0 ==\n", "instead of a 1"],
    ["cut for all of them", Buffer.alloc(0), "a 0 ==\na 1\n", "instead of a 1"],
  ])("shows when a line is %s", (_, before, heard, problem) => {
    const transcript = new Transcript();
    const [first, second] = [transcript.newReceiver(), transcript.newReceiver()];
    first.hear(before);
    expect(() => second.hear(Buffer.from(heard))).toThrow(problem);
  });
});

test.each([
  [
    "loses a line",
    (bytes: Buffer, client: Bun.Socket) => void client.write(bytes.subarray(30)),
    /another heard|instead of/,
  ],
  ["disconnects a member", (_: Buffer, client: Bun.Socket) => client.terminate(), /disconnected/],
])("a steady crowd finds out a relay that %s", async (_, second, problem) => {
  let chunks = 0;
  const port = openRelay((bytes, others) => {
    chunks++;
    for (const [index, client] of others.entries())
      if (chunks === 2 && index === 1) second(bytes, client);
      else client.write(bytes, 0, bytes.length);
  });
  const crowd = await SteadyCrowd.gather(port, 3, 1);
  void crowd.talk(new Random(1));
  const failure = await crowd.failure.catch((error: Error) => error);
  crowd.hush();
  expect(failure.message).toMatch(problem);
});

test("memory is flat when it grows in the first quarter, or a little; not when it has grown later", () => {
  const quarters = (...mebibytes: number[]) =>
    mebibytes.flatMap((each) => Array.from({ length: 30 }, () => each * 2 ** 20));
  expect(growth(quarters(50, 300, 200, 340))).toBeUndefined();
  expect(growth(quarters(10, 40, 50, 55))).toBeUndefined();
  expect(growth(quarters(50, 100, 110, 120))).toContain("100.0 MiB");
  expect(growth([1e8, 2e8])).toBeUndefined(); // Too few to tell.
});
