/** Slow readers: what each has to take in its time, and what becomes of those that do not. */

import { describe, expect, test } from "bun:test";

import { endAfterEach, type Peer, ServerProgram } from "../harness.ts";
import { eventually } from "../harness/watched.ts";
import { SlowReader } from "./slow-reader.ts";

endAfterEach();

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

/** Fails unless one leaves as too slow, with so much pending. */
async function expectTooSlow(server: ServerProgram, name = /\S+/.source, bytesMin = MIB) {
  const left = new RegExp(`left ${name}: too slow, (\\d+) bytes behind \\(\\d+ here\\)\\n`);
  const [, behind] = await server.logged(left);
  expect(Number(behind)).toBeGreaterThan(bytesMin);
}

/** Sends lines, and waits until a reader has all of them; returns it, and the talker. */
async function sendToAll(server: ServerProgram, sent: Buffer): Promise<[Peer, Peer]> {
  const [reader, talker] = [await server.join(), await server.join()];
  talker.say(sent);
  await reader.hearsBytes(sent.length);
  expect(reader.heard.equals(sent)).toBe(true);
  return [reader, talker];
}

describe("while it holds the room up, a reader has to take 64 KiB in each --patience", () => {
  slowReaderTest("those that dribble are reset, all together, and the room goes on", async () => {
    const server = await ServerProgram.start("--patience", "600ms", "--buffer", "1M");
    const slow = Array.from({ length: 8 }, (_, n) => {
      return new SlowReader(server.port, { bytesPerSecond: 10_000 + 2_000 * n });
    });
    await server.members(8);
    const sinceMs = performance.now();
    await sendToAll(server, numberedLines(8 * MIB));
    expect(performance.now() - sinceMs).toBeLessThan(3_000);
    await expectTooSlow(server, undefined, MIB / 2);
    for (const one of slow) expect(await eventually("its end", () => one.ending)).toBe("reset");
  });

  slowReaderTest("one that takes six times as much loses nothing", async () => {
    const server = await ServerProgram.start("--patience", "250ms", "--buffer", "256K");
    const slow = new SlowReader(server.port, { bytesPerSecond: 1.5 * MIB, bufferBytes: 64 << 10 });
    await server.members(1);
    const sent = numberedLines(6 * MIB);
    const sinceMs = performance.now();
    await sendToAll(server, sent);
    // It did hold the room up.
    expect(performance.now() - sinceMs).toBeGreaterThan(500);
    await eventually("all to arrive", () => slow.bytes.length >= sent.length, 8_000);
    expect(slow.bytes.equals(sent)).toBe(true);
    expect(server.stderr).not.toContain("too slow");
  });

  slowReaderTest("one that has less than that to take, and takes it all, stays", async () => {
    const server = await ServerProgram.start(
      ...["--patience", "300ms", "--buffer", "32K", "--max-line", "1K"],
    );
    const slow = new SlowReader(server.port, { bytesPerSecond: 1 });
    await server.members(1);
    const [reader, talker] = [await server.join(), await server.join()];
    // What its connection holds is never full, so it is never in the way.
    for (let n = 1; n <= 10; n++) {
      talker.say(`${n}\n`);
      await reader.hears(`${n}\n`);
      await Bun.sleep(60);
    }
    expect(slow.ending).toBeUndefined();
    expect(server.stderr).not.toContain("left");
  });
});

describe("a member that leaves, and has lines pending,", () => {
  const LONG = ["--patience", "300ms", "--buffer", "32M"];

  test("is disconnected after patience and 2 s, when it half-closed and does not read", async () => {
    const server = await ServerProgram.start(...LONG, "--max-clients", "3");
    const stopped = await server.join({ stopped: true });
    const [reader] = await sendToAll(server, MUCH);
    stopped.endInput();
    const sinceMs = performance.now();
    await expectTooSlow(server, stopped.name);
    expect(performance.now() - sinceMs).toBeGreaterThan(1_500);
    expect(performance.now() - sinceMs).toBeLessThan(4_000);
    stopped.resume();
    expect(await stopped.closed()).toBe("error");
    // Its seat is free again.
    const next = await server.join();
    next.say("in\n");
    await reader.hears("in\n");
  });

  test.each<[what: string, options: string[], leave: (peer: Peer) => void]>([
    ["sends too long a line", ["--max-line", "128"], (peer) => peer.say("x".repeat(200))],
    ["is idle", ["--idle", "1s"], () => {}],
    ["half-closes with --idle on", ["--idle", "1s"], (peer) => peer.endInput()],
  ])("is disconnected when it %s and does not read", async (_, options, leave) => {
    const server = await ServerProgram.start(...LONG, ...options);
    const stopped = await server.join({ stopped: true });
    await sendToAll(server, MUCH);
    leave(stopped);
    await expectTooSlow(server, stopped.name);
  });

  slowReaderTest("is disconnected although it takes a little all the time", async () => {
    const server = await ServerProgram.start(...LONG);
    const slow = new SlowReader(server.port, { bytesPerSecond: 10_000 });
    await server.members(1);
    await sendToAll(server, numberedLines(8 * MIB));
    slow.halfClose();
    await expectTooSlow(server);
    expect(await eventually("its end", () => slow.ending)).toBe("reset");
  });

  slowReaderTest("stays while it takes 64 KiB in each time, although it drains later", async () => {
    const server = await ServerProgram.start(...LONG);
    const slow = new SlowReader(server.port, { bytesPerSecond: 100_000, bufferBytes: 64 << 10 });
    await server.members(1);
    await sendToAll(server, numberedLines(9 * MIB));
    slow.halfClose();
    await Bun.sleep(3_500); // Its time is 2.3 s.
    expect(server.stderr).not.toContain("too slow");
    expect(slow.ending).toBeUndefined();
  });

  for (const [what, message, leave] of [
    ["half-closes", "", (slow: SlowReader) => slow.halfClose()],
    [
      "sends too long a line",
      "* line longer than 128 bytes\n",
      (slow: SlowReader) => slow.say("x".repeat(200)),
    ],
  ] as const)
    slowReaderTest(`gets all when it ${what} and reads on, however long that takes`, async () => {
      const options = ["--patience", "100ms", "--buffer", "32M", "--max-line", "128"];
      const server = await ServerProgram.start(...options);
      const how = { bytesPerSecond: 3 * MIB, bufferBytes: 64 << 10 };
      const slow = new SlowReader(server.port, how);
      await server.members(1);
      const sent = numberedLines(12 * MIB);
      await sendToAll(server, sent);
      leave(slow);
      expect(await eventually("its end", () => slow.ending, 8_000)).toBe("end of input");
      expect(slow.bytes.equals(Buffer.concat([sent, Buffer.from(message)]))).toBe(true);
      expect(server.stderr).not.toContain("too slow");
    });
});
