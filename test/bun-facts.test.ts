/**
 * What this program relies on and Bun does not document: if an upgrade of Bun
 * changes it, the name of the failing test says what, and its message says which
 * file in `lib/` depends on it.
 */

import { afterEach, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";

import { makeCertificates } from "./certificates.ts";
import { endAfterEach, newFolder, Program, ROOT, runToEnd } from "./harness.ts";
import { testWith } from "./harness/tools.ts";

type Socket = Bun.Socket<undefined>;
type Handlers = Bun.SocketHandler<undefined>;
/** What a connection of a test goes over. */
type Over = "TCP" | "a Unix socket" | "TLS";
interface Place {
  hostname: string;
  port: number;
  unix?: string;
  tls?: Bun.TLSOptions;
}

const MIB = 1 << 20;
const open: Bun.SocketListener<undefined>[] = [];
const sockets: Socket[] = [];

endAfterEach();
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.terminate();
  for (const listener of open.splice(0)) listener.stop(true);
});

test("write takes bytes, an offset and a length, and writes just those", async () => {
  const { server, received } = await pair();
  expect(server.write(Buffer.from("0123456789"), 3, 4)).toBe(4);
  server.shutdown();
  expect(await text(received), "lib/room/cursor.ts hands pieces of the log over so").toBe("3456");
});

test("write takes what the kernel has room for, and drain follows once the peer has read", async () => {
  const drained = Promise.withResolvers<void>();
  const { server, client } = await pair({ drain: () => drained.resolve() }, { data: () => {} });
  client.pause();
  const bytes = new Uint8Array(64 * MIB);
  const taken = server.write(bytes, 0, bytes.length);
  expect(taken, "lib/room/cursor.ts stops at a short count").toBeLessThan(bytes.length);
  expect(taken).toBeGreaterThan(0);
  client.resume();
  await drained.promise; // lib/room/cursor.ts goes on by nothing else
});

test("write returns -1 once the socket is closed", async () => {
  const closed = Promise.withResolvers<void>();
  const { server, client } = await pair({ close: () => closed.resolve() });
  client.terminate();
  await closed.promise;
  const taken = server.write(Buffer.from("late"), 0, 4);
  expect(taken, "lib/room/cursor.ts takes -1 for a reset").toBe(-1);
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
  expect((await received).length, "lib/room/leaver.ts hands out what is pending after EOF").toBe(
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
  await closed.promise; // lib/room/leaver.ts waits for it
  expect(events, "lib/room/leaver.ts is told of the FIN by close alone").toEqual([]);
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
  await closed.promise; // or a leaver of lib/room/leaver.ts that has half-closed would linger to its deadline
});

test("terminate closes at once and resets the peer", async () => {
  const lost = Promise.withResolvers<Error | undefined>();
  const { server } = await pair({}, { close: (_, error) => lost.resolve(error) });
  server.terminate();
  expect(server.write(Buffer.from("x"), 0, 1), "lib/room/room.ts ends connections with it").toBe(
    -1,
  );
  const error = await lost.promise;
  expect(error, "lib/client/connection.ts tells a reset by it").toMatchObject({
    code: "ECONNRESET",
  });
});

test("a peer that has reset before it was accepted has no address in open", async () => {
  const opened = Promise.withResolvers<string | undefined>();
  const at = listen({ open: (socket) => opened.resolve(socket.remoteAddress) });
  // Another process comes and goes while this one does not look.
  inAnotherProcess(`await Bun.connect({ hostname: "127.0.0.1", port: ${at.port},
    socket: { open: (socket) => socket.terminate(), data() {} } })`);
  const address = await opened.promise;
  expect(
    address,
    "lib/server/connections.ts does not take in whoever has no address",
  ).toBeUndefined();
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
  expect(message, "lib/server/connections.ts ends that one connection").toBe("on purpose");
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
  expect([chunks, ...events], "lib/room/member.ts bounds memory by it").toEqual([1]);
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
  expect(same, "lib/room/line-buffer.ts keeps views of chunks").toBe(true);
});

test("setImmediate runs once all sockets that are ready have had their data", async () => {
  const turns: number[] = [];
  const ended = Promise.withResolvers<void>();
  let heard = 0;
  const at = listen({
    data() {
      if (heard++ === 0) setImmediate(() => ended.resolve(void turns.push(heard)));
    },
  });
  const accepted = Array.from({ length: 5 }, () => connect(at));
  const clients = await Promise.all(accepted);
  await ticks();
  // Written in one go, so that all are ready in the same turn.
  for (const client of clients) client.write("x");
  await ended.promise;
  expect(turns, "lib/server/listen.ts flushes once a turn by it").toEqual([5]);
});

test(":: takes IPv6 and IPv4", async () => {
  const { port } = Bun.listen({ hostname: "::", port: 0, socket: { data() {} } });
  for (const hostname of ["::1", "127.0.0.1"]) await connect({ hostname, port });
  expect(sockets.length, "lib/program/network.ts listens on :: alone").toBe(2);
});

test("an address in use throws EADDRINUSE, and a port without a server rejects with ECONNREFUSED", async () => {
  const at = listen();
  const again = () => Bun.listen({ hostname: "127.0.0.1", port: at.port, socket: { data() {} } });
  expect(again, "lib/program/network.ts reads the code").toThrow(
    expect.objectContaining({ code: "EADDRINUSE" }),
  );
  open.pop()?.stop(true);
  const refused = expect.objectContaining({ code: "ECONNREFUSED" });
  await expect(connect(at), "lib/client/connect.ts reads the code").rejects.toEqual(refused);
});

test("stop leaves connections that are open as they are", async () => {
  const { server, received } = await pair();
  open[0]?.stop(false);
  server.write("last words");
  server.shutdown();
  expect(await text(received), "lib/server/listen.ts stops listening first").toBe("last words");
});

for (const over of ["TCP", "a Unix socket", "TLS"] as const)
  testOver(over)(
    `terminate calls close before it returns, over ${over}; the file is free then`,
    () => closesAtOnce("terminate", over),
  );

for (const over of ["TCP", "a Unix socket"] as const)
  test(`end calls close before it returns, over ${over}; the file is free then`, () =>
    closesAtOnce("end", over));

testOver("TLS")(
  "end over TLS closes only once the peer has ended too; what it says meanwhile still comes",
  async () => {
    const events: string[] = [];
    const heard = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    const eof = Promise.withResolvers<void>();
    const { server, client } = await pair(
      {
        data() {
          events.push("data");
          heard.resolve();
        },
        close() {
          events.push("close");
          closed.resolve();
        },
      },
      { end: () => eof.resolve() },
      "TLS",
    );
    const files = openFiles();
    server.end();
    await eof.promise;
    client.write("still talking");
    await heard.promise;
    expect(server.write("x"), "it takes no more").toBe(-1);
    expect(openFiles(), "lib/room/leaver.ts has to terminate whoever does not end").toBe(files);
    client.shutdown();
    await closed.promise;
    expect(events).toEqual(["data", "close"]);
  },
);

testOver("TLS")("TLS leaves a socket its descriptor, which Bun's types do not list", async () => {
  const descriptorOf = (socket: Socket): unknown => Reflect.get(socket, "fd");
  const { client } = await pair();
  const before = descriptorOf(client);
  expect(before, "lib/program/network.ts asks by it").toBeNumber();
  const [, secure] = client.upgradeTLS<undefined>({ tls: true, socket: { data() {}, error() {} } });
  expect(descriptorOf(secure)).toBe(before);
  secure.terminate();
});

test("a port that one listener shares with reusePort is not shared with one that does not", () => {
  const share = (port: number, reusePort: boolean) => {
    // The types do not list it.
    const how = { hostname: "127.0.0.1", port, reusePort, socket: { data() {} } };
    open.push(Bun.listen(how));
    return open.at(-1) as Bun.TCPSocketListener; // just pushed
  };
  const { port } = share(0, true);
  share(port, true);
  const inUse = expect.objectContaining({ code: "EADDRINUSE" });
  expect(() => share(port, false), "lib/server/listen.ts finds others by it").toThrow(inUse);
});

testWith("openssl")(
  "an accepted socket can start TLS in open, with the certificate of the moment",
  async () => {
    const heard = Promise.withResolvers<Buffer>();
    const socket = { handshake() {}, data: (_: Socket, bytes: Buffer) => heard.resolve(bytes) };
    const at = listen({ open: (plain) => void plain.upgradeTLS({ tls: certificate(), socket }) });
    const tls = { rejectUnauthorized: false };
    await connect({ ...at, tls }, { handshake: (client) => void client.write("over TLS") });
    expect((await heard.promise).toString(), "lib/doors/tls.ts changes certificates so").toBe(
      "over TLS",
    );
  },
);

testWith("openssl")(
  "an accepted socket that has started TLS has the certificate of its peer, if it asked for one",
  async () => {
    const { file } = makeCertificates(newFolder());
    const pem = (name: string) => readFileSync(file(name));
    const [ca, mine, its] = ["ca", "server", "client"].map((name) => pem(`${name}.pem`));
    const [key, itsKey] = [pem("server.key"), pem("client.key")];
    for (const isAsked of [true, false]) {
      const shaken = Promise.withResolvers<Socket>();
      const socket = { handshake: (one: Socket) => shaken.resolve(one), data() {} };
      const asks = isAsked ? { ca, requestCert: true, rejectUnauthorized: true } : {};
      const tls = { cert: mine, key, ...asks };
      const at = listen({ open: (plain) => void plain.upgradeTLS({ tls, socket }) });
      await connect({ ...at, tls: { cert: its, key: itsKey, rejectUnauthorized: false } });
      // Not what its type says: there may be none.
      const certificate: unknown = (await shaken.promise).getPeerCertificate();
      const expected = {
        subject: { CN: "client" },
        fingerprint256: expect.stringMatching(/^\w\w:/),
      };
      const why = "lib/extras/names.ts names clients by it";
      if (isAsked) expect(certificate, why).toMatchObject(expected);
      else expect(certificate, why).toBeUndefined();
    }
  },
);

testWith("openssl")(
  "over TLS, end comes with close_notify and without it; the plain socket beneath sees its record",
  async () => {
    const { file } = makeCertificates(newFolder());
    for (const isCutOff of [false, true]) {
      const end = isCutOff ? 'process.kill(process.pid, "SIGKILL")' : "socket.shutdown()";
      const code = `const [cert, key] = ["pem", "key"].map((kind) => Bun.file("${file("server.")}" + kind));
        const socket = { handshake(socket) { ${end} }, data() {} };
        const at = { hostname: "127.0.0.1", port: 0, tls: { cert, key } };
        console.log(Bun.listen({ ...at, socket }).port)`;
      const server = new Program([process.execPath, "-e", code]);
      const [port] = await server.printed(/\d+(?=\n)/);
      const at = { hostname: "127.0.0.1", port: Number(port) };
      const events: string[] = [];
      const ended = Promise.withResolvers<void>();
      const beneath = await connect(at, {
        data: (_, bytes) => void events.push(`${bytes.at(-24)}, ${bytes.at(-20)}`),
      });
      const socket = {
        data() {},
        end: () => ended.resolve(void events.push("end")),
        close: () => ended.reject(new Error("close")),
      };
      beneath.upgradeTLS({ tls: { rejectUnauthorized: false }, socket });
      await ended.promise;
      const isThere = events.at(-2) === "23, 19"; // the type and the length of a record
      expect([events.at(-1), isThere], "lib/program/tls-records.ts looks for it").toEqual([
        ...["end", !isCutOff],
      ]);
    }
  },
);

test("stop removes a Unix socket by the path it was given, whatever is there by now", () => {
  const folder = newFolder();
  const [path, moved] = [join(folder, "path"), join(folder, "moved")];
  const listener = Bun.listen({ unix: path, socket: { data() {} } });
  renameSync(path, moved);
  writeFileSync(path, "somebody else's");
  listener.stop();
  const why = "lib/server/unix-path.ts stops only while its own socket is there";
  expect([existsSync(path), existsSync(moved)], why).toEqual([false, true]);
});

const hasIPv6 = Object.values(networkInterfaces())
  .flat()
  .some((one) => one?.address === "::1");
test.skipIf(!hasIPv6)(
  "connect to localhost makes a connection to each of its addresses and keeps one",
  async () => {
    let accepted = 0;
    const marked = Promise.withResolvers<void>();
    const listener = Bun.listen({
      hostname: "::",
      port: 0,
      socket: {
        open: () => void accepted++,
        data: () => marked.resolve(),
      },
    });
    open.push(listener);
    const { port } = listener;
    for (let n = 0; n < 20; n++) await connect({ hostname: "localhost", port });
    const marker = await connect({ hostname: "127.0.0.1", port });
    marker.write("all others are accepted by now");
    await marked.promise;
    expect(accepted, "lib/client/connect.ts has one after another tried").toBeGreaterThan(21);
  },
);

test("fs.writev and Bun.stdin.stream leave a pipe in the mode it was in", async () => {
  const code = `const fs = require("node:fs");
    const flags = () => [0, 1].map((fd) =>
      /flags:.*/.exec(fs.readFileSync("/proc/self/fdinfo/" + fd, "utf8"))[0]).join();
    const before = flags();
    const say = () => fs.writeSync(2, before === flags() ? "same" : before + flags());
    for await (const chunk of Bun.stdin.stream()) fs.writev(1, [chunk], say);`;
  const pipe = ["sh", "-c", `echo x | "$0" -e "$1" | cat`, process.execPath, code];
  const { stdout, stderr } = await runToEnd(pipe);
  expect([stdout, stderr], "lib/program/process.ts and lib/client/pipe.ts rely on it").toEqual([
    "x\n",
    "same",
  ]);
});

test("memory that is being written keeps what is in it, also when it is given back meanwhile", async () => {
  const code = `const fs = require("node:fs");
    const bytes = new Uint8Array(8 << 20).fill(120);
    fs.writev(1, [bytes], () => {});
    bytes.buffer.transfer(0);
    new Uint8Array(8 << 20).fill(121);`;
  const pipe = ["sh", "-c", `"$0" -e "$1" | tr -d x | wc -c`, process.execPath, code];
  // lib/client/pipe.ts waits for the end of it anyway.
  expect((await runToEnd(pipe)).stdout.trim()).toBe("0");
});

test("while an fs.writev is stuck in a full pipe, files can be read, and process.exit does not wait", async () => {
  // The pipe is open at both ends, and nobody reads. Once it takes no byte of another writer, it is full.
  const code = `const fs = require("node:fs");
    const probe = fs.openSync("/proc/self/fd/1", fs.constants.O_WRONLY | fs.constants.O_NONBLOCK);
    fs.writev(1, [Buffer.alloc(1 << 20)], () => {});
    const look = () => {
      try { fs.writeSync(probe, "x"); setImmediate(look); }
      catch { fs.readFile("/proc/self/status", () => process.exit(7)); }
    };
    look();`;
  const pipe = join(newFolder(), "pipe");
  const script = `mkfifo "$2" && exec 3<>"$2" && "$0" -e "$1" >&3; echo "exit $?"`;
  const program = new Program(["sh", "-c", script, process.execPath, code, pipe]);
  await program.printed("exit 7\n"); // lib/program/process.ts has one write at a time, and nobody waits for it
});

test("the limit on open files is in the report, and Bun has raised it to the hard one", () => {
  // Typed as a plain object.
  const { userLimits } = process.report.getReport() as {
    userLimits: { open_files: { soft: unknown } };
  };
  const hard = Bun.spawnSync(["sh", "-c", "ulimit -Hn"]).stdout.toString().trim();
  expect(`${userLimits.open_files.soft}`, "lib/program/process.ts reads it there").toBe(hard);
});

/** Closes one end of a connection, and expects that nothing is left to come. */
async function closesAtOnce(how: "terminate" | "end", over: Over): Promise<void> {
  const events: string[] = [];
  const { server } = await pair({ close: () => void events.push("close") }, {}, over);
  const files = openFiles();
  server[how]();
  events.push(`${openFiles() - files} file`);
  const why = "lib/server/connections.ts counts open sockets by close";
  expect(events, why).toEqual(["close", "-1 file"]);
}

function openFiles(): number {
  return readdirSync("/proc/self/fd").length;
}

/** `test`, with what it needs to go over that. */
function testOver(over: Over): typeof test {
  return over === "TLS" ? testWith("openssl") : test;
}

test("the files that depend on these facts are there", () => {
  const named = new Set(readFileSync(import.meta.path, "utf8").match(/lib(\/[a-z-]+)+\.ts/g));
  expect([...named].filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
});

test("a descriptor that is closed at the start is /dev/null, never a later socket", async () => {
  const show = 'console.log(require("fs").readlinkSync("/proc/self/fd/2"))';
  const program = ["sh", "-c", 'exec "$0" -e "$1" 2>&-', process.execPath, show];
  const { stdout } = Bun.spawnSync(program);
  expect(`${stdout}`, "lib/program/process.ts writes to 2 whatever it is").toBe("/dev/null\n");
});

test("os.userInfo knows no name but that in $USER", async () => {
  const code = 'console.log(require("node:os").userInfo().username)';
  const user = new Program([process.execPath, "-e", code], { USER: "somebody else" });
  expect(await user.exited).toBe(0);
  expect(user.stdout, "lib/terminal/terminal.ts asks id(1)").toBe("somebody else\n");
});

/** A connection within this process: both of its ends, and all that the client gets until EOF. */
async function pair(
  serverHandlers: Handlers = {},
  clientHandlers: Handlers = {},
  over: Over = "TCP",
) {
  const accepted = Promise.withResolvers<Socket>();
  const ended = Promise.withResolvers<Buffer>();
  const chunks: Uint8Array[] = [];
  const ready = { [over === "TLS" ? "handshake" : "open"]: accepted.resolve };
  const at = listen({ ...ready, ...serverHandlers }, over);
  const client = await connect(at, {
    data: (_, chunk) => void chunks.push(chunk),
    end: () => ended.resolve(Buffer.concat(chunks)),
    close: () => ended.resolve(Buffer.concat(chunks)),
    ...clientHandlers,
  });
  return { server: await accepted.promise, client, received: ended.promise };
}

/** Listens; returns where to connect to. */
function listen(handlers: Handlers = {}, over: Over = "TCP"): Place {
  const at: Place = { hostname: "127.0.0.1", port: 0 };
  const how = { allowHalfOpen: true, socket: { data() {}, error() {}, ...handlers } };
  if (over === "a Unix socket") {
    at.unix = join(newFolder(), "socket");
    open.push(Bun.listen<undefined>({ unix: at.unix, ...how }));
    return at;
  }
  if (over === "TLS") at.tls = { rejectUnauthorized: false };
  const tls = over === "TLS" ? { tls: certificate() } : {};
  const listener = Bun.listen<undefined>({ ...at, ...tls, ...how });
  open.push(listener);
  return { ...at, port: listener.port };
}

function certificate(): Bun.TLSOptions {
  const { file } = makeCertificates(newFolder());
  return { cert: readFileSync(file("server.pem")), key: readFileSync(file("server.key")) };
}

async function connect({ unix, ...at }: Place, handlers: Handlers = {}): Promise<Socket> {
  const how = { allowHalfOpen: true, socket: { data() {}, error() {}, ...handlers } };
  const socket = await (unix
    ? Bun.connect<undefined>({ unix, ...how })
    : Bun.connect<undefined>({ ...at, ...how }));
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
