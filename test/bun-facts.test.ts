/**
 * What this program relies on and Bun does not document: if an upgrade of Bun
 * changes it, the name of the failing test says what, and its message says what
 * in `lib/` depends on it.
 */

import { afterEach, expect, test } from "bun:test";

import { fileLimit } from "../lib/server/file-limit.ts";

type Socket = Bun.Socket<undefined>;
type Handlers = Bun.SocketHandler<undefined>;

const MIB = 1 << 20;
const open: { stop(closeActive: boolean): void }[] = [];
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.terminate();
  for (const listener of open.splice(0)) listener.stop(true);
});

test("write takes bytes, an offset and a length, and writes just those", async () => {
  const { server, received } = await pair();
  expect(server.write(Buffer.from("0123456789"), 3, 4)).toBe(4);
  server.shutdown();
  expect(
    await text(received),
    "RoomSocket.write in lib/room.ts hands pieces of the log over so",
  ).toBe("3456");
});

test("write takes what the kernel has room for, and drain follows once the peer has read", async () => {
  const drained = Promise.withResolvers<void>();
  const { server, client } = await pair({ drain: () => drained.resolve() }, { data: () => {} });
  client.pause();
  const bytes = new Uint8Array(64 * MIB);
  const taken = server.write(bytes, 0, bytes.length);
  expect(taken, "Room.#write in lib/room.ts stops the cursor at a short count").toBeLessThan(
    bytes.length,
  );
  expect(taken).toBeGreaterThan(0);
  client.resume();
  await drained.promise; // Room.drain in lib/room.ts is all that starts the cursor again
});

test("write returns -1 once the socket is closed", async () => {
  const closed = Promise.withResolvers<void>();
  const { server, client } = await pair({ close: () => closed.resolve() });
  client.terminate();
  await closed.promise;
  const taken = server.write(Buffer.from("late"), 0, 4);
  expect(taken, "Room.#hand in lib/room.ts takes -1 for a reset").toBe(-1);
});

test("with allowHalfOpen a peer's FIN leaves the socket writable, and all of it arrives", async () => {
  const bytes = new Uint8Array(8 * MIB).fill(7);
  const ended = Promise.withResolvers<void>();
  let written = 0;
  const writeOn = (socket: Socket) => {
    written += socket.write(bytes, written, bytes.length - written);
    if (written === bytes.length) socket.shutdown();
  };
  const { server, client, received } = await pair({ end: () => ended.resolve(), drain: writeOn });
  client.shutdown();
  await ended.promise;
  writeOn(server);
  expect((await received).length, "Room.#leave in lib/room.ts pays what is owed after EOF").toBe(
    bytes.length,
  );
});

test("after one's own shutdown the peer's FIN comes as close", async () => {
  const events: string[] = [];
  const closed = Promise.withResolvers<void>();
  const { server, client, received } = await pair({
    end: () => void events.push("end"),
    close: () => closed.resolve(),
  });
  server.shutdown();
  await received;
  client.shutdown();
  await closed.promise; // Room.#linger in lib/room.ts waits for it
  expect(events, "Room.close in lib/room.ts is told of the FIN by close alone").toEqual([]);
});

test("after the peer's FIN one's own shutdown closes the socket", async () => {
  const ended = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const { server, client } = await pair({
    end: () => ended.resolve(),
    close: () => closed.resolve(),
  });
  client.shutdown();
  await ended.promise;
  server.shutdown();
  await closed.promise; // or a member of lib/room.ts that half-closed would linger to its deadline
});

test("terminate closes at once and resets the peer", async () => {
  const lost = Promise.withResolvers<Error | undefined>();
  const { server } = await pair({}, { close: (_, error) => lost.resolve(error) });
  server.terminate();
  expect(
    server.write(Buffer.from("x"), 0, 1),
    "Room.terminate in lib/room.ts ends connections with it",
  ).toBe(-1);
  const error = await lost.promise;
  expect(error, "Connection.closed in lib/client/connection.ts tells a reset by it").toMatchObject({
    code: "ECONNRESET",
  });
});

test("a peer that has reset before it was accepted has no address in open", async () => {
  const opened = Promise.withResolvers<string | undefined>();
  const listener = listen({ open: (socket) => opened.resolve(socket.remoteAddress) });
  // Another process comes and goes while this one does not look.
  inAnotherProcess(`await Bun.connect({ hostname: "127.0.0.1", port: ${listener.port},
    socket: { open: (socket) => socket.terminate(), data() {} } })`);
  const address = await opened.promise;
  expect(address, "lib/listen.ts does not let in whoever has no address").toBeUndefined();
});

test("an exception in a handler goes to the error handler and leaves the socket open", async () => {
  const failed = Promise.withResolvers<Error>();
  const { server, client, received } = await pair({
    data() {
      throw new Error("on purpose");
    },
    error: (_, error) => failed.resolve(error),
  });
  client.write("x");
  const { message } = await failed.promise;
  expect(message, "error in lib/listen.ts ends that one connection").toBe("on purpose");
  server.write("still open");
  server.shutdown();
  expect(await text(received)).toBe("still open");
});

test("pause inside data holds at once: no data and no end until resume", async () => {
  let chunks = 0;
  let bytes = 0;
  const events: string[] = [];
  const first = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const { server, client, received } = await pair({
    data(socket, chunk) {
      bytes += chunk.length;
      if (chunks++ > 0) return;
      socket.pause();
      first.resolve();
    },
    end() {
      events.push("end");
      ended.resolve();
    },
  });
  // All of it lies in the kernel when the first chunk is read.
  const total = client.write(new Uint8Array(2 * MIB), 0, 2 * MIB);
  client.shutdown();
  await first.promise;
  // Turns of the event loop in which more could have come.
  for (let turn = 0; turn < 20; turn++) await ticks();
  expect([chunks, ...events], "Room.#wait in lib/room.ts bounds memory by it").toEqual([1]);
  server.resume();
  await ended.promise;
  expect(bytes).toBe(total);
  server.shutdown();
  await received;
});

test("a chunk is not reused for the next one", async () => {
  const chunks: Uint8Array[] = [];
  const ended = Promise.withResolvers<void>();
  const { client } = await pair({
    data: (_, chunk) => void chunks.push(chunk),
    end: () => ended.resolve(),
    drain: () => {},
  });
  const bytes = Uint8Array.from({ length: MIB }, (_, index) => index % 251);
  await writeAll(client, bytes);
  client.shutdown();
  await ended.promise;
  expect(chunks.length).toBeGreaterThan(1);
  const same = Buffer.concat(chunks).equals(bytes);
  expect(same, "LineBuffer.push in lib/line-buffer.ts keeps views of chunks").toBe(true);
});

test("setImmediate runs once all sockets that are ready have had their data", async () => {
  const turns: number[] = [];
  const ended = Promise.withResolvers<void>();
  let heard = 0;
  const listener = listen({
    data() {
      if (heard++ === 0) setImmediate(() => ended.resolve(void turns.push(heard)));
    },
  });
  const accepted = Array.from({ length: 5 }, () => connect(listener.port));
  const clients = await Promise.all(accepted);
  await ticks();
  // Written in one go, so that all are ready in the same turn.
  for (const client of clients) client.write("x");
  await ended.promise;
  expect(turns, "eventLoop in lib/listen.ts writes once a turn by it").toEqual([5]);
});

test(":: takes IPv6 and IPv4, and localhost is found on either", async () => {
  const both = Bun.listen({ hostname: "::", port: 0, socket: { data() {} } });
  const onlyFour = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  open.push(both, onlyFour);
  for (const [hostname, port] of [
    ["::1", both.port],
    ["127.0.0.1", both.port],
    ["localhost", onlyFour.port], // connect in lib/client/connect.ts leaves it to Bun to try all addresses
  ] as const)
    sockets.push(await Bun.connect({ hostname, port, socket: { data() {} } }));
  expect(sockets.length, "openListener in lib/listen.ts listens on :: alone").toBe(3);
});

test("an address in use throws EADDRINUSE, and a port without a server rejects with ECONNREFUSED", async () => {
  const { port } = listen({});
  const again = () => Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } });
  expect(again, "explainListen in lib/listen.ts reads the code").toThrow(
    expect.objectContaining({ code: "EADDRINUSE" }),
  );
  open.pop()?.stop(true);
  const refused = expect.objectContaining({ code: "ECONNREFUSED" });
  await expect(connect(port), "failure in lib/client/connect.ts reads the code").rejects.toEqual(
    refused,
  );
});

test("stop leaves connections that are open as they are", async () => {
  const { server, received } = await pair();
  open[0]?.stop(false);
  server.write("last words");
  server.shutdown();
  expect(await text(received), "stop in lib/listen.ts stops listening first").toBe("last words");
});

test("the file limit is known, and Bun has raised it to the hard one", () => {
  const { filesMax, clientsMax } = fileLimit();
  const { stdout } = Bun.spawnSync(["sh", "-c", "ulimit -Hn"]);
  const hard = stdout.toString().trim();
  expect(`${filesMax}`, "fileLimit in lib/file-limit.ts reads it from the report").toBe(
    hard === "unlimited" ? `${MIB}` : hard,
  );
  expect(clientsMax).toBeLessThan(filesMax);
});

/** A connection within this process: both of its ends, and all that the client gets until EOF. */
async function pair(serverHandlers: Handlers = {}, clientHandlers: Handlers = {}) {
  const accepted = Promise.withResolvers<Socket>();
  const ended = Promise.withResolvers<Buffer>();
  const chunks: Uint8Array[] = [];
  const listener = listen({ open: (socket) => accepted.resolve(socket), ...serverHandlers });
  const client = await connect(listener.port, {
    data: (_, chunk) => void chunks.push(chunk),
    end: () => ended.resolve(Buffer.concat(chunks)),
    close: () => ended.resolve(Buffer.concat(chunks)),
    ...clientHandlers,
  });
  return { server: await accepted.promise, client, received: ended.promise };
}

function listen(handlers: Handlers) {
  const listener = Bun.listen<undefined>({
    hostname: "127.0.0.1",
    port: 0,
    allowHalfOpen: true,
    socket: { data() {}, error() {}, ...handlers },
  });
  open.push(listener);
  return listener;
}

async function connect(port: number, handlers: Handlers = {}): Promise<Socket> {
  const socket = await Bun.connect<undefined>({
    hostname: "127.0.0.1",
    port,
    allowHalfOpen: true,
    socket: { data() {}, error() {}, ...handlers },
  });
  sockets.push(socket);
  return socket;
}

async function writeAll(socket: Socket, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += socket.write(bytes, written, bytes.length - written);
    await ticks();
  }
}

async function text(received: Promise<Buffer>): Promise<string> {
  return (await received).toString();
}

/** One way through the event loop. */
function ticks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Runs code to its end while this process stands still. */
function inAnotherProcess(code: string): void {
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "-e", code], { timeout: 20_000 });
  if (exitCode !== 0) throw new Error(stderr.toString());
}

test("a descriptor that is closed at the start is /dev/null, never a later socket", async () => {
  const show = 'console.log(require("fs").readlinkSync("/proc/self/fd/2"))';
  const program = ["sh", "-c", 'exec "$0" -e "$1" 2>&-', process.execPath, show];
  const { stdout } = Bun.spawnSync(program);
  expect(`${stdout}`, "openStderr in lib/program/stderr.ts writes to 2 whatever it is").toBe(
    "/dev/null\n",
  );
});
