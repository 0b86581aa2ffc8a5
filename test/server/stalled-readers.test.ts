import { describe, expect, test } from "bun:test";

import { type Peer, ServerProgram } from "../harness.ts";
import { endAllAfterEach, eventually } from "./ends.ts";
import { SlowReader } from "./slow-reader.ts";

endAllAfterEach();

const MIB = 1 << 20;
/** More than all buffers between a server and a client that does not read. */
const MUCH = numberedLines(16 * MIB);
const slowReaderTest = test.skipIf(!SlowReader.works);

/** Numbered lines of 100 bytes. */
function numberedLines(bytes: number): Buffer {
  const count = Math.floor(bytes / 100);
  const lines = Array.from({ length: count }, (_, n) => `${`${n} `.padEnd(99, "=")}\n`);
  return Buffer.from(lines.join(""));
}

/** Waits until one has left as too slow; returns how far it was behind. */
async function droppedAsTooSlow(server: ServerProgram, name: string | RegExp): Promise<number> {
  const who = typeof name === "string" ? RegExp.escape(name) : name.source;
  const [, behind] = await server.printed(
    new RegExp(`left ${who}: too slow, (\\d+) bytes behind \\(\\d+ here\\)\\n`),
    "stderr",
  );
  return Number(behind);
}

/** Says lines, and waits until the room has all of them. */
async function sayToAll(server: ServerProgram, said: Buffer): Promise<Peer> {
  const witness = await server.join({ countOnly: true });
  const talker = await server.join();
  talker.say(said);
  await witness.hearsBytes(said.length);
  return talker;
}

describe("while it holds the room up, a reader has to take 64 KiB in each --patience", () => {
  slowReaderTest("one that dribbles is dropped, by a reset, and the room goes on", async () => {
    const server = await ServerProgram.start("--patience", "500ms", "--buffer", "1M");
    const slow = new SlowReader(server.port, { bytesPerSecond: 20_000 });
    await server.members(1);
    const reader = await server.join();
    const talker = await server.join();
    const said = numberedLines(8 * MIB);
    const sinceMs = performance.now();
    talker.say(said);
    expect(await droppedAsTooSlow(server, /\S+/)).toBeGreaterThan(MIB / 2);
    await reader.hearsBytes(said.length);
    expect(performance.now() - sinceMs).toBeLessThan(3_000);
    expect(reader.heard.equals(said)).toBe(true);
    expect(await eventually("its end", () => slow.ending)).toBe("reset");
  });

  slowReaderTest("many that dribble are dropped together, not one after another", async () => {
    const server = await ServerProgram.start("--patience", "600ms", "--buffer", "1M");
    for (let n = 0; n < 8; n++) new SlowReader(server.port, { bytesPerSecond: 10_000 + 2_000 * n });
    await server.members(8);
    const reader = await server.join({ countOnly: true });
    const talker = await server.join();
    const said = numberedLines(8 * MIB);
    const sinceMs = performance.now();
    talker.say(said);
    await reader.hearsBytes(said.length);
    expect(performance.now() - sinceMs).toBeLessThan(3_000);
  });

  slowReaderTest("one that takes six times as much loses nothing", async () => {
    const server = await ServerProgram.start("--patience", "250ms", "--buffer", "256K");
    const slow = new SlowReader(server.port, { bytesPerSecond: 1.5 * MIB, bufferBytes: 64 << 10 });
    await server.members(1);
    const said = numberedLines(6 * MIB);
    const sinceMs = performance.now();
    await sayToAll(server, said);
    // It did hold the room up.
    expect(performance.now() - sinceMs).toBeGreaterThan(500);
    await eventually("all to arrive", () => slow.bytes.length >= said.length, 8_000);
    expect(slow.bytes.equals(said)).toBe(true);
    expect(server.stderr).not.toContain("too slow");
  });

  slowReaderTest("one that has less than that to take, and takes it all, stays", async () => {
    const server = await ServerProgram.start(
      "--patience",
      "300ms",
      "--buffer",
      "32K",
      "--max-line",
      "1K",
    );
    const slow = new SlowReader(server.port, { bytesPerSecond: 1 });
    await server.members(1);
    const reader = await server.join({ countOnly: true });
    const talker = await server.join();
    // What its connection holds is never full, so it is never in the way.
    for (let n = 1; n <= 10; n++) {
      talker.say(`${n}\n`);
      await reader.hearsBytes(2 * n);
      await Bun.sleep(60);
    }
    expect(slow.ending).toBeUndefined();
    expect(server.stderr).not.toContain("left");
  });
});

describe("a member that has to leave and is still owed something", () => {
  const LONG = ["--patience", "300ms", "--buffer", "32M"];

  test("is dropped after patience and 2 s, when it half-closed and does not read", async () => {
    const server = await ServerProgram.start(...LONG, "--max-clients", "3");
    const owed = await server.join({ stopped: true });
    const talker = await sayToAll(server, MUCH);
    owed.endInput();
    const sinceMs = performance.now();
    expect(await droppedAsTooSlow(server, owed.name)).toBeGreaterThan(MIB);
    expect(performance.now() - sinceMs).toBeGreaterThan(1_500);
    expect(performance.now() - sinceMs).toBeLessThan(4_000);
    owed.resume();
    expect(await owed.closed()).toBe("error");
    // Its seat is free again.
    const next = await server.join();
    next.say("in\n");
    await talker.hears("in\n");
  });

  slowReaderTest("is dropped although it takes a little all the time", async () => {
    const server = await ServerProgram.start(...LONG);
    const slow = new SlowReader(server.port, { bytesPerSecond: 10_000 });
    await server.members(1);
    await sayToAll(server, numberedLines(8 * MIB));
    slow.halfClose();
    expect(await droppedAsTooSlow(server, /\S+/)).toBeGreaterThan(MIB);
    expect(await eventually("its end", () => slow.ending)).toBe("reset");
  });

  slowReaderTest(
    "is kept while it takes 64 KiB in each time, although it drains later",
    async () => {
      const server = await ServerProgram.start(...LONG);
      const slow = new SlowReader(server.port, { bytesPerSecond: 100_000, bufferBytes: 64 << 10 });
      await server.members(1);
      await sayToAll(server, numberedLines(9 * MIB));
      slow.halfClose();
      await Bun.sleep(3_500); // Its time is 2.3 s.
      expect(server.stderr).not.toContain("too slow");
      expect(slow.ending).toBeUndefined();
    },
  );

  test("is dropped when it says too long a line and does not read", async () => {
    const server = await ServerProgram.start(...LONG, "--max-line", "128");
    const owed = await server.join({ stopped: true });
    await sayToAll(server, MUCH);
    owed.say("x".repeat(200));
    expect(await droppedAsTooSlow(server, owed.name)).toBeGreaterThan(MIB);
  });

  test("is dropped when it is idle and does not read", async () => {
    const server = await ServerProgram.start(...LONG, "--idle", "1s");
    const owed = await server.join({ stopped: true });
    await sayToAll(server, MUCH);
    expect(await droppedAsTooSlow(server, owed.name)).toBeGreaterThan(MIB);
  });

  test("is dropped when it half-closes with --idle on and does not read", async () => {
    const server = await ServerProgram.start(...LONG, "--idle", "1s");
    const owed = await server.join({ stopped: true });
    await sayToAll(server, MUCH);
    owed.endInput();
    expect(await droppedAsTooSlow(server, owed.name)).toBeGreaterThan(MIB);
  });

  for (const [what, word, leave] of [
    ["half-closes", "", (slow: SlowReader) => slow.halfClose()],
    [
      "says too long a line",
      "* line longer than 128 bytes\n",
      (slow: SlowReader) => slow.say("x".repeat(200)),
    ],
  ] as const)
    slowReaderTest(
      `gets all of it when it ${what} and reads on, however long it takes`,
      async () => {
        const server = await ServerProgram.start(
          ...["--patience", "100ms", "--buffer", "32M", "--max-line", "128"],
        );
        const slow = new SlowReader(server.port, {
          bytesPerSecond: 3 * MIB,
          bufferBytes: 64 << 10,
        });
        await server.members(1);
        const said = numberedLines(12 * MIB);
        await sayToAll(server, said);
        leave(slow);
        expect(await eventually("its end", () => slow.ending, 8_000)).toBe("end of input");
        expect(slow.bytes.equals(Buffer.concat([said, Buffer.from(word)]))).toBe(true);
        expect(server.stderr).not.toContain("too slow");
      },
    );
});
