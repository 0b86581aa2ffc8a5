/** A conversation over one connection: how it ends, and what it answers when it is asked for a name. */

import { describe, expect, test } from "bun:test";

import { OneConnection, type Part } from "../../lib/client/conversation.ts";
import { Reconnecting } from "../../lib/client/reconnect.ts";
import { LASTING } from "../../lib/program/server-messages.ts";
import { endAfterEach, testBeside } from "../harness.ts";
import { follow, pair } from "./follow.ts";

endAfterEach();

const FULL = "* room is full\n";
const HTTP = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
const IDLE = "* idle for 5m\n";
/** More than a connection takes that nobody reads. */
const FLOOD = Buffer.alloc(16 << 20, "x");
const ASK = "* say your name first (here: bob)\n";

/** A conversation with a server that the test plays, and the other end of its connection. */
async function start(part: Partial<Part> = {}, reconnects = false) {
  const { here, there } = await pair();
  const how = { sends: true, name: "", ...part };
  const note = () => {};
  const one = reconnects
    ? new Reconnecting({ connect: async () => here, tries: "once joined", part: how, note })
    : new OneConnection(here, how, note);
  return { one, guest: there, at: here.address, ...follow(one) };
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
  [[`bob${FULL}`], ""],
  [["* room is full"], ""],
  [[`* ${"room is full ".repeat(50)}\n`], ""],
  [[HTTP], ""],
  [[`bob: hi\n${HTTP}`], ""],
])("the last whole line that is received tells why it ends (%#)", async (parts, message) => {
  for (const how of ["endInput", "reset"] as const) {
    const { one, guest, seen, ended, receives, at } = await start();
    guest.pause();
    void one.write(FLOOD);
    one.endOutput(); // That does not make it sent.
    for (const [n, part] of parts.entries()) {
      guest.say(part);
      await receives(parts.slice(0, n + 1).join(""));
    }
    guest[how]();
    let why = `${at} closed the connection before everything was sent`;
    if (parts[0] === HTTP) why = `${at} speaks HTTP; open it in a browser`;
    if (how === "reset") why = `lost the connection to ${at}: reset by the server`;
    expect(await ended).toBe(message ? `the server says: ${message}` : why);
    expect(seen.received).toBe(parts.join(""));
  }
});

testBeside("a name is sent to a server that asks; late, too, but not after the end", async () => {
  for (const [hasEnded, name] of [
    [false, "alice"],
    [true, ""],
  ] as const) {
    const { here, there } = await pair();
    const one = new OneConnection(here, { sends: true, name: "alice" }, () => {});
    if (hasEnded) one.endOutput();
    there.say(ASK);
    await one.read();
    if (!hasEnded) await Bun.sleep(700); // Nobody is refused so late, but it was asked.
    void one.read();
    expect(await one.joined).toBe(name);
    one.endOutput();
    expect(await there.hearsAll()).toBe(name && `${name}\n`);
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
