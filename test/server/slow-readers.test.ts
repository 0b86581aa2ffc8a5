/** Slow readers, on real sockets: what each has to take in its time, and what becomes of those that do not. */

import { expect, test } from "bun:test";

import { listen } from "../../lib/server/listen.ts";
import { atEnd, endAfterEach, Peer, testBeside } from "../harness.ts";
import { numberedLines } from "../harness/tools.ts";
import { eventually } from "../harness/watched.ts";
import { SlowReader } from "./slow-reader.ts";

endAfterEach();

const MIB = 1 << 20;
const testSlow = SlowReader.works ? testBeside : test.skip;

const linesOf = (bytes: number) => numberedLines(bytes / 128, 128);

/** A server, who has left it and why; and what has one send lines that another one receives. */
async function open(options: object) {
  const left: string[] = [];
  const server = await listen({
    ...{ host: "127.0.0.1", port: 0, logBytes: 32 * MIB, lingerMs: 200, ...options },
    onLeave: (_, reason, behind) => left.push(behind > MIB / 2 ? `${reason}, far behind` : reason),
  });
  atEnd(() => server.stop(0));
  const members = (count: number) => eventually("members", () => server.size === count);
  const relay = async (sent: Buffer) => {
    const before = server.size;
    const [reader, talker] = [await Peer.connect(server.port), await Peer.connect(server.port)];
    await members(before + 2);
    talker.say(sent);
    await reader.hearsBytes(sent.length);
    expect(reader.heard.equals(sent)).toBe(true);
  };
  return { server, left, members, relay };
}

testSlow(
  "those that take less than 64 KiB in each --patience are reset, all together",
  async () => {
    const { server, left, members, relay } = await open({ patienceMs: 300, logBytes: MIB });
    const slow = Array.from({ length: 8 }, (_, n) => {
      return new SlowReader(server.port, { bytesPerSecond: 10_000 + 2_000 * n });
    });
    await members(8);
    await relay(linesOf(8 * MIB));
    for (const one of slow) expect(await eventually("its end", () => one.ending)).toBe("reset");
    expect(left).toEqual(Array(8).fill("too slow, far behind"));
  },
);

testSlow("one that takes more than that, and holds the room up, loses nothing", async () => {
  const { server, left, members, relay } = await open({ patienceMs: 2_000, logBytes: MIB / 4 });
  const how = { bytesPerSecond: 4 * MIB, bufferBytes: 64 << 10 };
  const slow = new SlowReader(server.port, how);
  await members(1);
  const sent = linesOf(6 * MIB);
  const sinceMs = performance.now();
  await relay(sent);
  expect(performance.now() - sinceMs).toBeGreaterThan(250); // It has waited for the reader.
  await eventually("all to arrive", () => slow.bytes.length >= sent.length);
  expect([slow.bytes.equals(sent), left]).toEqual([true, []]);
});
