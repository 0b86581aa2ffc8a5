/** Everything is open before anybody is accepted: what happens finds a server that is there. */

import { expect, spyOn, test } from "bun:test";

import { listen } from "../../lib/server/listen.ts";
import { atEnd, endAfterEach } from "../harness.ts";
import { eventually } from "../harness/watched.ts";

endAfterEach();

const HOST = "127.0.0.1";

/** A port that was free a moment ago. */
function freePort(): number {
  const listener = Bun.listen({ hostname: HOST, port: 0, socket: { data() {} } });
  listener.stop();
  return listener.port;
}

/** Tries to connect, again and again, and counts how often that went well. */
function connectEagerly(port: number) {
  const eager = { connections: 0 };
  const sockets: Bun.Socket[] = [];
  let isOver = false;
  const open = (socket: Bun.Socket) => void sockets.push(socket);
  const attempt = async () => {
    while (!isOver && eager.connections < 20)
      try {
        await Bun.connect({ hostname: HOST, port, socket: { open, data() {} } });
        eager.connections++;
      } catch {
        await new Promise((resolve) => setImmediate(resolve));
      }
  };
  const over = Promise.all([attempt(), attempt()]);
  atEnd(async () => {
    isOver = true;
    await over;
    for (const socket of sockets) socket.terminate();
  });
  return eager;
}

/** Where the page and the figures are. */
const OTHERS = { web: { host: "localhost", port: 0 }, metrics: { host: "localhost", port: 0 } };

/** Has each look-up of a name take so long, in ms. */
function lookUpSlowly(ms: number): void {
  const { lookup } = Bun.dns;
  const slow = spyOn(Bun.dns, "lookup").mockImplementation(async (...of) => {
    await Bun.sleep(ms);
    return lookup(...of);
  });
  atEnd(() => slow.mockRestore());
}

test("a client that connects while ports open joins when listen() has returned", async () => {
  lookUpSlowly(50);
  const port = freePort();
  const eager = connectEagerly(port);
  const early: string[] = [];
  let isThere = false;
  let joined = 0;
  const event = (what: string) => () => {
    joined++;
    if (!isThere) early.push(what);
  };
  const server = await listen({
    ...{ host: HOST, port, ...OTHERS, bot: () => ({ onJoin: event("bot") }) },
    ...{ onJoin: event("onJoin"), onRefuse: event("onRefuse"), onWarning: event("onWarning") },
  });
  isThere = true;
  atEnd(() => server.stop(0));
  await eventually("members", () => server.size > 0 && joined > 0 && eager.connections > 0);
  expect(early).toEqual([]);
});

test("a start that fails, as another port is in use, tells nobody anything, and closes all", async () => {
  const taken = Bun.listen({ hostname: HOST, port: 0, socket: { data() {} } });
  atEnd(() => taken.stop());
  lookUpSlowly(50);
  for (const extra of ["web", "metrics"]) {
    const port = freePort();
    connectEagerly(port);
    const events: string[] = [];
    const event = (what: string) => () => void events.push(what);
    const starting = listen({
      ...{ host: HOST, port, [extra]: { host: HOST, port: taken.port } },
      ...{ onJoin: event("onJoin"), onLeave: event("onLeave"), onRefuse: event("onRefuse") },
    });
    await expect(starting).rejects.toThrow("address already in use");
    const again = Bun.listen({ hostname: HOST, port, socket: { data() {} } });
    again.stop();
    expect(events).toEqual([]);
  }
});
