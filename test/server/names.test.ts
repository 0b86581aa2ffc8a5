/** `--names`, with the two programs and real sockets. */

import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { type Certificates, makeCertificates } from "../certificates.ts";
import {
  clientCommand,
  endAfterEach,
  newFolder,
  Peer,
  Program,
  runToEnd,
  serverCommand,
  ServerProgram,
  startClient,
} from "../harness.ts";
import { testWith } from "../harness/tools.ts";

endAfterEach();

let certificates: Certificates | undefined;
afterAll(() => certificates && rmSync(certificates.file(""), { recursive: true }));
const pem = (name: string) => (certificates ??= makeCertificates()).file(name);
const shows = (name: string) => ["--tls-cert", pem(`${name}.pem`), "--tls-key", pem(`${name}.key`)];
const tls = (name: string) => ({
  servername: "localhost",
  ca: readFileSync(pem("ca.pem")),
  cert: readFileSync(pem(`${name}.pem`)),
  key: readFileSync(pem(`${name}.key`)),
});

const start = (...options: string[]) => ServerProgram.start("--names", ...options);

/** A peer that was greeted. */
async function greeted(server: ServerProgram, says?: string): Promise<Peer> {
  const peer = await Peer.connect(server.port);
  await peer.hears("* say your name first");
  if (says) peer.say(says);
  return peer;
}

describe("client.ts --name", () => {
  test("talks in a room with names as in one without", async () => {
    for (const options of [["--names"], []]) {
      const server = await ServerProgram.start(...options);
      const bob = startClient(server.port);
      await server.members(1);
      const alice = startClient(server.port, "--name", "alice");
      await server.members(2);
      alice.say("hello\nagain\n");
      await bob.printed("alice: again\n");
      expect(bob.stdout.replace(/^\*.*\n/, "")).toBe("alice: hello\nalice: again\n");
    }
  });

  test("is told that its name is taken, and goes", async () => {
    const server = await start();
    await greeted(server, "alice\n");
    await server.logged(" joined alice ");
    const second = startClient(server.port, "--name", "Alice");
    second.say("hello\n");
    await second.printed("the server says: the name Alice is taken\n", "stderr");
    expect(await second.exited).toBe(1);
    await server.logged(/ left 127\.0\.0\.1:\d+: the name Alice is taken \(1 here\)/);
  });
});

test("client.ts --reconnect --name tries again until the name is free, and then says all it has to", async () => {
  const server = await start("--history", "10");
  const [other, first] = [await greeted(server), await greeted(server, "alice\nhere\n")];
  await other.hears("alice: here\n");
  const client = startClient(server.port, "--reconnect", "--name", "alice");
  client.say("hello\n");
  await server.logged(/ left 127\.0\.0\.1:\d+: the name alice is taken/);
  first.endInput();
  await other.hears("alice: hello\n");
  client.say("again\n");
  await other.hears("alice: again\n");
  expect(other.text.replace(/^\*.*\n/, "")).toBe("alice: here\nalice: hello\nalice: again\n");
});

test("the log has the name as soon as it is known", async () => {
  const server = await start();
  const [alice, listener] = [await greeted(server), await greeted(server)];
  alice.say("alice\n");
  await server.logged(` connected ${alice.name} (1 here)\n`);
  await server.logged(` joined alice ${alice.name} (2 here)\n`);
  alice.endInput();
  await server.logged(` left alice ${alice.name}: end of input (1 here)\n`);
  listener.endInput();
  await server.logged(` left ${listener.name}: end of input (0 here)\n`);
});

test("the pass phrase comes first, then the name", async () => {
  const passFile = join(newFolder(), "pass");
  writeFileSync(passFile, "open sesame\n");
  const server = await start("--pass-file", passFile);
  const [alice, bob] = [await Peer.connect(server.port), await Peer.connect(server.port)];
  bob.say("open sesame\n");
  await bob.hears("* say your name first\n");
  alice.say("open sesame\nalice\nhello\n");
  await bob.hears("* say your name first\nalice: hello\n");
});

test("a name goes at once when its connection does", async () => {
  const server = await start();
  const first = await greeted(server, "alice\n");
  await server.logged(` joined alice ${first.name}`);
  first.reset();
  await server.logged(` left alice ${first.name}: reset`);
  const second = await greeted(server, "alice\n");
  await server.logged(` joined alice ${second.name}`);
});

describe("where certificates are asked for", () => {
  const startSecure = (...options: string[]) =>
    start(...shows("server"), "--tls-ca", pem("ca.pem"), ...options);
  const secureTest = testWith("openssl");

  secureTest("the common name is the name, and what is said first is said", async () => {
    const server = await startSecure();
    const other = await Peer.connect(server.port, { tls: tls("other") });
    await server.logged(` joined other ${other.name} (1 here)`);
    const command = clientCommand("--tls", "--tls-ca", pem("ca.pem"), ...shows("client"));
    const client = new Program([...command, "localhost", `${server.port}`]);
    await server.logged(/ joined client \S+ \(2 here\)/);
    client.say("hello\nclient: again\n");
    await other.hears("client: again\n");
    expect(other.text).toBe("client: hello\nclient: again\n");
  });

  secureTest("a pass phrase comes first, and until then nobody has the name", async () => {
    const passFile = join(newFolder(), "pass");
    writeFileSync(passFile, "open sesame\n");
    const server = await startSecure("--pass-file", passFile);
    const other = await Peer.connect(server.port, { tls: tls("other"), says: "open sesame\n" });
    await server.logged(` joined other ${other.name} (1 here)`);
    const stranger = await Peer.connect(server.port, { tls: tls("client") });
    stranger.say("client: hello\n");
    expect(await stranger.hearsAll()).toBe("* wrong pass phrase\n");
    const command = clientCommand("--tls", "--tls-ca", pem("ca.pem"), ...shows("client"));
    const named = ["--name", "client", "--pass-file", passFile, "localhost", `${server.port}`];
    const client = new Program([...command, ...named]);
    await server.logged(/ joined client \S+ \(2 here\)/);
    client.say("hello\n");
    await other.hears("client: hello\n");
    const again = await Peer.connect(server.port, { tls: tls("client"), says: "open sesame\n" });
    await client.printed("the server says: the name client was taken over\n", "stderr");
    again.say("one\nclient: two\n");
    await other.hears("client: two\n");
    expect(other.text).toBe("client: hello\nclient: one\nclient: two\n");
    expect(server.stderr).not.toContain("open sesame");
  });

  secureTest(
    "a newcomer with the same one has the name at once, the old one being told",
    async () => {
      const server = await startSecure();
      const other = await Peer.connect(server.port, { tls: tls("other") });
      const old = await Peer.connect(server.port, { tls: tls("client") });
      await server.logged(` joined client ${old.name} (2 here)`);
      const newcomer = await Peer.connect(server.port, { tls: tls("client") });
      expect(await old.hearsAll()).toBe("* the name client was taken over\n");
      await server.logged(` left client ${old.name}: the name client was taken over`);
      newcomer.say("here again\n");
      await other.hears("client: here again\n");
    },
  );

  secureTest("also in a full room, and while the old one takes nothing more", async () => {
    const server = await startSecure("--max-clients", "3");
    const other = await Peer.connect(server.port, { tls: tls("other") });
    const witness = await Peer.connect(server.port, { tls: tls("server") });
    const stuck = await Peer.connect(server.port, { tls: tls("client"), stopped: true });
    await server.logged(` joined client ${stuck.name} (3 here)`);
    const line = `${"x".repeat(1023)}\n`;
    other.say(`${line.repeat(7 << 10)}end\n`);
    await witness.hears("other: end\n");
    const newcomer = await Peer.connect(server.port, { tls: tls("client") });
    await server.logged(` joined client ${newcomer.name} (4 here)`);
    newcomer.say("here again\n");
    await other.hears("client: here again\n");
    stuck.resume();
    const owed = `${`other: ${line}`.repeat(7 << 10)}other: end\n`;
    expect((await stuck.hearsAll()) === `${owed}* the name client was taken over\n`).toBe(true);
    await server.logged(` left client ${stuck.name}: the name client was taken over (3 here)`);
  });
});

test("a line that fits the log only without a name is a mistake on the command line", async () => {
  const sizes = ["--max-line", "64K", "--buffer", "64K"];
  const { code, stderr } = await runToEnd(serverCommand("--names", ...sizes, "0"));
  expect([code, stderr]).toEqual([
    2,
    "linechat-server: --max-line 64K does not fit into --buffer 64K with a name before it (--help shows how)\n",
  ]);
});
