import { afterAll, describe, expect } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";

import { loadTls } from "../../lib/program/files.ts";
import { UserError } from "../../lib/program/system-errors.ts";
import { listen } from "../../lib/server/listen.ts";
import { type Certificates, makeCertificates } from "../certificates.ts";
import {
  clientCommand,
  endAfterEach,
  Peer,
  Program,
  runToEnd,
  serverCommand,
  ServerProgram,
} from "../harness.ts";
import { testWith } from "../harness/tools.ts";

endAfterEach();

const MIB = 1 << 20;
/** The start of a ClientHello. */
const HALF_A_HANDSHAKE = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]);

const test = testWith("openssl");
let certificates: Certificates | undefined;
afterAll(() => certificates && rmSync(certificates.file(""), { recursive: true }));
const pem = (name: string) => (certificates ??= makeCertificates()).file(name);

/** Options that name a certificate and its key. */
const shows = (name: string) => ["--tls-cert", pem(`${name}.pem`), "--tls-key", pem(`${name}.key`)];
const trusts = () => ["--tls-ca", pem("ca.pem")];

const start = (...options: string[]) => ServerProgram.start(...shows("server"), ...options);
const clientTo = (server: ServerProgram, ...options: string[]) =>
  clientCommand("--tls", ...options, "localhost", `${server.port}`);

/** What a peer trusts and shows. */
function tls(show?: string): ConnectionOptions {
  const trusted = { servername: "localhost", ca: readFileSync(pem("ca.pem")) };
  if (!show) return trusted;
  return {
    ...trusted,
    cert: readFileSync(pem(`${show}.pem`)),
    key: readFileSync(pem(`${show}.key`)),
  };
}

/** Programs that speak TLS, each as a member. */
const PEERS: Record<string, (port: number) => string[]> = {
  "openssl s_client": (port) => [
    ...["openssl", "s_client", "-quiet", "-verify_return_error", "-CAfile", pem("ca.pem")],
    ...["-connect", `127.0.0.1:${port}`],
  ],
  "ncat --ssl": (port) => [
    ...["ncat", "--ssl-verify", "--ssl-trustfile", pem("ca.pem"), "localhost", `${port}`],
  ],
  socat: (port) => ["socat", "-", `OPENSSL:localhost:${port},cafile=${pem("ca.pem")}`],
  linechat: (port) => clientCommand("--tls", ...trusts(), "localhost", `${port}`),
};

testWith(
  "openssl",
  "ncat",
  "socat",
)("openssl, ncat, socat and linechat hear each other over TLS", async () => {
  const server = await start();
  const members = Object.entries(PEERS).map(([name, command]) => ({
    name,
    program: new Program(command(server.port)),
  }));
  await server.members(members.length);
  for (const { name, program } of members) {
    program.say(`hello from ${name}\n`);
    for (const other of members)
      if (other.name !== name) await other.program.printed(`hello from ${name}\n`);
  }
});

describe("the promises hold over TLS", () => {
  test("a half-closed client that reads slowly gets 8 MiB owed to it, then EOF", async () => {
    const server = await start("--buffer", "16M");
    const slow = await server.join({ tls: tls(), stopped: true });
    const [talker, probe] = [await server.join({ tls: tls() }), await server.join({ tls: tls() })];
    const said = Buffer.alloc(8 * MIB, "0123456789abcde\n");
    talker.say(said);
    talker.say("end\n");
    await probe.hears("end\n");
    slow.say("bye");
    slow.endInput();
    await probe.hears("bye\n");
    const owed = Buffer.concat([said, Buffer.from("end\n")]);
    while (slow.heardBytes < owed.length) await slow.sip();
    slow.resume();
    expect(await slow.endOfInput()).toBe(true);
    expect(slow.heard.equals(owed)).toBe(true);
  });

  test("a reader that has stopped during a flood is dropped, and the others have everything", async () => {
    const server = await start("--buffer", "1M", "--patience", "300ms");
    const reader = await server.join({ tls: tls() });
    const stopped = await server.join({ tls: tls(), stopped: true });
    const talker = await server.join({ tls: tls() });
    const said = Buffer.alloc(32 * MIB, "0123456789abcde\n");
    expect(await talker.sayAll(said)).toBe(true);
    await reader.hearsBytes(said.length);
    expect(reader.heard.equals(said)).toBe(true);
    await server.logged(`left ${stopped.name}: too slow, `);
  });

  test("SIGTERM hands everybody what they are owed, then EOF", async () => {
    const server = await start();
    const [ann, bob] = [await server.join({ tls: tls() }), await server.join({ tls: tls() })];
    ann.say("hello\n");
    await bob.hears("hello\n");
    const exited = server.stop();
    for (const member of [ann, bob]) {
      expect(await member.endOfInput()).toBe(true);
      member.endInput();
    }
    expect(await exited).toBe(0);
  });
});

test("--telnet is over TLS what it is over TCP: commands are answered and left out", async () => {
  const server = await start("--telnet");
  const [telnet, bob] = [await server.join({ tls: tls() }), await server.join({ tls: tls() })];
  const bytes = (latin1: string) => Buffer.from(latin1, "latin1");
  for (const byte of "\xff\xfb\x1fhel\xff\xfb\x1flo\r\n") await telnet.sayAll(bytes(byte));
  telnet.say(bytes("\xff\xf4\xff\xfd\x06again\r\0"));
  await bob.hears("hello\nagain\n");
  expect(bob.text).toBe("hello\nagain\n");
  // More than sockets take at once, behind answers that have to go out first.
  telnet.pause();
  const answers = "\xff\xfe\x1f\xff\xfe\x1f\xff\xfb\x06";
  const flood = Buffer.alloc(6 * MIB, "0123456789abcde\n");
  await bob.sayAll(flood);
  telnet.resume();
  await telnet.hearsBytes(answers.length + flood.length);
  expect(telnet.heard.equals(Buffer.concat([bytes(answers), flood]))).toBe(true);
});

describe("with --tls-ca only clients that the CA has certified come in", () => {
  testWith("openssl", "ncat")("one that shows its certificate does", async () => {
    const server = await start(...trusts());
    const ann = await server.join({ tls: tls("client") });
    const bob = new Program(clientTo(server, ...trusts(), ...shows("client")));
    const ncat = new Program([
      ...["ncat", "--ssl", "--ssl-cert", pem("client.pem"), "--ssl-key", pem("client.key")],
      ...["127.0.0.1", `${server.port}`],
    ]);
    await server.members(3);
    ann.say("certified\n");
    for (const program of [bob, ncat]) await program.printed("certified\n");
  });

  test("one with a stranger's does not, and receives nothing", async () => {
    const server = await start(...trusts());
    const member = await server.join({ tls: tls("client") });
    const how = { tls: tls("stranger") };
    const outsider = await Peer.connect(server.port, how).catch(() => undefined);
    member.say("secret\n");
    await server.logged(/refused \S+: the handshake failed/);
    expect((await outsider?.hearsAll()) ?? "").toBe("");
    expect(server.count(/ joined /)).toBe(1);
  });

  test("client.ts without one says in a line that it does not get in", async () => {
    const server = await start(...trusts());
    const { code, stderr } = await runToEnd(clientTo(server, ...trusts()));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^linechat-client: [^\n]+\n$/);
    expect(server.stderr).not.toContain("joined");
  });
});

test("plain text on the TLS port is refused; a hundred silent handshakes disturb nobody", async () => {
  const server = await start("--max-clients", "103");
  const [ann, bob] = [await server.join({ tls: tls() }), await server.join({ tls: tls() })];
  const silent = await Promise.all(Array.from({ length: 100 }, () => Peer.connect(server.port)));
  silent[0]?.say(HALF_A_HANDSHAKE);
  const plain = await Peer.connect(server.port, { says: "GET / HTTP/1.0\r\n\r\n" });
  await plain.endOfInput();
  await server.logged(`refused ${plain.name}: the handshake failed`);
  ann.say("undisturbed\n");
  await bob.hears("undisturbed\n");
  // Silent ones take seats until their time is over.
  await server.join({ tls: tls() });
  const surplus = await Peer.connect(server.port, { tls: tls() });
  expect(await surplus.hearsAll()).toBe("* room is full\n");
});

describe("a server of a program's own", () => {
  /** Over TLS, with what it reports. */
  const open = async (options: { arrivalMs?: number; passPhrase?: Uint8Array } = {}) => {
    const events: string[] = [];
    const material = loadTls({ cert: pem("server.pem"), key: pem("server.key") });
    const server = await listen({
      ...{ host: "127.0.0.1", port: 0, clientsMax: 1, tls: material, ...options },
      onJoin: () => events.push("joined"),
      onRefuse: (_: string, why: string) => events.push(why),
    });
    return { server, material, events };
  };

  test("ends a handshake that stops half-way in time, and its seat is free again", async () => {
    const { server, events } = await open({ arrivalMs: 200 });
    await using _ = server;
    const half = await Peer.connect(server.port);
    half.say(HALF_A_HANDSHAKE);
    await half.endOfInput();
    await half.end();
    expect(events).toEqual(["no handshake within 200ms"]);
    const member = await Peer.connect(server.port, { tls: tls() });
    member.endInput();
    expect(await member.hearsAll()).toBe("");
  });

  test("that stops amid handshakes tells of each once, and why", async () => {
    const { server, events } = await open();
    const half = await Peer.connect(server.port);
    half.say(HALF_A_HANDSHAKE);
    const surplus = await Peer.connect(server.port, { tls: tls() });
    expect(await surplus.hearsAll()).toBe("* room is full\n");
    await surplus.end();
    await server.stop();
    await half.endOfInput();
    expect(events).toEqual(["room is full", "server stopping"]);
  });

  test("renews nothing with what will not do, and goes on with what it has", async () => {
    const { server, material, events } = await open({ passPhrase: Buffer.from("old") });
    await using _ = server;
    const other = readFileSync(pem("client.key"), "utf8");
    for (const secrets of [
      { tls: { cert: "none", key: "none" } },
      { tls: { ...material, key: other }, passPhrase: Buffer.from("new") },
      { tls: material, passPhrase: Buffer.from("two\nlines") },
    ])
      expect(() => server.renew(secrets)).toThrow(UserError);
    const peer = await Peer.connect(server.port, { tls: tls(), says: "old\n" });
    peer.endInput();
    await peer.closed();
    expect(events).toEqual(["joined"]);
  });

  test("renews certificates, CA and pass phrase each alone, for connections to come", async () => {
    const { server, material, events } = await open({ passPhrase: Buffer.from("old") });
    await using _ = server;
    const outcome = async (show: string | undefined, says: string) => {
      const peer = await Peer.connect(server.port, { tls: tls(show), says });
      peer.endInput();
      await peer.closed();
      return events.splice(0).join();
    };
    server.renew({ passPhrase: Buffer.from("new") });
    expect(await outcome(undefined, "new\n")).toBe("joined");
    server.renew({ tls: { ...material, ca: readFileSync(pem("ca.pem"), "utf8") } });
    expect(await outcome("client", "new\n")).toBe("joined");
    expect(await outcome("client", "old\n")).toBe("wrong pass phrase");
    expect(await outcome("stranger", "new\n")).toBe(
      "the handshake failed: a client certificate of another CA",
    );
  });
});

test("files that will not do are one line before listening, exit code 1", async () => {
  const [cert, key] = [pem("server.pem"), pem("server.key")];
  const [other, text] = [pem("client.key"), pem("text.pem")];
  writeFileSync(text, "just text\n");
  for (const [certFile, keyFile, message] of [
    [pem("none.pem"), key, `cannot read ${pem("none.pem")}: no such file or directory`],
    [pem(""), key, `cannot read ${pem("")}: illegal operation on a directory`],
    [text, key, `cannot use ${text}: no start line`],
    [cert, text, `cannot use ${cert} with ${text}: no start line`],
    [cert, other, `cannot use ${cert} with ${other}: key values mismatch`],
  ] as const)
    expect(() => loadTls({ cert: certFile, key: keyFile })).toThrow(message);
  const { code, stdout, stderr } = await runToEnd(
    serverCommand("--tls-cert", text, "--tls-key", key, "0"),
  );
  const line = `linechat-server: cannot use ${text}: no start line\n`;
  expect([code, stdout, stderr]).toEqual([1, "", line]);
});
