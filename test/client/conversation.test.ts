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
  testBeside,
} from "../harness.ts";
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

testBeside("a server that closes first has not received everything, or speaks HTTP", async () => {
  const http = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
  const early = "closed the connection before everything was sent";
  for (const [said, why] of [
    [http, "speaks HTTP; open it in a browser"],
    [`bob: hi\n${http}`, early], // Who has sent it is a member.
    ["", early],
  ] as const) {
    const { one, guest, ended, receives, at } = await start();
    guest.pause(); // It takes nothing.
    guest.say(said);
    await receives(said);
    void one.write(Buffer.alloc(64 << 20, "x"));
    one.endOutput();
    guest.endInput();
    expect(await ended).toBe(`${at} ${why}`);
  }
});

for (const reconnects of [false, true])
  describe(`when asked for a name (reconnects: ${reconnects}), a client`, () => {
    for (const [how, name, before, asked, answer, after] of [
      ["with one sends it, then its lines", "alice", "", ASK, "alice\n", "alice: hello\n"],
      ["that has sent a line has sent it", "alice", "alice: hi\n", ASK, "", "alice: hello\n"],
      ["without one sends its first line as it comes", "", "", ASK, "", "alice\nhello\n"],
      ["by another line is not asked", "alice", "", `bob: hi\n${ASK}`, "", "alice: hello\n"],
    ] as const)
      testBeside(how, async () => {
        const { one, guest, send, receives } = await start({ name }, reconnects);
        if (before) await send(before);
        await guest.hears(before);
        for (const part of [asked.slice(0, 7), asked.slice(7)]) await guest.sayAll(part);
        await receives(asked);
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
  });

for (const kind of ["TCP", "a Unix socket", "TLS"]) {
  const testHere = kind === "TLS" ? besideWith("openssl") : testBeside;
  testHere(`over ${kind}, a flood ends with what the server says`, async () => {
    const unix = kind === "a Unix socket" ? join(newFolder(), "room") : undefined;
    const tls = kind === "TLS" ? ["--tls-cert", pem("server"), "--tls-key", key("server")] : [];
    const phrase = newFile("phrase", "right\n");
    const limits = ["--pass-file", phrase, "--max-line", "1K", "--max-clients", "1"];
    const where = unix ? ["--unix", unix] : ["--host", "127.0.0.1", "0"];
    const server = await ServerProgram.run(serverCommand(...limits, ...tls, ...where));
    const enter = async (words: string) => {
      const connection = await openConnection({
        ...(unix ? { unix } : { host: "localhost", port: server.port }),
        tls: tls.length > 0 ? { ca: readFileSync(pem("ca"), "utf8") } : undefined,
        passPhrase: Buffer.from(words),
      });
      return follow(new OneConnection(connection, { sends: true, name: "" }, () => {}));
    };
    /** Several times, as it depends on which end is faster. */
    const flood = async (reason: string, words: string, here: number, first = "short\n") => {
      for (let round = 0; round < 3; round++) {
        const { ended, send } = await enter(words);
        void send(first).then(() => send(FLOOD));
        expect(await ended).toBe(`the server says: ${reason}`);
        await server.members(here);
      }
    };
    await flood("line longer than 1024 bytes", "right", 0, `short\n${"x".repeat(2000)}\n`);
    await flood("wrong pass phrase (see --pass-file)", "wrong", 0);
    await enter("right");
    await server.members(1);
    await flood("room is full", "right", 1);
  });
}
