/** `--announce` and `--history`, with the program and real sockets. */

import { expect, test } from "bun:test";

import { Peer, Program, ServerProgram, startClient } from "../harness.ts";
import { endAllAfterEach } from "./ends.ts";

endAllAfterEach();

const MARK = "* until here what was said before\n";

test("a newcomer hears the last lines, then what is said, and nothing tells where that is", async () => {
  const server = await ServerProgram.start("--history", "2");
  const [ann, bob] = [await server.join(), await server.join()];
  ann.say("1\n2\n3\n");
  await bob.hears("3\n");
  const eve = await server.join();
  await eve.hears("2\n3\n");
  ann.say("4\n");
  await eve.hears("4\n");
  expect(eve.text).toBe("2\n3\n4\n");
});

test("a client that sends its line and half-closes gets all of history, then EOF", async () => {
  const server = await ServerProgram.start("--history", "8M", "--announce");
  const [ann, bob] = [await server.join(), await server.join()];
  const past = `${"x".repeat(1023)}\n`.repeat(7 << 10);
  ann.say(past);
  ann.say("end\n");
  await bob.hears("end\n");
  const client = startClient(server.port);
  client.say("bye");
  client.endInput();
  expect(await client.exited).toBe(0);
  const joined = `* ${bob.name} joined (2 here)\n`;
  const heard = client.stdout.slice(client.stdout.indexOf(joined));
  expect(heard === `${joined}${past}end\n${MARK}`).toBe(true);
  await bob.hears("bye\n");
  expect(bob.text.slice(-120)).toMatch(
    /\n\* \S+ joined \(3 here\)\nbye\n(\* \S+ left: end of input \(2 here\)\n)?$/,
  );
});

test("all hear who comes and goes, at the same place; with names, when the name is known", async () => {
  const server = await ServerProgram.start("--announce", "--names");
  const alice = await Peer.connect(server.port, { says: "alice\n" });
  await server.logged("joined alice");
  const bob = await Peer.connect(server.port, { says: "bob: hello\n" });
  await alice.hears("bob: hello\n");
  const eve = await Peer.connect(server.port);
  await eve.hears("* say your name first (here: alice, bob)\n");
  eve.reset();
  await server.logged("left");
  bob.endInput();
  await alice.hears("left: end of input");
  expect(alice.text).toBe(
    "* say your name first\n* bob joined (2 here)\nbob: hello\n* bob left: end of input (1 here)\n",
  );
  expect(bob.text).toBe("* say your name first (here: alice)\n");
});

for (const [given, message] of [
  ["0", 'takes a number of lines like 100, or a size like 8M, of at most 1G, not "0"'],
  ["2G", 'takes a number of lines like 100, or a size like 8M, of at most 1G, not "2G"'],
  [
    "-1",
    'takes a number of lines like 100, or a size like 8M, of at most 1G; "-1" looks like an option',
  ],
  ["all", 'takes a number of lines like 100, or a size like 8M, of at most 1G, not "all"'],
])
  test(`--history ${given} is a mistake`, async () => {
    const program = new Program([process.execPath, "server.ts", "--history", `${given}`, "0"]);
    expect(await program.exited).toBe(2);
    expect(program.stderr).toBe(`linechat-server: --history ${message} (--help shows how)\n`);
  });
