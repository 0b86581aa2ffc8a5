/** Slow readers, on real sockets: what each has to take in its time, and what becomes of those that do not. */

import { expect, test } from "bun:test";

import { openServer } from "../doors/open-server.ts";
import { endAfterEach, testBeside } from "../harness.ts";
import { numberedLines } from "../harness/tools.ts";
import { eventually } from "../harness/watched.ts";
import { SlowReader } from "./slow-reader.ts";

endAfterEach();

const testSlow = SlowReader.works ? testBeside : test.skip;

testSlow(
  "one that takes 64 KiB in each --patience loses nothing; those that take less are reset",
  async () => {
    const options = { lingerMs: 200, patienceMs: 2_000, logBytes: 256 << 10 };
    const { server, port, events, join } = await openServer(options);
    const sent = numberedLines(48 << 10, 128);
    const enough = new SlowReader(port, { bytesPerSecond: 4 << 20, bufferBytes: 64 << 10 });
    const less = Array.from({ length: 8 }, (_, n) => {
      return new SlowReader(port, { bytesPerSecond: 10_000 + 2_000 * n });
    });
    await eventually("members", () => server.size === 9);
    const [reader, talker] = [await join(), await join()];
    talker.say(sent);
    await reader.hearsBytes(sent.length);
    expect(reader.heard.equals(sent)).toBe(true);
    await eventually("all to arrive", () => enough.bytes.length >= sent.length);
    expect(enough.bytes.equals(sent)).toBe(true);
    for (const one of less) expect(await eventually("its end", () => one.ending)).toBe("reset");
    const left = events.filter((event) => event.startsWith("left"));
    expect(left.map((event) => event.replace(/.*: /, ""))).toEqual(Array(8).fill("too slow"));
  },
);
