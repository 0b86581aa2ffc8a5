/** How a conversation ends: 0 only when all was said and the server closed after that. */

import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { makeCertificates } from "../certificates.ts";
import {
  clientCommand,
  endAfterEach,
  type Peer,
  Program,
  serverCommand,
  ServerProgram,
  startClient,
} from "../harness.ts";
import { Host } from "../harness/host.ts";
import { endTerminals, terminalTest, Tmux } from "../terminal/tmux.ts";

endAfterEach();
afterEach(async () => {
  await endTerminals();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const folders: string[] = [];
const FLOOD = Buffer.alloc(8 << 20, "0123456789abcdef\n");
const FULL = "* room is full\n";

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "linechat-ending-"));
  folders.push(made);
  return made;
}

function said(word: string): string {
  return `linechat-client: the server says: ${word}\n`;
}

function closed(port: number): string {
  return `linechat-client: 127.0.0.1:${port} has closed the connection before everything was said\n`;
}

/** A server on TCP, a Unix socket or TLS, and how a client gets there. */
async function open(kind: string, ...options: string[]) {
  const at = folder();
  const unix = join(at, "socket");
  if (kind === "a Unix socket")
    return {
      server: await ServerProgram.run(serverCommand(...options, "--unix", unix)),
      place: ["--unix", unix],
    };
  if (kind === "TCP") {
    const server = await ServerProgram.start(...options);
    return { server, place: ["127.0.0.1", `${server.port}`] };
  }
  const { file } = makeCertificates(at);
  const pair = ["--tls-cert", file("server.pem"), "--tls-key", file("server.key")];
  const server = await ServerProgram.start(...options, ...pair);
  return { server, place: ["--tls", "--tls-ca", file("ca.pem"), "127.0.0.1", `${server.port}`] };
}

describe.each(["TCP", "a Unix socket", "TLS"])(
  "over %s, a flood ends with what the server says:",
  (kind) => {
    /** Several times, as it depends on who is faster. */
    async function floods(place: string[], word: string, first = "") {
      for (let round = 0; round < 5; round++)
        for (const quiet of [[], ["--quiet"]]) {
          const client = new Program(clientCommand("--send-only", ...quiet, ...place));
          void client.sayAll(first).then(() => client.sayAll(FLOOD));
          expect([await client.exited, client.stdout, client.stderr]).toEqual([1, "", said(word)]);
        }
    }

    test("room is full", async () => {
      const { server, place } = await open(kind, "--max-clients", "1");
      new Program(clientCommand("--recv-only", ...place));
      await server.members(1);
      await floods(place, "room is full");
    });

    test("wrong pass phrase", async () => {
      const file = join(folder(), "phrase");
      writeFileSync(file, "right\n");
      const { place } = await open(kind, "--pass-file", file);
      writeFileSync(file, "wrong\n");
      await floods(["--pass-file", file, ...place], "wrong pass phrase");
    });

    test("line longer", async () => {
      const { place } = await open(kind, "--max-line", "1K");
      await floods(place, "line longer than 1024 bytes", `short\n${"x".repeat(2000)}\n`);
    });
  },
);

test("a pipe that only listens, and a half-closed one, tell it too", async () => {
  const server = await ServerProgram.start("--max-clients", "1");
  await server.join();
  const [ears, mouth] = [startClient(server.port, "--recv-only"), startClient(server.port)];
  mouth.endInput();
  for (const client of [ears, mouth])
    expect([await client.exited, client.stdout, client.stderr]).toEqual([
      1,
      "",
      said("room is full"),
    ]);
});

test("what comes before a last word is still printed, and a reset does not hide the word", async () => {
  const host = await Host.open();
  for (const ends of [(guest: Peer) => guest.endInput(), (guest: Peer) => guest.reset()]) {
    const client = startClient(host.port);
    const guest = await host.guest();
    guest.say(`bob: hi\n${FULL}`);
    await client.printed("bob: hi\n");
    ends(guest);
    expect([await client.exited, client.stdout]).toEqual([1, "bob: hi\n"]);
    expect(client.stderr).toBe(said("room is full"));
  }
});

describe("the words of a server, said by a member,", () => {
  test("pass like any line while the conversation goes on", async () => {
    const server = await ServerProgram.start();
    const bob = await server.join();
    const client = startClient(server.port);
    await server.members(2);
    bob.say(FULL);
    bob.say(`${FULL}bob: not really\n${FULL}`);
    bob.say("bob: bye\n");
    await client.printed("bob: bye\n");
    expect(client.stdout).toBe(`${FULL}${FULL}bob: not really\n${FULL}bob: bye\n`);
    bob.say(FULL);
    // It is silent now; what was said comes, and is no reason when the server stops later.
    await client.printed(`bob: bye\n${FULL}`);
    server.kill("SIGTERM");
    expect([await client.exited, client.stderr]).toEqual([1, closed(server.port)]);
  });

  test("are taken for the server's if the connection ends right after them", async () => {
    const server = await ServerProgram.start();
    const bob = await server.join();
    const client = startClient(server.port, "--recv-only");
    await server.members(2);
    bob.say(`bob: hi\n${FULL}`);
    await client.printed("bob: hi\n");
    server.kill("SIGTERM");
    expect([await client.exited, client.stdout]).toEqual([1, "bob: hi\n"]);
    expect(client.stderr).toBe(said("room is full"));
  });
});

describe("a server that goes before everything was said:", () => {
  test("it is killed", async () => {
    const server = await ServerProgram.start();
    const client = startClient(server.port, "--send-only");
    await server.members(1);
    void client.sayAll(FLOOD);
    server.kill("SIGKILL");
    expect(await client.exited).toBe(1);
    const at = `127.0.0.1:${server.port}`;
    const lost = `linechat-client: lost the connection to ${at}: reset by the server\n`;
    expect([lost, closed(server.port)]).toContain(client.stderr);
  });

  test("it is stopped", async () => {
    const server = await ServerProgram.start();
    const client = startClient(server.port, "--send-only");
    const peer = await server.join();
    client.say("hello\n");
    await peer.hears("hello\n");
    server.kill("SIGTERM");
    expect([await client.exited, client.stderr]).toEqual([1, closed(server.port)]);
  });

  test("stdin has ended, but the system has not taken all", async () => {
    const host = await Host.open();
    const client = startClient(host.port, "--quiet");
    const guest = await host.guest();
    guest.pause();
    void client.sayAll(Buffer.alloc(64 << 20, "x"));
    client.endInput();
    guest.endInput();
    expect([await client.exited, client.stderr]).toEqual([1, closed(host.port)]);
  });
});

test("all was said and the server has closed after that: 0", async () => {
  const host = await Host.open();
  const client = startClient(host.port);
  client.say("everything\n");
  client.endInput();
  const guest = await host.guest();
  expect(await guest.hearsAll()).toBe("everything\n");
  guest.endInput();
  expect([await client.exited, client.stderr]).toEqual([0, ""]);
});

describe("when nobody reads stdout any more", () => {
  /** The client, of whose output one line is read; its exit code is told on stderr. */
  async function startBeforeHead(host: Host) {
    const client = `"$0" client.ts 127.0.0.1 ${host.port}; echo "exit $?" >&2`;
    const program = new Program(["sh", "-c", `{ ${client}; } | head -n 1`, process.execPath]);
    return { program, guest: await host.guest() };
  }

  test("before all is said, that is told", async () => {
    const { program, guest } = await startBeforeHead(await Host.open());
    guest.say("one\n");
    await program.printed("one\n");
    guest.say("two\n");
    await program.printed("exit 1\n", "stderr");
    expect(program.stderr).toBe(
      "linechat-client: stdout was closed before everything was said\nexit 1\n",
    );
  });

  test.each([
    ["in order", 0, (guest: Peer) => guest.endInput()],
    ["by a reset", 1, (guest: Peer) => guest.reset()],
  ])("after that, the end still tells whether it has arrived: %s", async (_, code, end) => {
    const { program, guest } = await startBeforeHead(await Host.open());
    program.say("said\n");
    program.endInput();
    expect(await guest.hearsAll()).toBe("said\n");
    guest.say("one\n");
    await program.printed("one\n");
    guest.say("two\n");
    end(guest);
    await program.printed(`exit ${code}\n`, "stderr");
  });
});

terminalTest("in a terminal the server's last word is no line of the conversation", async () => {
  const server = await ServerProgram.start("--max-clients", "1");
  await server.join();
  const client = `"${process.execPath}" client.ts 127.0.0.1 ${server.port}; echo "exit $?"; exec cat`;
  const terminal = await Tmux.start({ command: client, columns: 80 });
  await terminal.becomes(
    `connected to 127.0.0.1:${server.port}; /quit to leave, /help for help`,
    "linechat-client: the server says: room is full",
    "exit 1",
  );
});
