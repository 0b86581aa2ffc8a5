/** A conversation over one connection: how it ends, and what it answers when it is asked for a name. */

import { afterEach, describe, expect, test } from "bun:test";

import { type ConnectOptions, openConnection } from "../../lib/client/connect.ts";
import { type Conversation, OneConnection, type Part } from "../../lib/client/conversation.ts";
import { Reconnecting } from "../../lib/client/reconnect.ts";
import { makeCertificates } from "../certificates.ts";
import {
  clientCommand,
  endAfterEach,
  newFile,
  newFolder,
  type Peer,
  Program,
  serverCommand,
  ServerProgram,
  startClient,
  testBeside,
} from "../harness.ts";
import { Host } from "../harness/host.ts";
import { eventually } from "../harness/watched.ts";
import { endTerminals, terminalTest, Tmux } from "../terminal/tmux.ts";

endAfterEach();
afterEach(endTerminals);

const FULL = "* room is full\n";
const IDLE = "* idle for 5m\n";
const FLOOD = "0123456789abcdef\n".repeat(500_000);
const ASK = "* say your name first (here: bob)\n";

/** What is received, and how it ends: a failure, or what was noted. */
function follow(conversation: Conversation, noted: readonly string[] = []) {
  const seen = { received: "" };
  const readAll = async () => {
    for (let bytes = await conversation.read(); bytes; bytes = await conversation.read())
      seen.received += Buffer.from(bytes).toString();
    return noted.join();
  };
  const ended = readAll().catch((error: Error) => error.message);
  const receives = (text: string) => eventually(text, () => seen.received.includes(text));
  return { seen, ended, receives, send: (text: string) => conversation.write(Buffer.from(text)) };
}

/** A conversation with a server that the test plays, and the other end of its connection. */
async function start(part: Partial<Part> = {}, reconnects = false) {
  const host = await Host.open();
  const connection = await openConnection({ host: "127.0.0.1", port: host.port });
  const guest = await host.guest();
  host.close();
  const noted: string[] = [];
  const note = (event: string) => void noted.push(event);
  const how = { sends: true, name: "", ...part };
  const one = reconnects
    ? new Reconnecting(async () => connection, how, { note, status() {} }, "once joined")
    : new OneConnection(connection, how, note);
  return { one, guest, noted, at: connection.address, ...follow(one, noted) };
}

test.each<[readonly string[], string]>([
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
])("only the last whole line tells why it ends (%#)", async (parts, message) => {
  for (const end of [(guest: Peer) => guest.endInput(), (guest: Peer) => guest.reset()]) {
    const { guest, seen, ended, receives, at } = await start({ sends: false });
    for (const [n, part] of parts.entries()) {
      guest.say(part);
      await receives(parts.slice(0, n + 1).join(""));
    }
    end(guest);
    const [closed, lost] = [`${at} closed the connection`, `lost the connection to ${at}: reset`];
    expect([closed, `${lost} by the server`, `the server says: ${message}`]).toContain(await ended);
    expect((await ended).startsWith("the server says: ")).toBe(message !== "");
    expect(seen.received).toBe(parts.join(""));
  }
});

describe("a server that goes", () => {
  test("after everything was sent has all of it", async () => {
    const { one, guest, ended, send } = await start();
    await send("everything\n");
    one.endOutput();
    expect(await guest.hearsAll()).toBe("everything\n");
    guest.endInput();
    expect(await ended).toBe("");
  });

  test("before that does not, be it that stdin or that only the system's part has ended", async () => {
    for (const hasEnded of [false, true]) {
      const { one, guest, ended, at } = await start();
      guest.pause();
      void one.write(Buffer.alloc(64 << 20, "x"));
      if (hasEnded) one.endOutput();
      guest.endInput();
      expect(await ended).toBe(`${at} closed the connection before everything was sent`);
    }
  });
});

describe.each([false, true])("when asked for a name (reconnects: %p), a client", (reconnects) => {
  test("with one that only receives sends its name, and nothing else", async () => {
    const { guest, receives } = await start({ sends: false, name: "alice" }, reconnects);
    guest.say(ASK);
    await guest.hears("alice\n");
    guest.say("bob: hi\n");
    await receives(`${ASK}bob: hi\n`);
    expect(guest.text).toBe("alice\n");
  });

  test("with one sends it if it has sent no line, and then its lines", async () => {
    const { one, guest, send } = await start({ name: "alice" }, reconnects);
    for (const part of [ASK.slice(0, 7), ASK.slice(7)]) await guest.sayAll(part);
    await guest.hears("alice\n");
    await send("alice: hello\n");
    one.endOutput();
    expect(await guest.hearsAll()).toBe("alice\nalice: hello\n");
  });

  test("that has sent a line has sent its name with it", async () => {
    const { one, guest, send, receives } = await start({ name: "alice" }, reconnects);
    await send("alice: hello\n");
    await guest.hears("alice: hello\n");
    guest.say(ASK);
    await receives(ASK);
    await send("alice: again\n");
    one.endOutput();
    expect(await guest.hearsAll()).toBe("alice: hello\nalice: again\n");
  });

  test("without one sends its first line as it comes", async () => {
    const { one, guest, send, receives } = await start({}, reconnects);
    guest.say(ASK);
    await receives(ASK);
    await send("alice\nhello\n");
    one.endOutput();
    expect(await guest.hearsAll()).toBe("alice\nhello\n");
  });

  test("without one that only receives ends with the reason", async () => {
    const { guest, ended } = await start({ sends: false }, reconnects);
    guest.say(ASK);
    expect(await ended).toBe("the room asks for a name; give one with --name");
  });

  test("is asked by the first line alone", async () => {
    const { guest, receives } = await start({ sends: false }, reconnects);
    guest.say(`bob: hi\n${ASK}bob: bye\n`);
    await receives(`bob: hi\n${ASK}bob: bye\n`);
    guest.say("bob: really\n");
    await receives("bob: really\n");
    expect(guest.text).toBe("");
  });
});

for (const kind of ["TCP", "a Unix socket", "TLS"])
  testBeside(`over ${kind}, a flood ends with what the server says`, async () => {
    const { file } = makeCertificates(newFolder());
    const unix = `${newFolder()}/room`;
    const options = ["--pass-file", newFile("phrase", "right\n"), "--max-line", "1K"];
    options.push("--max-clients", "1");
    if (kind === "TLS")
      options.push("--tls-cert", file("server.pem"), "--tls-key", file("server.key"));
    const server =
      kind === "a Unix socket"
        ? await ServerProgram.run(serverCommand(...options, "--unix", unix))
        : await ServerProgram.start(...options);
    const tls = kind === "TLS" ? { ca: await Bun.file(file("ca.pem")).text() } : undefined;
    const place = kind === "a Unix socket" ? { unix } : { host: "localhost", port: server.port };
    const join = async (phrase: string) => {
      const how: ConnectOptions = { ...place, tls, passPhrase: Buffer.from(phrase) };
      const part = { sends: true, name: "" };
      return follow(new OneConnection(await openConnection(how), part, () => {}));
    };
    let members = 0;
    /** Several times, as it depends on which end is faster. */
    const flood = async (reason: string, phrase: string, first = "short\n") => {
      for (let round = 0; round < 3; round++) {
        const { ended, send } = await join(phrase);
        void send(first).then(() => send(FLOOD));
        expect(await ended).toBe(`the server says: ${reason}`);
        await server.until("its end there", () => countMembers() === members);
      }
    };
    const countMembers = () => server.count(/ joined /) - server.count(/ left /);
    await flood("wrong pass phrase", "wrong");
    await flood("line longer than 1024 bytes", "right", `short\n${"x".repeat(2000)}\n`);
    await join("right");
    members = 1;
    await server.until("a member", () => countMembers() === members);
    await flood("room is full", "right");
  });

testBeside("a refusal is printed as it came, and is the reason on stderr", async () => {
  const server = await ServerProgram.start("--max-clients", "1");
  await server.join();
  const clients = [startClient(server.port, "--recv-only"), startClient(server.port)];
  for (const client of clients) {
    client.endInput();
    const stderr = "linechat-client: the server says: room is full\n";
    expect([await client.exited, client.stdout, client.stderr]).toEqual([1, FULL, stderr]);
  }
});

testBeside("the name stands before each line, and is told when it was asked for", async () => {
  const host = await Host.open();
  const options = ["--reconnect", "--name", "alice", "127.0.0.1", `${host.port}`];
  const client = new Program(clientCommand(...options));
  const guest = await host.guest();
  guest.say(ASK);
  client.say("hello\n");
  await guest.hears("alice\nalice: hello\n");
  await client.printed(/connected to \S+\nyou are alice\n/, "stderr");
});

terminalTest("in a terminal a refusal is told once", async () => {
  const server = await ServerProgram.start("--max-clients", "1");
  await server.join();
  const client = `"${process.execPath}" client.ts 127.0.0.1 ${server.port}; echo "exit $?"; exec cat`;
  const terminal = await Tmux.start({ command: client, columns: 80 });
  await terminal.becomes("linechat-client: the server says: room is full", "exit 1");
});
