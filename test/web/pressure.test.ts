/** WebSockets that send more than the room takes; and what lib/web relies on in Bun. */

import { expect, test } from "bun:test";

import { BrowserSocket } from "../../lib/web/web-socket.ts";
import { openParts } from "../extras/open-parts.ts";
import { atEnd, endAfterEach, testBeside } from "../harness.ts";
import { figuresOf } from "../harness/figures.ts";
import { numberedLines } from "../harness/tools.ts";
import { eventually } from "../harness/watched.ts";
import { frame, startWeb, TEXT, WebPeer } from "../harness/web-peer.ts";

endAfterEach();

const MIB = 1 << 20;

testBeside(
  "small messages to a room that is held up wait, and are relayed in a piece",
  async () => {
    const slow = ["--buffer", "64K", "--patience", "1h"];
    const { server, url } = await startWeb(...slow, "--metrics", "0");
    const { exceeds } = await figuresOf(server);
    const sender = await WebPeer.open(url);
    const reader = await server.join({ stopped: true });
    await server.members(2);
    const filler = await server.join();
    filler.say(numberedLines(160_000, 100));
    await exceeds("linechat_held_up_seconds_total", 0);
    const words = Array.from({ length: 100_000 }, (_, n) => `t${n}`);
    const before = server.processorMs;
    sender.write(Buffer.concat(words.map((word) => frame(TEXT, word))));
    reader.resume();
    await reader.hears("t99999\n");
    expect(reader.text.split("\n").filter((line) => line.startsWith("t"))).toEqual(words);
    expect(server.processorMs - before, "ms; 19,000 if one by one").toBeLessThan(10_000);
  },
);

test("what the system takes of what Bun holds counts as taken before Bun tells of it", () => {
  const { connections, join, settle } = openParts([], { logBytes: 8, lineBytesMax: 8 });
  let held = 0;
  const wire = {
    ...{ isPaused: false, ping: () => 0, pause() {}, resume() {}, close() {}, terminate() {} },
    sendBinary: ({ length }: Uint8Array) => (held = length),
    getBufferedAmount: () => held,
    cork: () => (held = 0),
  };
  const [way = { kind: "web", doors: [], open: 0 }] = connections.ways;
  new BrowserSocket(connections, way, { address: "::1", port: 1 }).opened(wire as never);
  const sender = join("sender");
  sender.sends("1\n2\n3\n4\n5\n6\n7\n8\n9\n");
  settle();
  expect(sender.paused).toBe(false);
});

/** Both ends of a WebSocket of Bun, and what its handlers are told of its end. */
async function openBun() {
  const events: string[] = [];
  const opened = Promise.withResolvers<Bun.ServerWebSocket<undefined>>();
  const server = Bun.serve<undefined>({
    ...{ hostname: "127.0.0.1", port: 0 },
    fetch: (request, own) => (own.upgrade(request) ? undefined : new Response("page")),
    websocket: {
      backpressureLimit: 0,
      open: (socket) => opened.resolve(socket),
      message() {},
      close: (_, code) => void events.push(`close ${code}`),
    },
  });
  atEnd(() => server.stop(true));
  const peer = await WebPeer.open(server.url.href, { stopped: true });
  return { socket: await opened.promise, peer, events };
}

test("Bun calls the close handler before close or terminate return, as RoomSocket has it", async () => {
  const [one, other] = [await openBun(), await openBun()];
  one.socket.close(1008);
  other.socket.terminate();
  expect([one.events, other.events]).toEqual([["close 1008"], ["close 1006"]]);
});

test("Bun takes a message whole, counts what is not out, and tries at an empty cork", async () => {
  const { socket, peer } = await openBun();
  let sent = 0;
  for (; socket.getBufferedAmount() === 0 && sent < 64; sent++) {
    const status = socket.sendBinary(new Uint8Array(MIB));
    expect(status).toBe(socket.getBufferedAmount() === 0 ? MIB : -1);
  }
  expect(socket.getBufferedAmount()).toBeGreaterThan(0);
  peer.resume();
  await eventually("all to be out", () => {
    socket.cork(() => {});
    return socket.getBufferedAmount() === 0;
  });
  await peer.hearsBytes(sent * MIB);
});
