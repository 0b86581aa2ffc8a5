/** The name of a user at a terminal, also in a room with names, over one connection and the next. */

import { afterEach, describe, expect, test } from "bun:test";
import { connect, createServer, type Socket } from "node:net";

import { People } from "../../lib/terminal/people.ts";
import { mentions } from "../../lib/terminal/transcript.ts";
import { endAfterEach, Peer, ServerProgram } from "../harness.ts";
import { Host } from "../harness/host.ts";
import { openTerminal } from "./terminal-room.ts";
import { endTerminals, terminalTest, Tmux } from "./tmux.ts";

endAfterEach();
afterEach(endTerminals);

describe("a mention", () => {
  test.each([
    ["alice", "bob: hi alice", true],
    ["alice", "bob: Alice!", true],
    ["alice", "bob: ALICE, come", true],
    ["alice", "alice", true],
    ["alice", "(alice's)", true],
    ["alice", "bob: malice", false],
    ["alice", "bob: alices", false],
    ["alice", "bob: alice_2", false],
    ["alice", "bob: alice2", false],
    ["alice", "alice: hi", false],
    ["alice", "Alice: hi", false],
    ["alice", "alice: I am alice", true],
    ["alice", "bob: alice: hi", true],
    ["alice", "alice:hi", true],
    ["alice", "* alice has joined", false],
    ["zoë", "bob: ZOË?", true],
    ["zoë", "bob: zoe\u0308?", true],
    ["zo", "bob: zoë", false],
    ["zo", "bob: zoe\u0308", false],
    ["анна", "bob: Анна, привет", true],
    ["анна", "bob: анналы", false],
    ["c++", "bob: c++ is here", true],
    ["a.c", "bob: abc", false],
    ["", "bob: hi", false],
  ])("of %j in %j: %p", (name, line, isMention) => {
    expect(mentions(name)(line)).toBe(isMention);
  });
});

/** What is known by lines that are received. */
function seen(lines: string, own: string): People {
  const people = new People(own);
  people.told(lines);
  people.see(lines, false);
  return people;
}

describe("who is here, by /who,", () => {
  test.each<[what: string, lines: string, list: string]>([
    ["nothing is told", "", "here, as far as is known: al (you)"],
    ["lines tell", "bob: hi\nann: hi\nal: hi\n", "here, as far as is known: al (you), bob, ann"],
    [
      "the greeting tells",
      "* say your name first (here: bob, ann)\n",
      "3 here: al (you), bob, ann",
    ],
    [
      "the greeting tells of many",
      "* say your name first (here: bob and 1,234 more)\n",
      "1236 here: al (you), bob and 1234 more",
    ],
    ["nobody else", "* say your name first\n", "1 here: al (you)"],
    [
      "notices tell",
      "* say your name first (here: bob)\n* al joined (2 here)\n* ann joined (3 here)\n* bob left (2 here)\n",
      "2 here: al (you), ann",
    ],
    [
      "notices without names tell",
      "* 127.0.0.1:5 joined (2 here)\n",
      "2 here: al (you) and 1 more",
    ],
    [
      "sums of notices tell",
      "* 5 more joined, 1 more left (9 here)\n",
      "9 here: al (you) and 8 more",
    ],
    ["servers that share a room tell", "* bob joined\n", "here, as far as is known: al (you), bob"],
  ])("as far as %s", (_what, lines, list) => {
    expect(seen(lines, "al").list).toBe(list);
  });

  test("who has sent a line of the history need not be here", () => {
    const people = new People("");
    people.see("bob: hi\n", true);
    expect([people.list, people.complete("b")]).toEqual([
      "here, as far as is known: nobody",
      "bob: ",
    ]);
  });

  test("over another connection that is not known any more", () => {
    const people = seen("bob: hi\n* ann joined (7 here)\n", "");
    people.joined();
    expect(people.list).toBe("here, as far as is known: nobody");
  });
});

describe("Tab", () => {
  /** What is before the cursor, after one Tab and each further one. */
  function tabs(lines: string, before: string, count = 1): string[] {
    const completion = seen(lines, "alice");
    return Array.from({ length: count }, () => (before = completion.complete(before)));
  }

  test.each<[what: string, lines: string, before: string, after: string[]]>([
    ["at the start of a line", "bob: hi\n", "b", ["bob: "]],
    ["elsewhere", "bob: hi\n", "hi b", ["hi bob "]],
    ["in capitals or not", "Bob: hi\n", "bO", ["Bob: "]],
    ["with nothing to go by", "bob: hi\n", "", ["bob: "]],
    ["a name nobody has", "bob: hi\n", "c", ["c"]],
    ["not one's own", "alice: hi\n", "al", ["al"]],
    ["not what is no name", "no name here: hi\nhttp://x\n* bob: x\n", "", [""]],
    ["names of the greeting", "* say your name first (here: Bob, ann)\n", "b", ["Bob: "]],
    ["names of notices", "* bob joined (2 here)\n", "b", ["bob: "]],
    ["not two words", "bob: hi\n", "b ", ["b bob "]],
    ["those that sent last first", "anna: 1\nannika: 2\nanna: 3\n", "ann", ["anna: ", "annika: "]],
    ["round and round", "ann: 1\nanna: 2\n", "hi ann", ["hi anna ", "hi ann ", "hi anna "]],
    ["other scripts", "Ünal: hi\n", "ü", ["Ünal: "]],
  ])("%s", (_what, lines, before, after) => {
    expect(tabs(lines, before, after.length)).toEqual(after);
  });

  test("names not seen for long are forgotten", () => {
    const crowd = Array.from({ length: 300 }, (_, index) => `member${index}: hi\n`).join("");
    expect(tabs(`bob: hi\n${crowd}`, "bo")).toEqual(["bo"]);
    expect(tabs(`${crowd}bob: hi\n`, "bo")).toEqual(["bob: "]);
  });

  test("a Tab after something else was typed starts again", () => {
    const completion = seen("bob: hi\ncarol: hi\n", "");
    expect(completion.complete("")).toBe("carol: ");
    expect(completion.complete("carol: b")).toBe("carol: bob ");
    expect(completion.complete("carol: bob ")).toBe("carol: bob ");
    expect(completion.complete("d")).toBe("d");
    completion.see("dora: hi\n", false);
    expect(completion.complete("d")).toBe("dora: ");
  });
});

describe("the name", () => {
  const withoutName = (port: number, options: string, environment: string) =>
    Tmux.start({
      command: `${environment} "${process.execPath}" client.ts --quiet ${options} 127.0.0.1 ${port}`,
    });

  terminalTest("is the login name in a terminal, if that can be a name", async () => {
    const server = await ServerProgram.start();
    const bob = await server.join();
    const terminal = await withoutName(server.port, "", "env USER=ann");
    await terminal.shows(/^ann:$/m);
    await terminal.enter("hi");
    await bob.hears("ann: hi\n");
    const spaced = await withoutName(server.port, "", "env USER='Ann of Green Gables'");
    await spaced.shows(/^>$/m);
    const dumb = await withoutName(server.port, "", "env USER=carol TERM=dumb");
    await server.members(4);
    await dumb.enter("hi");
    await bob.hears("carol: hi\n");
    const known = await withoutName(server.port, "", "env -u USER -u LOGNAME");
    await known.shows(/^root:$|^\w+:$/m);
  });

  terminalTest("may be none, and is none in a pipe", async () => {
    const server = await ServerProgram.start();
    const bob = await server.join();
    const terminal = await withoutName(server.port, "--name ''", "env USER=ann");
    await terminal.shows(/^>$/m);
    await terminal.enter("no name");
    await bob.hears("no name\n");
    await withoutName(server.port, "", "echo from a pipe | env USER=ann");
    await bob.hears("from a pipe\n");
    expect(bob.text).toBe("no name\nfrom a pipe\n");
  });
});

describe("where the server asks for a name", () => {
  terminalTest("it is sent at once, so that a silent member is known as well", async () => {
    const server = await ServerProgram.start("--names");
    const terminal = await openTerminal(server.port, { client: "--name alice", columns: 60 });
    await server.logged("joined alice");
    await terminal.shows(/\nyou are alice\n1 here: alice \(you\)\nalice:$/);
    const bob = await Peer.connect(server.port, { says: "bob: hi alice\n" });
    await terminal.shows(/^bob: hi alice$/m);
    await terminal.enter("hi");
    await bob.hears("* say your name first (here: alice)\nalice: hi\n");
    await openTerminal(server.port, { client: "--name dora", environment: "TERM=dumb" });
    await server.logged("joined dora");
  });

  terminalTest("it is sent over each connection, before any other line", async () => {
    const host = await Host.open();
    await openTerminal(host.port, { client: "--name alice --reconnect" });
    const guest = await host.guest();
    guest.say("* say your name first (here:");
    guest.say(" bob and 3 more)\n");
    await guest.hears("alice\n");
    guest.reset();
    const again = await host.guest();
    again.say("* say your name first\n");
    await again.hears("alice\n");
  });

  terminalTest("it is not sent after a line, nor when somebody asks later", async () => {
    const host = await Host.open();
    for (const client of ["--name alice", "--name alice --reconnect"]) {
      const terminal = await openTerminal(host.port, { client });
      const guest = await host.guest();
      await terminal.enter("one");
      await guest.hears("alice: one\n");
      guest.say("* say your name first\n");
      await terminal.shows(/say your name first|here: alice/);
      await terminal.enter("two");
      await guest.hears("alice: one\nalice: two\n");
      const late = await openTerminal(host.port, { client });
      const other = await host.guest();
      other.say("bob: hi\n* say your name first\n");
      await late.shows("say your name first");
      await late.press("x", "Enter");
      await other.hears("alice: x\n");
    }
  });
});

/** A way to a server that can be broken and opened again: while it is broken, nobody gets through. */
async function openWay(to: number) {
  const sockets = new Set<Socket>();
  const entrance = createServer((here) => {
    const there = connect(to, "127.0.0.1");
    for (const one of [here, there]) {
      sockets.add(one.on("error", () => {}));
      one.on("close", () => [here, there].forEach((socket) => socket.destroy()));
    }
    here.pipe(there).pipe(here);
  }).unref();
  const listen = (port: number) =>
    new Promise<void>((resolve) => entrance.listen(port, "127.0.0.1", resolve));
  await listen(0);
  const address = entrance.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const breakIt = () => {
    entrance.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port, break: breakIt, open: () => listen(port) };
}

terminalTest("cut off, a client is back under its name, and sees what it missed", async () => {
  const server = await ServerProgram.start("--names", "--announce", "--history", "100");
  const way = await openWay(server.port);
  const bob = await Peer.connect(server.port, { says: "bob: before\n" });
  await server.logged(" joined bob ");
  const size = { columns: 70, rows: 30 };
  const client = "--reconnect --name alice";
  const alice = await openTerminal(way.port, { client, ...size });
  await bob.hears("* alice joined (2 here)\n");
  await alice.enter("hello");
  await bob.hears("alice: hello\n");
  bob.say("hi\n");
  await alice.shows("bob: hi");

  way.break();
  await bob.hears("* alice left ");
  await alice.shows("closed the connection");
  bob.say("missed\n");
  await alice.enter("typed meanwhile");
  await alice.shows("1 line waiting to be sent");
  await way.open();
  await bob.hears("alice: typed meanwhile\n");
  bob.say("now\n");
  await alice.shows("bob: now");

  const mark = "* end of history";
  const isLine = (row: string) => /^(alice|bob): /.test(row) || row === mark;
  const rows = (await alice.screen()).filter(isLine);
  // Where its own line stands depends on when it was in the room again.
  const own = rows.splice(rows.indexOf("alice: typed meanwhile"), 1);
  expect(own).toEqual(["alice: typed meanwhile"]);
  expect(rows).toEqual([
    ...["bob: before", mark, "alice: hello", "bob: hi"],
    ...["bob: missed", mark, "bob: now"],
  ]);
  expect(bob.text.match(/^alice: .*/gm)).toEqual(["alice: hello", "alice: typed meanwhile"]);
});
