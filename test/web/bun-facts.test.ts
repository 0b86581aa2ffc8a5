/**
 * What lib/web relies on in `Bun.serve` and its WebSockets and Bun does not document; as
 * bun-facts.test.ts has it for sockets.
 */

import { afterEach, expect, test } from "bun:test";

import { endAfterEach } from "../harness.ts";
import { eventually } from "../harness/watched.ts";
import { WebPeer } from "../harness/web-peer.ts";

const MIB = 1 << 20;
const servers: Bun.Server<undefined>[] = [];

endAfterEach();
afterEach(() => servers.splice(0).forEach((server) => void server.stop(true)));

/** Both ends of a WebSocket, and what the handlers of the server are told of its end. */
async function open() {
  const events: string[] = [];
  const opened = Promise.withResolvers<Bun.ServerWebSocket<undefined>>();
  const server = Bun.serve<undefined>({
    ...{ hostname: "127.0.0.1", port: 0 },
    fetch: (request, own) => (own.upgrade(request) ? undefined : new Response("page")),
    websocket: {
      backpressureLimit: 0,
      open: (socket) => opened.resolve(socket),
      message() {},
      close: (_, code, reason) => void events.push(`close ${code} ${reason}`),
    },
  });
  servers.push(server);
  const peer = await WebPeer.connect(server.url.href);
  return { socket: await opened.promise, peer, events };
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
  const { socket, peer } = await open();
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
