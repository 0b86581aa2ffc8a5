/**
 * What lib/web relies on in `Bun.serve` and its WebSockets and Bun does not document; as
 * bun-facts.test.ts has it for sockets.
 */

import { afterEach, expect, test } from "bun:test";

import { endAfterEach, Program } from "../harness.ts";
import { frame, TEXT, WebPeer } from "../harness/web-peer.ts";
import { eventually } from "../server/ends.ts";

type Socket = Bun.ServerWebSocket<undefined>;

const MIB = 1 << 20;
const servers: Bun.Server<undefined>[] = [];

endAfterEach();
afterEach(() => servers.splice(0).forEach((server) => void server.stop(true)));

/** A server, one WebSocket of it from both ends, and what its handlers are told. */
async function open(options: Partial<Bun.WebSocketHandler<undefined>> = {}) {
  const events: string[] = [];
  const opened = Promise.withResolvers<Socket>();
  const server = Bun.serve<undefined>({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, own) => (own.upgrade(request) ? undefined : new Response("page")),
    websocket: {
      open: (socket) => opened.resolve(socket),
      message: (_, message) => void events.push(`${message}`),
      drain: () => void events.push("drain"),
      close: (_, code, reason) => void events.push(`close ${code} ${reason}`),
      ...options,
    },
  });
  servers.push(server);
  const peer = await WebPeer.connect(server.url.href);
  return { server, socket: await opened.promise, peer, events };
}

for (const how of ["close", "terminate"] as const)
  test(`${how} calls the close handler before it returns`, async () => {
    const { socket, events } = await open();
    if (how === "close") socket.close(1008);
    else socket.terminate();
    const expected = how === "close" ? "close 1008 " : "close 1006 ";
    expect(events, "lib/web/web-socket.ts ends as RoomSocket says").toEqual([expected]);
  });

test("a message is taken whole, and what the system does not take is counted; an empty cork tries", async () => {
  const { socket, peer } = await open({ backpressureLimit: 0 });
  peer.peer.pause();
  const message = new Uint8Array(MIB);
  let sent = 0;
  while (socket.getBufferedAmount() === 0 && sent < 64) {
    const status = socket.sendBinary(message);
    const why = "lib/web/web-socket.ts asks no more when all is out";
    expect(status, why).toBe(socket.getBufferedAmount() === 0 ? message.length : -1);
    sent++;
  }
  const buffered = socket.getBufferedAmount();
  expect(buffered, "lib/web/web-socket.ts sends when nothing is buffered").toBeGreaterThan(0);
  peer.peer.resume();
  await eventually("all to be out by an empty cork", () => {
    socket.cork(() => {});
    return socket.getBufferedAmount() === 0;
  });
  await peer.hearsBytes(sent * MIB);
});

test("a message over maxPayloadLength closes by 1009, and its reason says so", async () => {
  const { peer, events } = await open({ maxPayloadLength: 100 });
  peer.say("x".repeat(200));
  expect(await peer.closed()).toBe(1009);
  await eventually("a close", () => events.length === 1);
  expect(events, "lib/web/web-socket.ts reads the reason").toEqual([
    "close 1006 Received too big message",
  ]);
});

test("pause still delivers what was read before it", async () => {
  const heard: string[] = [];
  const { peer } = await open({
    message(socket, message) {
      heard.push(`${message}`);
      socket.pause();
    },
  });
  peer.peer.say(Buffer.concat(["one", "two", "three"].map((text) => frame(TEXT, text))));
  await eventually("all three", () => heard.length === 3);
});

test("stop, and a new server on the port, leave WebSockets as they are", async () => {
  const { server, socket, peer, events } = await open();
  void server.stop();
  const { port = 0 } = server;
  const fetch = () => new Response("new");
  servers.push(Bun.serve({ hostname: "127.0.0.1", port, fetch }));
  peer.say("still here");
  await eventually("a word", () => events.includes("still here"));
  socket.sendBinary(Buffer.from("and here\n"));
  await peer.hears("and here\n");
});

test("without development, another process has the same port too, unless reusePort is false", async () => {
  const start = async (options: string) => {
    const code = `
      const { port = 0, ...options } = ${options};
      try {
        const fetch = () => new Response("");
        console.log(Bun.serve({ hostname: "127.0.0.1", development: false, port, fetch, ...options }).port);
      } catch (error) { console.log(error.code); }`;
    const program = new Program([process.execPath, "-e", code]);
    return (await program.printed(/(\w+)\n/))[1] ?? "";
  };
  const own = await start("{ reusePort: false }");
  const why = "lib/http/http-port.ts sets reusePort to false";
  expect(await start(`{ port: ${own}, reusePort: false }`), why).toBe("EADDRINUSE");
  const shared = await start("{}");
  expect(await start(`{ port: ${shared} }`), why).toBe(shared);
});

test("a page is text where it is imported as text", async () => {
  const page = await import("../../lib/web/page.html", { with: { type: "text" } });
  expect(String(page.default), "lib/web/page.ts serves it").toStartWith("<!doctype html>");
});
