/** How a conversation ends: 0 only when all was sent and the server closed after that. */

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
const IDLE = "* idle for 5m\n";

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "linechat-ending-"));
  folders.push(made);
  return made;
}

function disconnected(message: string): string {
  return `linechat-client: the server says: ${message}\n`;
}

function closed(port: number): string {
  return `linechat-client: 127.0.0.1:${port} closed the connection before everything was sent\n`;
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
          expect([await client.exited, client.stdout, client.stderr]).toEqual([
            1,
            "",
            disconnected(word),
          ]);
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

test("a pipe that only receives, and a half-closed one, tell it too, and print it", async () => {
  const server = await ServerProgram.start("--max-clients", "1");
  await server.join();
  const [ears, mouth] = [startClient(server.port, "--recv-only"), startClient(server.port)];
  mouth.endInput();
  for (const client of [ears, mouth])
    expect([await client.exited, client.stdout, client.stderr]).toEqual([
      ...[1, FULL, disconnected("room is full")],
    ]);
});

test("a last message is printed as it came, at once, and a reset does not hide it", async () => {
  const host = await Host.open();
  for (const ends of [(guest: Peer) => guest.endInput(), (guest: Peer) => guest.reset()]) {
    const client = startClient(host.port);
    const guest = await host.guest();
    guest.say(`bob: hi\n${IDLE}`);
    await client.printed(`bob: hi\n${IDLE}`);
    ends(guest);
    expect([await client.exited, client.stdout]).toEqual([1, `bob: hi\n${IDLE}`]);
    expect(client.stderr).toBe(disconnected("idle for 5m"));
  }
});

test("only the last whole line is one, however it was cut, and whatever it looks like before", async () => {
  const host = await Host.open();
  for (const [lines, message] of [
    [[FULL], "room is full"],
    [["* room ", "is full\n"], "room is full"],
    [["bob: hi\n* idle for", " 5m\n"], "idle for 5m"],
    [["x".repeat(100_000), `\n${IDLE}`], "idle for 5m"],
    // A member is not refused.
    [[`* bob joined (2 here)\n${FULL}`], ""],
    [[`bob: hi\n${FULL}`], ""],
    [["x", `\n${FULL}`], ""],
    [[`${IDLE}bob: hi\n`], ""],
    [[FULL, "bob"], ""],
    [["bob: * room is full\n"], ""],
    [[`bob${FULL}`], ""],
    [["* room is full"], ""],
    [[`* ${"room is full ".repeat(50)}\n`], ""],
  ] as const) {
    const client = startClient(host.port, "--recv-only");
    const guest = await host.guest();
    let sent = "";
    for (const part of lines) {
      guest.say(part);
      await client.printed((sent += part));
    }
    guest.endInput();
    expect([lines, await client.exited, client.stderr]).toEqual([
      ...[lines, message ? 1 : 0, message && disconnected(message)],
    ]);
  }
});

test("a message of the server's that a member sends passes like any line", async () => {
  const server = await ServerProgram.start();
  const bob = await server.join();
  const client = startClient(server.port);
  await server.members(2);
  bob.say(`${FULL}bob: not really\n`);
  await client.printed(`${FULL}bob: not really\n`);
  server.kill("SIGTERM");
  expect([await client.exited, client.stderr]).toEqual([1, closed(server.port)]);
});

describe("a server that goes before everything was sent:", () => {
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

test("all was sent and the server has closed after that: 0", async () => {
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

  test("before all is sent, it ends as a filter does", async () => {
    const { program, guest } = await startBeforeHead(await Host.open());
    guest.say("one\n");
    await program.printed("one\n");
    guest.say("two\n");
    await program.printed("exit 141\n", "stderr");
    expect(program.stderr).toBe("exit 141\n");
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

terminalTest("in a terminal a refusal is told once", async () => {
  const server = await ServerProgram.start("--max-clients", "1");
  await server.join();
  const client = `"${process.execPath}" client.ts 127.0.0.1 ${server.port}; echo "exit $?"; exec cat`;
  const terminal = await Tmux.start({ command: client, columns: 80 });
  await terminal.becomes("linechat-client: the server says: room is full", "exit 1");
});
