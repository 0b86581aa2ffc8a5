/** Rooms for people: `--names`, `--announce` and `--history`, with both programs and real sockets. */

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
  ServerProgram,
  startClient,
} from "../harness.ts";
import { testWith } from "../harness/tools.ts";

const ASKED = "* say your name first\n";
const HISTORY_END = "* end of history\n";
const SECRET = "open sesame\n";

let certificates: Certificates | undefined;
afterAll(() => certificates && rmSync(certificates.file(""), { recursive: true }));
endAfterEach();
const pem = (name: string) => (certificates ??= makeCertificates()).file(name);
const shows = (name: string) => ["--tls-cert", pem(`${name}.pem`), "--tls-key", pem(`${name}.key`)];

const start = (...options: string[]) => ServerProgram.start("--names", ...options);

function passFile(): string[] {
  const file = join(newFolder(), "pass");
  writeFileSync(file, SECRET);
  return ["--pass-file", file];
}

describe("--history", () => {
  test("a newcomer gets the last lines, a mark at their end, then what is sent", async () => {
    const server = await ServerProgram.start("--history", "2");
    const [ann, bob] = [await server.join(), await server.join()];
    ann.say("1\n2\n3\n");
    await bob.hears("3\n");
    const eve = await server.join();
    await eve.hears(HISTORY_END);
    ann.say("4\n");
    await eve.hears("4\n");
    expect(eve.text).toBe(`2\n3\n${HISTORY_END}4\n`);
  });

  test("a client that sends its line and half-closes gets all of it, without notices, then EOF", async () => {
    const server = await ServerProgram.start("--history", "8M", "--announce");
    const [ann, bob] = [await server.join(), await server.join()];
    const sent = `${`${"x".repeat(1023)}\n`.repeat(7 << 10)}end\n`;
    ann.say(sent);
    await bob.hears("end\n");
    const client = startClient(server.port);
    client.say("bye");
    client.endInput();
    expect(await client.exited).toBe(0);
    const heard = client.stdout.replace(/^\* \S+ joined .*\n/m, "");
    expect(heard === `${sent}${HISTORY_END}`).toBe(true);
    await bob.hears(" left (2 here)\n");
    expect(bob.text.slice(-120)).toMatch(
      /\n\* (\S+) joined \(3 here\)\nbye\n\* \1 left \(2 here\)\n$/,
    );
  });
});

describe("--names", () => {
  test("a client is heard, and hears, once it has given its name; the notices tell of members", async () => {
    const server = await start("--announce");
    const alice = await server.connectNamed("alice");
    const bob = await Peer.connect(server.port, { says: "bob: hello\n" });
    await alice.hears("bob: hello\n");
    const eve = await Peer.connect(server.port);
    await eve.hears("* say your name first (here: alice, bob)\n");
    alice.say("not for eve\n");
    eve.reset();
    bob.endInput();
    await alice.hears("* bob left (1 here)\n");
    expect(alice.text.replace("* alice joined (1 here)\n", "")).toBe(
      `${ASKED}* bob joined (2 here)\nbob: hello\n* bob left (1 here)\n`,
    );
    expect(eve.text).not.toContain("not for eve");
    await server.logged(` joined bob ${bob.name} (2 here)\n`);
    await server.logged(` left bob ${bob.name}: end of input (1 here)\n`);
  });

  test("client.ts --name talks there as in a room without", async () => {
    for (const options of [["--names"], []]) {
      const server = await ServerProgram.start(...options);
      const named = (name: string) => startClient(server.port, "--name", name);
      const bob = named("bob");
      await server.members(1);
      const alice = named("alice");
      await server.members(2);
      alice.say("hello\nagain\n");
      await bob.printed("alice: again\n");
      expect(bob.stdout.replace(/^\*.*\n/, "")).toBe("alice: hello\nalice: again\n");
    }
  });

  test("client.ts is told that its name is taken, and goes", async () => {
    const server = await start();
    await server.connectNamed("alice");
    const second = startClient(server.port, "--name", "Alice");
    second.say("hello\n");
    await second.printed("the server says: the name Alice is taken\n", "stderr");
    expect(await second.exited).toBe(1);
    await server.logged(/ refused 127\.0\.0\.1:\d+: the name Alice is taken \(1 here\)/);
  });

  test("client.ts --reconnect tries again until its name is free, and then sends all", async () => {
    const server = await start("--history", "10");
    const [other, first] = [await server.connectNamed("other"), await server.connectNamed("alice")];
    first.say("here\n");
    await other.hears("alice: here\n");
    const client = startClient(server.port, "--reconnect", "--name", "alice");
    client.say("hello\n");
    await server.logged(/ refused 127\.0\.0\.1:\d+: the name alice is taken/);
    first.endInput();
    await other.hears("alice: hello\n");
    client.say("again\n");
    await other.hears("alice: again\n");
    expect(other.text).toEndWith("alice: here\nalice: hello\nalice: again\n");
  });

  test("the pass phrase comes first", async () => {
    const server = await start(...passFile());
    const bob = await Peer.connect(server.port, { says: SECRET });
    await bob.hears(ASKED);
    bob.say("bob\n");
    await server.logged(" joined bob ");
    await Peer.connect(server.port, { says: `${SECRET}alice\nhello\n` });
    await bob.hears("alice: hello\n");
    expect(bob.text).toBe(`${ASKED}alice: hello\n`);
  });

  test("a name is free at once when its connection is gone", async () => {
    const server = await start();
    const first = await server.connectNamed("alice");
    first.reset();
    await server.logged(` left alice ${first.name}: reset`);
    await server.connectNamed("alice");
  });
});

describe("--names where certificates are asked for", () => {
  const secureTest = testWith("openssl");
  const trusts = () => ["--tls-ca", pem("ca.pem")];
  const startSecure = (...options: string[]) => start(...shows("server"), ...trusts(), ...options);
  const connect = (server: ServerProgram, name: string, says = "") =>
    Peer.connect(server.port, {
      says,
      tls: {
        servername: "localhost",
        ca: readFileSync(pem("ca.pem")),
        cert: readFileSync(pem(`${name}.pem`)),
        key: readFileSync(pem(`${name}.key`)),
      },
    });
  /** One that has its name by its certificate. */
  async function join(server: ServerProgram, name: string, says?: string): Promise<Peer> {
    const peer = await connect(server, name, says);
    await server.logged(` joined ${name} ${peer.name} (`);
    return peer;
  }
  const startClientOf = (server: ServerProgram, ...options: string[]) => {
    const words = ["--tls", ...trusts(), ...shows("client"), ...options];
    return new Program(clientCommand(...words, "localhost", `${server.port}`));
  };

  secureTest("the common name is the name, and what is sent first is relayed", async () => {
    const server = await startSecure();
    const other = await join(server, "other");
    const client = startClientOf(server);
    await server.logged(/ joined client \S+ \(2 here\)/);
    client.say("hello\nclient: again\n");
    await other.hears("client: again\n");
    expect(other.text).toBe("client: hello\nclient: again\n");
  });

  secureTest("a pass phrase comes first, and until then nobody has the name", async () => {
    const options = passFile();
    const server = await startSecure(...options);
    const other = await join(server, "other", SECRET);
    const stranger = await connect(server, "client", "client: hello\n");
    expect(await stranger.hearsAll()).toBe("* wrong pass phrase\n");
    const client = startClientOf(server, ...options, "--name", "client");
    await server.logged(/ joined client \S+ \(2 here\)/);
    client.say("hello\n");
    await other.hears("client: hello\n");
    const again = await join(server, "client", SECRET);
    await client.printed("the server says: the name client was taken over\n", "stderr");
    again.say("one\nclient: two\n");
    await other.hears("client: two\n");
    expect(other.text).toBe("client: hello\nclient: one\nclient: two\n");
    expect(server.stderr).not.toContain(SECRET.trim());
  });

  secureTest(
    "a newcomer with the same one takes the name over, unless the room is full",
    async () => {
      const server = await startSecure("--max-clients", "3");
      const [other, witness] = [await join(server, "other"), await join(server, "server")];
      const stuck = await join(server, "client");
      stuck.pause();
      const line = `${"x".repeat(1023)}\n`;
      other.say(`${line.repeat(7 << 10)}end\n`);
      await witness.hears("other: end\n");
      expect(await (await connect(server, "client")).hearsAll()).toBe("* room is full\n");
      witness.endInput();
      await server.logged(` left server ${witness.name}`);
      const newcomer = await join(server, "client");
      newcomer.say("here again\n");
      await other.hears("client: here again\n");
      stuck.resume();
      const pending = `${`other: ${line}`.repeat(7 << 10)}other: end\n`;
      expect((await stuck.hearsAll()) === `${pending}* the name client was taken over\n`).toBe(
        true,
      );
      await server.logged(` left client ${stuck.name}: the name client was taken over (2 here)`);
    },
  );
});
