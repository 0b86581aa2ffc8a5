/** WebSockets that read slowly, or not at all, or send more than the room takes: as bounded as lines are. */

import { describe, expect, test } from "bun:test";

import { endAfterEach, type ServerProgram } from "../harness.ts";
import { figuresOf } from "../harness/figures.ts";
import { eventually } from "../harness/watched.ts";
import {
  CLOSE,
  frame,
  frameAt,
  startWeb,
  TEXT,
  upgradeRequest,
  WebPeer,
} from "../harness/web-peer.ts";
import { SlowReader, type SlowReaderOptions } from "../server/slow-reader.ts";

endAfterEach();

const MIB = 1 << 20;
const slowReaderTest = test.skipIf(!SlowReader.works);

/** Lines of 100 bytes, numbered. */
function numberedLines(bytes: number): Buffer {
  const count = Math.floor(bytes / 100);
  const lines = Array.from({ length: count }, (_, n) => `${`${n} `.padEnd(99, "=")}\n`);
  return Buffer.from(lines.join(""));
}

/** What the messages hold that a server has sent after its answer, and the code it has closed with. */
function unframe(bytes: Buffer): { received: Buffer; code: number | undefined } {
  const payloads: Buffer[] = [];
  let code: number | undefined;
  let at = bytes.indexOf("\r\n\r\n") + 4;
  for (let next = frameAt(bytes, at); next && code === undefined; next = frameAt(bytes, at)) {
    const payload = bytes.subarray(at + next.head, (at += next.head + next.body));
    if (next.opcode === CLOSE) code = payload.readUInt16BE(0);
    else payloads.push(payload);
  }
  return { received: Buffer.concat(payloads), code };
}

describe("readers", () => {
  test("30 that have stopped are dropped in a flood of 400 MB, in bounded memory", async () => {
    const { server, url } = await startWeb("--patience", "500ms");
    for (let n = 0; n < 30; n++) await WebPeer.connect(url, { stopped: true });
    const reader = await WebPeer.connect(url, { countOnly: true });
    await server.members(31);
    const sender = await server.join();
    const block = numberedLines(5 * MIB);
    let mostBytes = 0;
    for (let sent = 0; sent < 400_000_000; sent += block.length) {
      await sender.sayAll(block);
      mostBytes = Math.max(mostBytes, await server.memoryBytes());
    }
    await reader.hearsBytes(400_000_000, 30_000);
    expect(server.count(/left web:\S+: too slow, \d+ bytes behind/)).toBe(30);
    expect(mostBytes).toBeLessThan(200 * MIB);
  }, 60_000);

  /** A WebSocket that reads so much a second. */
  async function slowReader(server: ServerProgram, url: string, how: SlowReaderOptions) {
    const slow = new SlowReader(Number(new URL(url).port), how);
    slow.say(upgradeRequest(new URL(url).host));
    await server.members(1);
    return slow;
  }

  slowReaderTest(
    "one of 100 KB/s loses nothing",
    async () => {
      const { server, url } = await startWeb("--patience", "3s", "--buffer", "256K");
      const how = { bytesPerSecond: 100_000, bufferBytes: 16 << 10 };
      const slow = await slowReader(server, url, how);
      const sender = await server.join();
      const witness = await server.join({ countOnly: true });
      // Less than what the kernel takes for it would not hold the room up.
      const sent = numberedLines(600_000);
      sender.say(sent);
      await witness.hearsBytes(sent.length, 15_000);
      await eventually("all", () => unframe(slow.bytes).received.length >= sent.length, 15_000);
      expect(unframe(slow.bytes).received.equals(sent)).toBeTrue();
      expect(server.count(/too slow/)).toBe(0);
    },
    30_000,
  );

  slowReaderTest(
    "one with megabytes pending when the server stops gets them, then 1001",
    async () => {
      const { server, url } = await startWeb();
      const how = { bytesPerSecond: 3 * MIB, bufferBytes: 64 << 10 };
      const slow = await slowReader(server, url, how);
      const sender = await server.join();
      const witness = await server.join({ countOnly: true });
      const sent = numberedLines(8 * MIB);
      sender.say(sent);
      await witness.hearsBytes(sent.length);
      server.kill("SIGTERM");
      expect(await server.exited).toBe(0);
      await eventually("the end", () => slow.ending, 10_000);
      const { received, code } = unframe(slow.bytes);
      expect(received.length).toBe(sent.length);
      expect(received.equals(sent)).toBeTrue();
      expect(code).toBe(1001);
    },
    30_000,
  );
});

test("a sender of small messages waits for a room that is held up, and all are relayed then", async () => {
  const { server, url } = await startWeb("--buffer", "64K", "--patience", "1h", "--metrics", "0");
  const { exceeds } = await figuresOf(server);
  const sender = await WebPeer.connect(url);
  const reader = await server.join({ stopped: true });
  await server.members(2);
  const filler = await server.join();
  filler.say(numberedLines(16 * MIB));
  await exceeds("linechat_held_up_seconds_total", 0);
  await exceeds("linechat_log_owed_bytes", 32 << 10);
  const messages = Array.from({ length: 200_000 }, (_, n) => frame(TEXT, `t${n}`));
  const before = server.processorMs;
  sender.peer.say(Buffer.concat(messages));
  reader.resume();
  await reader.hears("t199999\n", 20_000);
  const received = reader.text.split("\n").filter((line) => line.startsWith("t"));
  expect(received).toEqual(Array.from({ length: 200_000 }, (_, n) => `t${n}`));
  expect(server.processorMs - before).toBeLessThan(3_000);
}, 30_000);
