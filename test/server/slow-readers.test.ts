/** Slow readers, on real sockets: what each has to take in its time, and what becomes of those that do not. */

import { expect, test } from "bun:test";

import { openServer } from "../doors/open-server.ts";
import { endAfterEach, testBeside } from "../harness.ts";
import { numberedLines } from "../harness/tools.ts";
import { eventually } from "../harness/watched.ts";
import { SlowReader, type SlowReaderOptions } from "./slow-reader.ts";

endAfterEach();

const MIB = 1 << 20;
const testSlow = SlowReader.works ? testBeside : test.skip;

/** Has a member send so much past slow readers to one that is not; returns them all, once that has it. */
async function relayPast(how: SlowReaderOptions[], sent: Buffer, options: object) {
  const { server, port, events, join } = await openServer({ lingerMs: 200, ...options });
  const slow = how.map((one) => new SlowReader(port, one));
  await eventually("members", () => server.size === slow.length);
  const [reader, talker] = [await join(), await join()];
  talker.say(sent);
  await reader.hearsBytes(sent.length);
  expect(reader.heard.equals(sent)).toBe(true);
  return { slow, left: () => events.filter((event) => event.startsWith("left")) };
}

testSlow("those that take less than 64 KiB in each --patience are all reset", async () => {
  const how = Array.from({ length: 8 }, (_, n) => ({ bytesPerSecond: 10_000 + 2_000 * n }));
  const sent = numberedLines(64 << 10, 128);
  const { slow, left } = await relayPast(how, sent, { patienceMs: 300, logBytes: MIB });
  for (const one of slow) expect(await eventually("its end", () => one.ending)).toBe("reset");
  expect(left().map((event) => event.replace(/.*: /, ""))).toEqual(Array(8).fill("too slow"));
});

testSlow("one that takes more than that, and holds the room up, loses nothing", async () => {
  const how = { bytesPerSecond: 4 * MIB, bufferBytes: 64 << 10 };
  const sent = numberedLines(48 << 10, 128);
  const sinceMs = performance.now();
  const { slow, left } = await relayPast([how], sent, { patienceMs: 2_000, logBytes: MIB / 4 });
  expect(performance.now() - sinceMs).toBeGreaterThan(250); // It has waited for the reader.
  for (const one of slow) {
    await eventually("all to arrive", () => one.bytes.length >= sent.length);
    expect([one.bytes.equals(sent), left()]).toEqual([true, []]);
  }
});
