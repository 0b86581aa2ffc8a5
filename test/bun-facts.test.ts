/**
 * What this program relies on, Bun does not document, and no test from end to end shows: if an upgrade
 * of Bun changes it, the name of the failing test says what, and its message which file in `lib/`
 * depends on it.
 */

import { expect, test } from "bun:test";

import { openFiles } from "./bench/usage.ts";
import { atEnd, endAfterEach } from "./harness.ts";
import { CERTIFICATE } from "./simulation/certificate.ts";

type Socket = Bun.Socket<undefined>;
type Handlers = Bun.SocketHandler<undefined>;

endAfterEach();

test.each([
  ["terminate", "TCP"],
  ["end", "TCP"],
  ["terminate", "TLS"],
] as const)("%s over %s calls close before it returns, and frees its file", async (way, over) => {
  const events: string[] = [];
  const { server } = await pair({ close: () => void events.push("close") }, over);
  const files = openFiles(process.pid);
  server[way]();
  events.push(`${openFiles(process.pid) - files} file`);
  expect(events, "lib/server/connections.ts counts open sockets").toEqual(["close", "-1 file"]);
  const taken = server.write(Buffer.from("late"), 0, 4);
  expect(taken, "lib/room/cursor.ts takes -1 for a reset").toBe(-1);
});

test("after one's own shutdown the peer's FIN comes as close, with no end", async () => {
  const events: string[] = [];
  const closed = Promise.withResolvers<void>();
  const { server, client, received } = await pair({
    end: () => void events.push("end"),
    close: () => closed.resolve(void events.push("close")),
  });
  server.shutdown();
  await received;
  client.shutdown();
  await closed.promise;
  expect(events, "lib/room/leaver.ts is told of the FIN by close alone").toEqual(["close"]);
});

test("after the peer's FIN one's own shutdown closes the socket", async () => {
  const closed = Promise.withResolvers<void>();
  const { client } = await pair({
    end: (socket) => void socket.shutdown(),
    close: () => closed.resolve(),
  });
  client.shutdown();
  await closed.promise; // Else a leaver of lib/room/leaver.ts would linger to its deadline.
});

test("a peer that has reset before it was accepted has no address in open", async () => {
  const opened = Promise.withResolvers<string | undefined>();
  const { port } = listen({ open: (socket) => opened.resolve(socket.remoteAddress) });
  // Another process comes and goes while this one does not look.
  const code = `await Bun.connect({ hostname: "127.0.0.1", port: ${port},
    socket: { open: (socket) => socket.terminate(), data() {} } })`;
  expect(Bun.spawnSync([process.execPath, "-e", code]).exitCode).toBe(0);
  const why = "lib/server/connections.ts does not take in whoever has no address";
  expect(await opened.promise, why).toBeUndefined();
});

test("setImmediate runs once all sockets that are ready have had their data", async () => {
  const ended = Promise.withResolvers<number>();
  let heard = 0;
  const { connect } = listen({
    data() {
      if (heard++ === 0) setImmediate(() => ended.resolve(heard));
    },
  });
  const clients = await Promise.all(Array.from({ length: 5 }, () => connect()));
  await new Promise((resolve) => setImmediate(resolve));
  // Written in one go, so that all are ready in the same turn.
  for (const client of clients) client.write("x");
  expect(await ended.promise, "lib/server/listen.ts flushes once a turn by it").toBe(5);
});

test("TLS leaves a socket its descriptor, which Bun's types do not list", async () => {
  const descriptorOf = (socket: Socket): unknown => Reflect.get(socket, "fd");
  const { client } = await pair();
  const before = descriptorOf(client);
  expect(before, "lib/program/network.ts asks by it").toBeNumber();
  const [, secure] = client.upgradeTLS<undefined>({ tls: true, socket: { data() {}, error() {} } });
  expect(descriptorOf(secure)).toBe(before);
  secure.terminate();
});

/** A connection within this process: both of its ends, and the client's EOF. */
async function pair(handlers: Handlers = {}, over = "TCP") {
  const [accepted, ended] = [Promise.withResolvers<Socket>(), Promise.withResolvers<void>()];
  const ready = over === "TLS" ? "handshake" : "open";
  const { connect } = listen({ [ready]: accepted.resolve, ...handlers }, over);
  const client = await connect({ end: () => ended.resolve() });
  return { server: await accepted.promise, client, received: ended.promise };
}

/** Listens until the end of the test; returns its port, and how to connect to it. */
function listen(handlers: Handlers = {}, over = "TCP") {
  const [tls, secure] =
    over === "TLS" ? [{ tls: CERTIFICATE }, { tls: { rejectUnauthorized: false } }] : [];
  const here = { hostname: "127.0.0.1", allowHalfOpen: true };
  const ignoring = { data() {}, error() {} };
  const socket = { ...ignoring, ...handlers };
  const listener = Bun.listen<undefined>({ ...here, port: 0, ...tls, socket });
  const { port } = listener;
  atEnd(() => listener.stop(true));
  const connect = async (own: Handlers = {}) => {
    const client = await Bun.connect<undefined>({
      ...{ ...here, port, ...secure },
      socket: { ...ignoring, ...own },
    });
    atEnd(() => client.terminate());
    return client;
  };
  return { port, connect };
}

test("expect().rejects runs an event loop before it returns (test/harness.ts)", async () => {
  let hasRun = false;
  setImmediate(() => (hasRun = true));
  const waits = expect(
    Bun.sleep(1).then(() => Promise.reject(new Error("late"))),
  ).rejects.toThrow();
  expect(hasRun).toBe(true);
  await waits;
});
