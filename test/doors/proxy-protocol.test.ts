import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";

import { addresses } from "../../lib/doors/addresses.ts";
import { firstBytes } from "../../lib/doors/first-bytes.ts";
import { proxyProtocol } from "../../lib/doors/proxy-protocol.ts";
import { type Certificates, makeCertificates } from "../certificates.ts";
import { openParts } from "../extras/open-parts.ts";
import {
  endAfterEach,
  newFolder,
  Peer,
  runToEnd,
  serverCommand,
  ServerProgram,
} from "../harness.ts";
import { testWith } from "../harness/tools.ts";
import { FakeSocket } from "../room/fake-socket.ts";
import { contextWith, openDoors } from "./open-doors.ts";

endAfterEach();

const TCP4 = "PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\r\n";
/** Version 2, of the load balancer's own. */
const LOCAL = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
/** Version 1 has no other word for that; version 2 has one besides. */
const UNKNOWN = ["PROXY UNKNOWN\r\n", LOCAL.replace("\x20", "\x21")];

describe("behind a load balancer", () => {
  const door = proxyProtocol(["10.0.0.0/8"], contextWith()).door;
  const open = (options: Parameters<typeof openDoors>[1] = {}) => openDoors([door], options);

  test("a client has the address of the header in the log, in rules and in counts", () => {
    const limits = addresses({ deny: ["192.0.2.9"], clientsPerAddressMax: 1 });
    const { accept, close, pass, events } = openDoors([door, limits.door]);
    const [ann, again, eve] = [accept(), accept(), accept()];
    for (const client of [ann, again]) client.sends(TCP4);
    pass(0);
    eve.sends(TCP4.replace("2.7", "2.9"));
    accept().sends(TCP4.replace("2.7", "2.8"));
    close(ann);
    expect(events).toEqual([
      "joined 192.0.2.7:56324",
      "refused 192.0.2.7:56324: too many connections from 192.0.2.7",
      "refused 192.0.2.9:56324: not allowed from 192.0.2.9",
      "joined 192.0.2.8:56324",
      "left 192.0.2.7:56324: reset",
    ]);
    expect(eve.received).toBe("* not allowed from 192.0.2.9\n");
  });

  test("what follows the header is sent by the client, and a header in pieces is one", () => {
    const { accept, pass } = open();
    const listener = accept();
    listener.sends(TCP4);
    const talker = accept();
    for (const part of [TCP4.slice(0, 3), `${TCP4.slice(3)}PROXY is `, "a line\n"])
      talker.sends(part);
    pass(0);
    expect(listener.received).toBe("PROXY is a line\n");
  });

  test("its own connections, LOCAL or UNKNOWN, have its own address", () => {
    const { accept, pass, events } = open();
    const [local, unknown, slow, silent] = [accept(), accept(), accept(), accept()];
    local.sends(`${LOCAL}hello\n`);
    unknown.sends("PROXY UNKNOWN ::1 ::1 1 2\r\nhi\n");
    slow.sends(LOCAL);
    slow.sends("hello\n");
    silent.sends(LOCAL);
    expect(events).toEqual([1, 2, 3].map((port) => `joined 10.0.0.1:${port}`));
    pass(1000);
    expect(events.at(-1)).toBe("joined 10.0.0.1:4");
    expect(local.received).toBe("hi\nhello\n");
  });

  test("a client of its Unix socket joins at once, by its address", () => {
    const { accept, events } = open();
    accept().sends(`${LOCAL.slice(0, 12)}\x21\x31\0\xd8${"\0".repeat(216)}`);
    expect(events).toEqual(["joined 10.0.0.1:1"]);
  });

  for (const header of [LOCAL, ...UNKNOWN])
    test(`it may look by ${JSON.stringify(header)}, and nobody takes note of that`, () => {
      for (const options of [{}, { kind: "tls", clientsMax: 2 }] as const) {
        const { connections, accept, close, events } = open(options);
        const [ends, resets] = [accept(), accept()];
        for (const look of [ends, resets]) look.sends(header);
        ends.data.ended();
        expect([ends.closed, ends.reset]).toEqual([true, false]);
        close(resets);
        expect([connections.open, connections.arrivals.size, events]).toEqual([0, 0, []]);
      }
    });

  for (const [what, act, why] of [
    ["without a header", (peer) => peer.sends("hello\n"), "no PROXY header"],
    ["with a wrong one", (peer) => peer.sends("PROXY TCP5 1\r\n"), "malformed PROXY header"],
    ["that ends before it", (peer) => peer.data.ended(), "no PROXY header"],
    ["that is late with it", (_, pass) => pass(1000), "no PROXY header within 1s"],
  ] as [string, (peer: FakeSocket, pass: (ms: number) => void) => void, string][])
    test(`a connection ${what} is refused`, () => {
      const { accept, pass, events } = open();
      const peer = accept();
      act(peer, pass);
      expect([peer.received, peer.ended]).toEqual([`* ${why}\n`, true]);
      expect(events).toEqual([`refused 10.0.0.1:1: ${why}`]);
    });

  test("a header from anywhere else, or a second one, is not relayed", () => {
    const proxied = () => proxyProtocol(["10.0.0.0/8"], contextWith());
    const { accept, settle } = openParts([proxied, firstBytes]);
    const listener = accept();
    const [elsewhere, twice] = [accept(), accept(new FakeSocket(9, "10.0.0.1"))];
    elsewhere.sends(TCP4);
    twice.sends(TCP4 + TCP4);
    settle();
    const refusal = "* speaks PROXY, this port does not\n";
    expect([elsewhere.received, twice.received]).toEqual([refusal, refusal]);
    expect(listener.received).toBe("");
  });

  test("those whose header is awaited hold a seat, and a stop ends them", async () => {
    const { connections, accept, pass, events } = open({ clientsMax: 1 });
    const [first, second] = [accept(), accept()];
    first.sends(TCP4.slice(0, 20));
    pass(0);
    second.sends(TCP4);
    expect(second.received).toBe("* room is full\n");
    void connections.stop(0);
    expect([first.closed, events.at(-1)]).toEqual([true, "refused 10.0.0.1:1: server stopping"]);
  });
});

test("--proxy-protocol is not a matter of paths", async () => {
  const command = serverCommand("--unix", "room", "--proxy-protocol", "10.0.0.1");
  const { code, stderr } = await runToEnd(command);
  expect(code).toBe(2);
  expect(stderr).toStartWith(
    "linechat-server: --proxy-protocol and --unix cannot be used together",
  );
});

describe("over TLS the header comes before the handshake", () => {
  let certificates: Certificates | undefined;
  afterAll(() => certificates && rmSync(certificates.file(""), { recursive: true }));
  const pem = (name: string) => (certificates ??= makeCertificates()).file(name);
  const start = (...options: string[]) =>
    ServerProgram.start(
      ...["--proxy-protocol", "127.0.0.1", "--tls-cert", pem("server.pem")],
      ...["--tls-key", pem("server.key"), ...options],
    );

  for (const how of [
    "in one piece with it",
    "in a piece of its own",
    "cut in two, the rest with it",
  ])
    testWith("openssl")(how, async () => {
      const server = await start();
      const [ann, bob] = [
        await throughProxy(server.port, how, pem("ca.pem")),
        await throughProxy(server.port, how, pem("ca.pem")),
      ];
      await server.members(2);
      expect(server.count(/ joined 192\.0\.2\.7:56324 /)).toBe(2);
      const said = `${"x".repeat(60_000)}\n`;
      ann.write(said);
      let heard = "";
      for await (const bytes of bob) if ((heard += bytes).length === said.length) break;
      expect(heard).toBe(said);
      server.kill("SIGTERM");
      ann.destroy();
      bob.destroy();
      expect(await server.exited).toBe(0);
    });

  testWith("openssl")(
    "what follows is no handshake: it is reset; without a header, it is refused behind the handshake",
    async () => {
      const server = await start();
      const plain = await Peer.connect(server.port, { says: `${TCP4}GET / HTTP/1.0\r\n\r\n` });
      await plain.closed();
      await server.logged("refused 192.0.2.7:56324: the handshake failed: plain text (0 here)");
      const bare = await Peer.connect(server.port, { says: "GET / HTTP/1.0\r\n\r\n" });
      expect(await bare.closed()).toBe("error");
      await server.logged(`refused ${bare.name}: no PROXY header (0 here)`);
      const direct = connectTls({ port: server.port, ca: readFileSync(pem("ca.pem")) });
      expect((await direct.toArray()).join("")).toBe("* no PROXY header\n");
      const good = await throughProxy(server.port, "in one piece with it", pem("ca.pem"));
      await server.members(1);
      good.destroy();
      await server.members(0);
    },
  );

  testWith("openssl")(
    "and before telnet, pass phrase and name, which come in this order",
    async () => {
      const passFile = join(newFolder(), "pass");
      writeFileSync(passFile, "open sesame\n");
      const limits = ["--allow", "192.0.2.0/24", "--max-clients-per-address", "2"];
      const server = await start(...limits, "--telnet", "--pass-file", passFile, "--names");
      const enter = async (sent: string) => {
        const client = await throughProxy(server.port, "in one piece with it", pem("ca.pem"));
        client.write(Buffer.from(sent, "latin1"));
        return client;
      };
      const ann = await enter("\xff\xfb\x1fopen sesame\r\0ann\r\0");
      await server.logged("joined ann 192.0.2.7:56324 (1 here)");
      const bob = await enter("open sesame\r\nbob: hello\r\n");
      await server.logged("joined bob 192.0.2.7:56324 (2 here)");
      const eve = await enter("");
      const [line] = await eve.toArray();
      expect(`${line}`).toBe("* too many connections from 192.0.2.7\n");
      let received = "";
      for await (const bytes of ann)
        if ((received += bytes.toString("latin1")).endsWith("lo\n")) break;
      expect(received).toBe("\xff\xfe\x1f* say your name first\nbob: hello\n");
      bob.destroy();
    },
  );

  testWith("openssl")("HTTP behind some or all of them is answered", async () => {
    const passFile = join(newFolder(), "pass");
    writeFileSync(passFile, "open sesame\n");
    const server = await start("--pass-file", passFile, "--names");
    for (const before of ["", "open sesame\n", "open sesame\nann\n"]) {
      const client = await throughProxy(server.port, "in one piece with it", pem("ca.pem"));
      client.write(`${before}GET / HTTP/1.1\r\nCookie: session=secret\r\n\r\n`);
      const text = (await client.toArray()).join("");
      expect([before, text]).toEqual([before, expect.stringContaining("HTTP/1.1 400 Bad Request")]);
    }
    await server.logged(": speaks HTTP, this port does not (0 here)\n");
    expect(server.stderr).not.toMatch(/secret|wrong pass phrase/);
  });
});

/** Speaks TLS behind a header, as through a load balancer. */
async function throughProxy(port: number, how: string, ca: string) {
  const plain = connect({ host: "127.0.0.1", port });
  let header = TCP4;
  const first = (part: number) => {
    plain.write(header.slice(0, part));
    header = header.slice(part);
  };
  if (how.includes("of its own")) first(header.length);
  if (how.includes("cut")) first(9);
  if (header !== TCP4) await Bun.sleep(50);
  const through = new Duplex({
    read() {},
    write(bytes: Buffer, _, done) {
      plain.write(Buffer.concat([Buffer.from(header), bytes]), () => done());
      header = "";
    },
    final: (done) => plain.end(done),
    destroy: (error, done) => done(plain.destroy() && error),
  });
  plain.on("data", (bytes) => through.push(bytes));
  plain.on("end", () => through.push(null));
  plain.on("error", () => {});
  const secure = connectTls({ socket: through, servername: "localhost", ca: readFileSync(ca) });
  secure.on("error", () => {});
  await new Promise((resolve) => secure.once("secureConnect", resolve));
  return secure;
}
