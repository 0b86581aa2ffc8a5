/** WebSockets that read slowly, or not at all, or say more than the room takes: as bounded as lines are. */

import { describe, expect, test } from "bun:test";

import { limitFiles, Peer, serverCommand, ServerProgram } from "../harness.ts";
import { frameAt, upgradeRequest } from "../harness/web-frames.ts";
import { CLOSE, frame, TEXT, WebPeer, webUrl } from "../harness/web-peer.ts";
import { endAllAfterEach, eventually } from "../server/ends.ts";
import { openFiles } from "../server/served.ts";
import { SlowReader } from "../server/slow-reader.ts";

endAllAfterEach();

const MIB = 1 << 20;
const slowReaderTest = test.skipIf(!SlowReader.works);

async function start(...options: string[]) {
  const server = await ServerProgram.start("--web", "0", ...options);
  return { server, url: await webUrl(server) };
}

/** Lines of 100 bytes, numbered. */
function numberedLines(bytes: number): Buffer {
  const count = Math.floor(bytes / 100);
  const lines = Array.from({ length: count }, (_, n) => `${`${n} `.padEnd(99, "=")}\n`);
  return Buffer.from(lines.join(""));
}

const upgrade = (url: string) => upgradeRequest(new URL(url).host);

/** What the messages hold that a server has sent after its answer, and the code it has closed with. */
function unframe(bytes: Buffer): { heard: Buffer; code: number | undefined } {
  const heard: Buffer[] = [];
  let at = bytes.indexOf("\r\n\r\n") + 4;
  for (let next = frameAt(bytes, at); next !== undefined; next = frameAt(bytes, at)) {
    const payload = bytes.subarray(at + next.head, at + next.head + next.body);
    if (next.opcode === CLOSE)
      return { heard: Buffer.concat(heard), code: payload.readUInt16BE(0) };
    heard.push(payload);
    at += next.head + next.body;
  }
  return { heard: Buffer.concat(heard), code: undefined };
}

describe("readers", () => {
  for (const count of [10, 50])
    test(`${count} that have stopped are dropped in a flood of 500 MB, in bounded memory`, async () => {
      const { server, url } = await start("--patience", "500ms");
      for (let n = 0; n < count; n++) await WebPeer.connect(url, { stopped: true });
      const reader = await WebPeer.connect(url, { countOnly: true });
      await server.members(count + 1);
      const talker = await server.join();
      const block = numberedLines(5 * MIB);
      let mostBytes = 0;
      for (let sent = 0; sent < 500_000_000; sent += block.length) {
        await talker.sayAll(block);
        mostBytes = Math.max(mostBytes, await server.memoryBytes());
      }
      await reader.hearsBytes(500_000_000, 20_000);
      expect(server.count(/left web:\S+: too slow, \d+ bytes behind/)).toBe(count);
      expect(mostBytes).toBeLessThan(200 * MIB);
    }, 40_000);

  slowReaderTest(
    "one of 100 KB/s loses nothing",
    async () => {
      const { server, url } = await start("--patience", "3s", "--buffer", "256K");
      const slow = new SlowReader(Number(new URL(url).port), {
        bytesPerSecond: 100_000,
        bufferBytes: 16 << 10,
      });
      slow.say(upgrade(url));
      await server.members(1);
      const talker = await server.join();
      const witness = await server.join({ countOnly: true });
      // Less than what the kernel takes for it would not hold the room up.
      const said = numberedLines(600_000);
      talker.say(said);
      await witness.hearsBytes(said.length, 15_000);
      await eventually("all", () => unframe(slow.bytes).heard.length >= said.length, 15_000);
      expect(unframe(slow.bytes).heard.equals(said)).toBeTrue();
      expect(server.count(/too slow/)).toBe(0);
    },
    30_000,
  );

  slowReaderTest(
    "one that is owed megabytes when the server stops gets them, then 1001",
    async () => {
      const { server, url } = await start();
      const slow = new SlowReader(Number(new URL(url).port), {
        bytesPerSecond: 3 * MIB,
        bufferBytes: 64 << 10,
      });
      slow.say(upgrade(url));
      await server.members(1);
      const talker = await server.join();
      const witness = await server.join({ countOnly: true });
      const said = numberedLines(8 * MIB);
      talker.say(said);
      await witness.hearsBytes(said.length);
      server.kill("SIGTERM");
      expect(await server.exited).toBe(0);
      await eventually("the end", () => slow.ending, 10_000);
      const { heard, code } = unframe(slow.bytes);
      expect(heard.length).toBe(said.length);
      expect(heard.equals(said)).toBeTrue();
      expect(code).toBe(1001);
    },
    30_000,
  );
});

test("a talker of small messages waits for a room that is held up, and all are said then", async () => {
  const { server, url } = await start("--buffer", "64K", "--patience", "1h", "--metrics", "0");
  const [, metrics = ""] = await server.logged(/metrics at (\S+)\n/);
  const talker = await WebPeer.connect(url);
  const reader = await server.join({ stopped: true });
  await server.members(2);
  const filler = await server.join();
  filler.say(numberedLines(16 * MIB));
  for (let isHeldUp = false; !isHeldUp; await Bun.sleep(10))
    isHeldUp = /^linechat_held_up_seconds_total [^0]|0\.\d/m.test(
      await (await fetch(metrics)).text(),
    );
  const messages = Array.from({ length: 200_000 }, (_, n) => frame(TEXT, `t${n}`));
  const before = server.processorMs;
  talker.peer.say(Buffer.concat(messages));
  reader.resume();
  await reader.hears("t199999\n", 20_000);
  const heard = reader.text.split("\n").filter((line) => line.startsWith("t"));
  expect(heard).toEqual(Array.from({ length: 200_000 }, (_, n) => `t${n}`));
  expect(server.processorMs - before).toBeLessThan(3_000);
}, 30_000);

describe("a flood of connections that say nothing", () => {
  for (const [kind, says] of [
    ["nothing", ""],
    ["half a request", "GET / HT"],
  ] as const)
    test(`or say ${kind}, leaves the other port open`, async () => {
      const command = serverCommand("--host", "127.0.0.1", "--web", "0", "0");
      const server = await ServerProgram.run(limitFiles(1024, command));
      const url = await webUrl(server);
      const web = await WebPeer.connect(url);
      await server.logged(`joined web:${web.peer.name} (1 here)`);
      const flood: Peer[] = [];
      const port = Number(new URL(url).port);
      const connect = () =>
        Peer.connect(port, { says }).then(
          (peer) => flood.push(peer),
          () => {},
        );
      for (let n = 0; n < 40; n++) await Promise.all(Array.from({ length: 50 }, connect));
      await server.logged(/is closed for a while: \d+ connections say nothing\n/);
      const peer = await server.join();
      peer.say("still here\n");
      await web.hears("still here\n");
      expect(openFiles(server.pid)).toBeLessThan(1024);
      await Promise.all(flood.map((one) => one.end()));
      await server.logged(/ is open again\n/);
      const back = await WebPeer.connect(url);
      await server.logged(`joined web:${back.peer.name} (3 here)`);
    }, 40_000);
});
