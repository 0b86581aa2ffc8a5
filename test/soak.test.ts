/** The soak tells a server that loses or moves lines, disconnects somebody, or grows. */

import { describe, expect, test } from "bun:test";

import { Ledger } from "./faults/seat.ts";
import { endAfterEach } from "./harness.ts";
import { openRelay } from "./harness/host.ts";
import { eventually } from "./harness/watched.ts";
import { Random } from "./simulation/random.ts";
import { Crowd } from "./soak/crowd.ts";
import { growth } from "./soak/memory-watch.ts";

endAfterEach();

describe("a ledger", () => {
  const LINES = "a 0 ==\nb 0 =\na 1 =\nb 1 ==\n";

  /** What two find wrong that hear the same room, of which the second only compares. */
  const faultOf = (first: string, second: Iterable<string>) => {
    const order: number[] = [];
    const ledgers = [new Ledger({ order }), new Ledger({ order, compares: true })] as const;
    ledgers[0].enter(first);
    for (const text of second) ledgers[1].enter(text);
    return ledgers[0].fault ?? ledgers[1].fault;
  };

  test("finds no fault in lines that are cut up, nor in messages of the server", () => {
    expect(faultOf(LINES, LINES)).toBeUndefined();
    expect(faultOf(LINES, ["a 0 ==\n* a", " message\nb 0 =\n"])).toBeUndefined();
  });

  test.each([
    ["lost", "a 0 ==\na 2 =\n", "instead of a 1"],
    ["doubled", "a 0 ==\na 0 ==\n", "instead of a 1"],
    ["damaged", "a 0 ==\nb 0 !\n", "instead of b 0"],
    ["cut", "a 0 ==\nb\n", "instead of b 0"],
  ])("shows when a line is %s for all, or for one of them", (_, heard, fault) => {
    expect(faultOf(heard, [heard])).toContain(fault);
    expect(faultOf(LINES, [heard])).toContain("where another has heard another");
  });

  test("shows when a line is moved for one of them", () => {
    expect(faultOf(LINES, ["b 0 =\na 0 ==\n"])).toContain("where another has heard another");
  });
});

test.each([
  [
    "loses a line",
    (bytes: Buffer, client: Bun.Socket) => void client.write(bytes.subarray(30)),
    "has heard",
  ],
  [
    "disconnects a member",
    (_: Buffer, client: Bun.Socket) => client.terminate(),
    "was disconnected",
  ],
])("a steady crowd finds out a relay that %s", async (_, second, fault) => {
  let chunks = 0;
  const port = openRelay((bytes, others) => {
    chunks++;
    for (const [index, client] of others.entries())
      if (chunks === 2 && index === 1) second(bytes, client);
      else client.write(bytes, 0, bytes.length);
  });
  const crowd = await Crowd.gather([port], 3, 1);
  crowd.talk(new Random(1));
  expect(await eventually("a fault", () => crowd.fault)).toContain(fault);
  await crowd.hush();
});

test("memory is flat when it grows in the first quarter, or a little; not when it has grown later", () => {
  const quarters = (...mebibytes: number[]) =>
    mebibytes.flatMap((each) => Array.from({ length: 30 }, () => each * 2 ** 20));
  expect(growth(quarters(50, 300, 200, 340))).toBeUndefined();
  expect(growth(quarters(10, 40, 50, 55))).toBeUndefined();
  expect(growth(quarters(50, 100, 110, 120))).toContain("100.0 MiB");
  expect(growth([1e8, 2e8])).toBeUndefined(); // Too few to tell.
});
