import { afterAll, describe, expect, test as anyTest } from "bun:test";
import { chmodSync, copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";

import { loadTls } from "../../lib/program/files.ts";
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

const startWith = (name: string, ...options: string[]) =>
  ServerProgram.start(...shows(name), ...options);
const start = (...options: string[]) => startWith("server", ...options);
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

  test("one more than --max-clients is told so", async () => {
    const server = await start("--max-clients", "1");
    await server.join({ tls: tls() });
    const surplus = await Peer.connect(server.port, { tls: tls() });
    expect(await surplus.hearsAll()).toBe("* room is full\n");
  });

  test("a line too long ends its connection with the reason", async () => {
    const server = await start("--max-line", "16");
    const talker = await server.join({ tls: tls(), says: "0123456789abcdefgh\n" });
    expect(await talker.hearsAll()).toBe("* line longer than 16 bytes\n");
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

test("--telnet is over TLS what it is over TCP: commands answered and left out, FF doubled both ways", async () => {
  const server = await start("--telnet");
  const [telnet, bob] = [await server.join({ tls: tls() }), await server.join({ tls: tls() })];
  const bytes = (latin1: string) => Buffer.from(latin1, "latin1");
  for (const byte of "\xff\xfb\x1fhel\xff\xfb\x1flo\r\n") await telnet.sayAll(bytes(byte));
  telnet.say(bytes("\xff\xf4\xff\xfd\x06again\r\0"));
  await bob.hears("hello\nagain\n");
  expect(bob.text).toBe("hello\nagain\n");
  // More than sockets take at once, so that some writes are cut between the two of a doubled FF.
  telnet.pause();
  const answers = "\xff\xfe\x1f\xff\xfb\x06";
  const line = bytes(`${"\xff\xff".repeat(7)}a\n`);
  const flood = Buffer.alloc(6 * MIB, line);
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

  for (const [what, show] of [
    ["no certificate", undefined],
    ["a stranger's", "stranger"],
    ["an expired one", "expired"],
  ] as const)
    test(`one with ${what} does not, and hears nothing`, async () => {
      const server = await start(...trusts());
      const member = await server.join({ tls: tls("client") });
      const outsider = await Peer.connect(server.port, { tls: tls(show) }).catch(() => undefined);
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

test("plain text on the TLS port is turned away; a hundred silent handshakes disturb nobody", async () => {
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

test("a handshake that stops half-way ends in time, and its seat is free again", async () => {
  const refusals: string[] = [];
  const server = await listen({
    host: "127.0.0.1",
    port: 0,
    clientsMax: 1,
    guestMs: 200,
    tls: loadTls({ cert: pem("server.pem"), key: pem("server.key") }),
    onRefuse: (_, why) => refusals.push(why),
  });
  const half = await Peer.connect(server.port);
  half.say(HALF_A_HANDSHAKE);
  await half.endOfInput();
  await half.end();
  expect(refusals).toEqual(["no handshake within 200ms"]);
  const member = await Peer.connect(server.port, { tls: tls() });
  member.endInput();
  expect(await member.hearsAll()).toBe("");
  await server.stop();
});

test("SIGHUP has new connections use new certificates and disturbs no member; bad ones change nothing", async () => {
  const renew = (name: string) => {
    for (const kind of ["pem", "key"]) copyFileSync(pem(`${name}.${kind}`), pem(`live.${kind}`));
  };
  renew("server");
  const server = await startWith("live");
  const ann = await server.join({ tls: tls() });
  const shown = async () => {
    const command = ["openssl", "s_client", "-connect", `127.0.0.1:${server.port}`];
    return /subject=CN = (\w+)/.exec((await runToEnd(command)).stdout)?.[1];
  };
  expect(await shown()).toBe("server");
  renew("second");
  server.kill("SIGHUP");
  await server.logged("certificates read anew");
  expect(await shown()).toBe("second");

  writeFileSync(pem("live.key"), "no key");
  server.kill("SIGHUP");
  await server.logged(
    `certificates stay as they were: ${pem("live.key")} holds no private key in PEM`,
  );
  expect(await shown()).toBe("second");
  const bob = await server.join({ tls: tls(), says: "still here?\n" });
  await ann.hears("still here?\n");
  ann.say("yes\n");
  await bob.hears("yes\n");
});

describe("files that will not do are one line before listening, exit code 1", () => {
  const run = (cert: string, key: string) =>
    runToEnd(serverCommand("--tls-cert", cert, "--tls-key", key, "0"));
  const refusal = (message: string) => ({
    code: 1,
    stdout: "",
    stderr: `linechat-server: ${message}\n`,
  });

  test("missing, a directory, not PEM, and a key that does not fit", async () => {
    const [cert, key, other, text] = [
      pem("server.pem"),
      pem("server.key"),
      pem("client.key"),
      pem("text.pem"),
    ];
    writeFileSync(text, "just text\n");
    const cases: [string, string, string][] = [
      [pem("none.pem"), key, `cannot read ${pem("none.pem")}: no such file`],
      [pem(""), key, `cannot read ${pem("")}: it is a directory`],
      [text, key, `${text} holds no certificate in PEM`],
      [cert, text, `${text} holds no private key in PEM`],
      [cert, other, `the key in ${other} does not fit the certificate in ${cert}`],
    ];
    for (const [certFile, keyFile, message] of cases)
      expect(await run(certFile, keyFile)).toEqual(refusal(message));
  });

  const asRoot = process.getuid?.() === 0;
  (asRoot ? anyTest.skip : test)("unreadable", async () => {
    copyFileSync(pem("server.key"), pem("locked.key"));
    chmodSync(pem("locked.key"), 0);
    const unreadable = refusal(`cannot read ${pem("locked.key")}: permission denied`);
    expect(await run(pem("server.pem"), pem("locked.key"))).toEqual(unreadable);
  });
});
