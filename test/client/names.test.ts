/** Where the server asks for a name: what a client in a pipe answers, against a server that the test plays. */

import { describe, expect, test } from "bun:test";

import { endAfterEach, type Peer, type Program, startClient } from "../harness.ts";
import { Host } from "../harness/host.ts";

endAfterEach();

const ASK = "* say your name first (here: bob)\n";

/** A client that has just connected, and its other end. */
async function start(...options: string[]): Promise<{ client: Program; guest: Peer }> {
  const host = await Host.open();
  const client = startClient(host.port, ...options);
  const guest = await host.guest();
  host.close();
  return { client, guest };
}

describe.each([
  { more: [], passedOn: ASK },
  // What a server tells before it has let a client in is not passed on if it never does.
  { more: ["--reconnect", "--quiet"], passedOn: "" },
])("a client with $more", ({ more, passedOn }) => {
  test("--name and --recv-only sends its name when it is asked, and nothing else", async () => {
    const { client, guest } = await start("--recv-only", "--name", "alice", ...more);
    guest.say(ASK);
    await guest.hears("alice\n");
    guest.say("bob: hi\n");
    await client.printed(`${ASK}bob: hi\n`);
    expect(guest.text).toBe("alice\n");
  });

  test("--name sends its name when it is asked before it has sent a line, and then its lines", async () => {
    for (const option of ["--send-only", "--quiet"]) {
      const { client, guest } = await start(option, "--name", "alice", ...more);
      for (const part of [ASK.slice(0, 7), ASK.slice(7)]) await guest.sayAll(part);
      await guest.hears("alice\n");
      client.say("hello\n");
      client.endInput();
      expect(await guest.hearsAll()).toBe("alice\nalice: hello\n");
    }
  });

  test("--name that has sent a line has sent its name with it", async () => {
    const { client, guest } = await start("--name", "alice", ...more);
    client.say("hello\n");
    await guest.hears("alice: hello\n");
    guest.say(ASK);
    await client.printed(ASK);
    client.say("again\n");
    client.endInput();
    expect(await guest.hearsAll()).toBe("alice: hello\nalice: again\n");
  });

  test("no name sends its first line as it comes", async () => {
    const { client, guest } = await start(...more);
    guest.say(ASK);
    await client.printed(ASK);
    client.say("alice\nhello\n");
    client.endInput();
    expect(await guest.hearsAll()).toBe("alice\nhello\n");
  });

  test("no name and --recv-only ends with the reason", async () => {
    const { client, guest } = await start("--recv-only", ...more);
    guest.say(ASK);
    expect([await client.exited, client.stdout, client.stderr]).toEqual([
      ...[1, passedOn, "linechat-client: the room asks for a name; give one with --name\n"],
    ]);
  });

  test("no name and --recv-only is asked by the first line alone", async () => {
    const { client, guest } = await start("--recv-only", ...more);
    guest.say(`bob: hi\n${ASK}bob: bye\n`);
    await client.printed(`bob: hi\n${ASK}bob: bye\n`);
    guest.say("bob: really\n");
    await client.printed("bob: really\n");
    expect(guest.text).toBe("");
  });
});
