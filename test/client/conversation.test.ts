/** A conversation over one connection: how it ends, and what it answers when it is asked for a name. */

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { openConnection } from "../../lib/client/connect.ts";
import { OneConnection, type Part } from "../../lib/client/conversation.ts";
import { Reconnecting } from "../../lib/client/reconnect.ts";
import { LASTING } from "../../lib/program/server-messages.ts";
import { key, makeCertificates, pem } from "../certificates.ts";
import {
  endAfterEach,
  newFile,
  newFolder,
  type Peer,
  serverCommand,
  ServerProgram,
  startClient,
  testBeside,
} from "../harness.ts";
import { Host } from "../harness/host.ts";
import { besideWith } from "../harness/tools.ts";
import { follow, pair } from "./follow.ts";

endAfterEach();

/** Made before any test, which they would hold up. */
if (Bun.which("openssl")) makeCertificates();
const FULL = "* room is full\n";
const IDLE = "* idle for 5m\n";
const FLOOD = "0123456789abcdef\n".repeat(500_000);
const ASK = "* say your name first (here: bob)\n";

/** A conversation with a server that the test plays, and the other end of its connection. */
async function start(part: Partial<Part> = {}, reconnects = false) {
  const { here, there } = await pair();
  const how = { sends: true, name: "", ...part };
  const noted: string[] = [];
  const note = (event: string) => void noted.push(event);
  const one = reconnects
    ? new Reconnecting({ connect: async () => here, tries: "once joined", part: how, note })
    : new OneConnection(here, how, note);
  return { one, guest: there, noted, at: here.address, ...follow(one) };
}

test.each<[readonly string[], string]>([
  [[FULL], "room is full"],
  [["* room ", "is full\n"], "room is full"],
  [["bob: hi\n* idle for", " 5m\n"], "idle for 5m"],
  [[`* ${LASTING.notAName}\n`], `${LASTING.notAName} (see --name)`],
  [["* no pass phrase within 10s\n"], "no pass phrase within 10s (see --pass-file)"],
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
    const { guest, seen, noted, ended, receives, at } = await start({ sends: false });
    for (const [n, part] of parts.entries()) {
      guest.say(part);
      await receives(parts.slice(0, n + 1).join(""));
    }
    end(guest);
    const why = await ended;
    if (message) expect(why).toBe(`the server says: ${message}`);
    else if (why === "all went well") expect(noted).toEqual([`${at} closed the connection`]);
    else expect(why).toBe(`lost the connection to ${at}: reset by the server`);
    expect(seen.received).toBe(parts.join(""));
  }
});

testBeside(
  "of a server that speaks HTTP is told what it is for, and no member is taken for one",
  async () => {
    const answer = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
    for (const [before, why] of [
      ["", "speaks HTTP; open it in a browser"],
      ["bob: hi\n", "closed the connection before everything was sent"],
    ]) {
      const { guest, ended, receives, at } = await start();
      guest.say(before + answer);
      await receives(answer);
      guest.endInput();
      expect(await ended).toBe(`${at} ${why}`);
    }
  },
);

testBeside("a server that goes after everything was sent has all of it", async () => {
  const { one, guest, noted, ended, send } = await start();
  await send("everything\n");
  one.endOutput();
  expect(await guest.hearsAll()).toBe("everything\n");
  guest.endInput();
  expect([await ended, noted]).toEqual(["all went well", []]);
});

testBeside("one that goes before that has not, whether stdin has ended or not", async () => {
  for (const hasEnded of [false, true]) {
    const { one, guest, ended, at } = await start();
    guest.pause();
    void one.write(Buffer.alloc(64 << 20, "x"));
    if (hasEnded) one.endOutput();
    guest.endInput();
    expect(await ended).toBe(`${at} closed the connection before everything was sent`);
  }
});

for (const reconnects of [false, true])
  describe(`when asked for a name (reconnects: ${reconnects}), a client`, () => {
    for (const [how, name, before, answer, after] of [
      ["with one sends it, then its lines", "alice", "", "alice\n", "alice: hello\n"],
      ["that has sent a line has sent it", "alice", "alice: hi\n", "", "alice: hello\n"],
      ["without one sends its first line as it comes", "", "", "", "alice\nhello\n"],
    ] as const)
      testBeside(how, async () => {
        const { one, guest, send, receives } = await start({ name }, reconnects);
        if (before) await send(before);
        await guest.hears(before);
        for (const part of [ASK.slice(0, 7), ASK.slice(7)]) await guest.sayAll(part);
        await receives(ASK);
        await send(after);
        one.endOutput();
        expect(await guest.hearsAll()).toBe(before + answer + after);
      });

    testBeside("that only receives sends its name, and nothing else", async () => {
      const { guest, receives } = await start({ sends: false, name: "alice" }, reconnects);
      guest.say(ASK);
      await guest.hears("alice\n");
      guest.say("bob: hi\n");
      await receives(`${ASK}bob: hi\n`);
      expect(guest.text).toBe("alice\n");
    });

    testBeside("that only receives, and has none, ends with the reason", async () => {
      const { guest, ended } = await start({ sends: false }, reconnects);
      guest.say(ASK);
      expect(await ended).toBe("the room asks for a name; give one with --name");
    });

    testBeside("is asked by the first line alone", async () => {
      const { guest, receives } = await start({ sends: false }, reconnects);
      guest.say(`bob: hi\n${ASK}bob: bye\n`);
      await receives(`bob: hi\n${ASK}bob: bye\n`);
      guest.say("bob: really\n");
      await receives("bob: really\n");
      expect(guest.text).toBe("");
    });
  });

for (const kind of ["TCP", "a Unix socket", "TLS"]) {
  const testHere = kind === "TLS" ? besideWith("openssl") : testBeside;
  testHere(`over ${kind}, a flood ends with what the server says`, async () => {
    const path = join(newFolder(), "room");
    const isUnix = kind === "a Unix socket";
    const overTls = kind === "TLS";
    const server = await ServerProgram.run(
      serverCommand(
        ...["--pass-file", newFile("phrase", "right\n"), "--max-line", "1K", "--max-clients", "1"],
        ...(overTls ? ["--tls-cert", pem("server"), "--tls-key", key("server")] : []),
        ...(isUnix ? ["--unix", path] : ["--host", "127.0.0.1", "0"]),
      ),
    );
    const tls = overTls ? { ca: readFileSync(pem("ca"), "utf8") } : undefined;
    const place = isUnix ? { unix: path } : { host: "localhost", port: server.port };
    const enter = async (phrase: string) => {
      const how = { ...place, tls, passPhrase: Buffer.from(phrase) };
      const part = { sends: true, name: "" };
      return follow(new OneConnection(await openConnection(how), part, () => {}));
    };
    const members = (count: number) =>
      server.until(
        "it to notice",
        () => server.count(/ joined /) - server.count(/ left /) === count,
      );
    /** Several times, as it depends on which end is faster. */
    const flood = async (reason: string, phrase: string, count: number, first = "short\n") => {
      for (let round = 0; round < 3; round++) {
        const { ended, send } = await enter(phrase);
        void send(first).then(() => send(FLOOD));
        expect(await ended).toBe(`the server says: ${reason}`);
        await members(count);
      }
    };
    await flood("wrong pass phrase (see --pass-file)", "wrong", 0);
    await flood("line longer than 1024 bytes", "right", 0, `short\n${"x".repeat(2000)}\n`);
    await enter("right");
    await members(1);
    await flood("room is full", "right", 1);
  });
}

testBeside("a refusal is printed as it came, and is the reason on stderr", async () => {
  const host = await Host.open();
  const client = startClient(host.port);
  const guest = await host.guest();
  guest.say(FULL);
  guest.endInput();
  const stderr = "linechat-client: the server says: room is full\n";
  expect([await client.exited, client.stdout, client.stderr]).toEqual([1, FULL, stderr]);
});
