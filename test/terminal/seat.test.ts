/** The terminal as a seat that a person keeps open all day. */

import { afterEach, describe, expect } from "bun:test";
import { readdirSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";

import {
  clientCommand,
  endAfterEach,
  newFolder,
  Peer,
  Program,
  ServerProgram,
} from "../harness.ts";
import { Host } from "../harness/host.ts";
import { openRoom, openServer, openTerminal, REPORT } from "./terminal-room.ts";
import { endTerminals, terminalTest, Tmux } from "./tmux.ts";

endAfterEach();
afterEach(endTerminals);

const count = (text: string, part: string) => text.split(part).length - 1;

terminalTest("Backspace takes one character, as it is seen", async () => {
  const { bob, terminal } = await openRoom();
  await terminal.type("a👩‍👩‍👧");
  await terminal.type("🇩🇪e\u0301\u0302\u1112\u1161\u11ab");
  await terminal.press("BSpace", "BSpace", "BSpace", "Left", "BSpace", "Enter");
  await bob.hears(Buffer.from("👩‍👩‍👧\n").toString("latin1"));
});

terminalTest("Ctrl-Z where nothing could wake it changes nothing", async () => {
  const server = await ServerProgram.start();
  const bob = await server.join();
  const client = `exec "${process.execPath}" client.ts --quiet --name '' 127.0.0.1 ${server.port}`;
  const terminal = await Tmux.start({ command: client });
  await terminal.shows(/^>$/m);
  await terminal.type("half typed");
  await terminal.shows("> half typed");
  const output = await terminal.output();
  await terminal.press("C-z");
  await terminal.outputs(output, "\x1b[?2004l", "\x1b[?2004h", "half typed");
  // In raw mode these are keys, otherwise text.
  await terminal.press("C-a");
  await terminal.type("no longer ");
  await terminal.becomes("> no longer half typed");
  await terminal.press("Enter");
  await bob.hears("no longer half typed\n");
  await terminal.becomes("> no longer half typed", ">");
});

describe("the name", () => {
  const withoutName = (port: number, options: string, environment: string) =>
    Tmux.start({
      command: `${environment} "${process.execPath}" client.ts --quiet ${options} 127.0.0.1 ${port}`,
    });

  terminalTest("is the login name in a terminal, as far as it can be a name", async () => {
    const server = await ServerProgram.start();
    const bob = await server.join();
    const terminal = await withoutName(server.port, "", "env USER='Ann: of Green Gables'");
    await terminal.shows(/^AnnofGreenGables:$/m);
    await terminal.type("hi");
    await terminal.press("Enter");
    await bob.hears("AnnofGreenGables: hi\n");
    const dumb = await withoutName(server.port, "", "env USER=carol TERM=dumb");
    await server.members(3);
    await dumb.type("hi");
    await dumb.press("Enter");
    await bob.hears("carol: hi\n");
    const known = await withoutName(server.port, "", "env -u USER -u LOGNAME");
    await known.shows(/^root:$|^\w+:$/m);
  });

  terminalTest("may be none, and is none in a pipe", async () => {
    const server = await ServerProgram.start();
    const bob = await server.join();
    const terminal = await withoutName(server.port, "--name ''", "env USER=ann");
    await terminal.shows(/^>$/m);
    await terminal.type("no name");
    await terminal.press("Enter");
    await bob.hears("no name\n");
    await withoutName(server.port, "", "echo from a pipe | env USER=ann");
    await bob.hears("from a pipe\n");
    expect(bob.text).toBe("no name\nfrom a pipe\n");
  });
});

describe("where names are to be said", () => {
  terminalTest("the name is said at once, so that whoever is silent is known as well", async () => {
    const server = await ServerProgram.start("--names");
    const terminal = await openTerminal(server.port, { client: "--name alice", columns: 60 });
    await server.logged("joined alice");
    await terminal.shows(/\* say your name first\n.* alice\nalice:$/);
    const bob = await Peer.connect(server.port, { says: "bob: hi alice\n" });
    await terminal.shows(/^bob: hi alice$/m);
    await terminal.type("hi");
    await terminal.press("Enter");
    await bob.hears("* say your name first (here: alice)\nalice: hi\n");
    await openTerminal(server.port, { client: "--name dora", environment: "TERM=dumb" });
    await server.logged("joined dora");
  });

  terminalTest("over each connection, after that line and before any other", async () => {
    const host = await Host.open();
    await openTerminal(host.port, { client: "--name alice --reconnect" });
    const guest = await host.guest();
    guest.say("* say your name first (here:");
    guest.say(" bob and 3 more)\nbob: hi\n");
    await guest.hears("alice\n");
    guest.reset();
    const again = await host.guest();
    again.say("* say your name first\n");
    await again.hears("alice\n");
  });

  terminalTest("not after a line, which has it, nor when somebody says so later", async () => {
    const host = await Host.open();
    for (const client of ["--name alice", "--name alice --reconnect"]) {
      const terminal = await openTerminal(host.port, { client });
      const guest = await host.guest();
      await terminal.type("one");
      await terminal.press("Enter");
      await guest.hears("alice: one\n");
      guest.say("* say your name first\n");
      await terminal.shows("say your name first");
      await terminal.type("two");
      await terminal.press("Enter");
      await guest.hears("alice: one\nalice: two\n");
      const late = await openTerminal(host.port, { client });
      const other = await host.guest();
      other.say("bob: hi\n* say your name first\n");
      await late.shows("say your name first");
      await late.press("x", "Enter");
      await other.hears("alice: x\n");
    }
  });

  terminalTest("nor by a pipe, which says its stdin and nothing else", async () => {
    const host = await Host.open();
    const client = new Program(clientCommand("--name", "app", "127.0.0.1", `${host.port}`));
    const guest = await host.guest();
    guest.say("* say your name first\n");
    await client.printed("say your name first\n");
    client.say("one\n");
    client.endInput();
    guest.endInput();
    expect(await guest.hearsAll()).toBe("app: one\n");
  });
});

terminalTest("--time and /time show when lines arrive", async () => {
  const { bob, terminal } = await openRoom({ client: "--name alice --time", columns: 80 });
  bob.say("bob: one\nbob: two\n");
  await terminal.shows(/^\d\d:\d\d bob: one\n\d\d:\d\d bob: two\nalice:$/m);
  expect(await terminal.hasStyle(" one", 2)).toBe(false);
  await terminal.type("three");
  await terminal.press("Enter");
  await terminal.shows(/^\d\d:\d\d alice: three\nalice:$/m);
  await terminal.type("/time");
  await terminal.press("Enter");
  await terminal.shows("times are no longer shown");
  bob.say("bob: four\n");
  await terminal.shows(/^bob: four\nalice:$/m);
  await bob.hears("alice: three\n");
  expect(bob.text).toBe("alice: three\n");
});

describe("a mention", () => {
  const bells = async (client: string) => {
    const { bob, terminal } = await openRoom({ client });
    const output = await terminal.output();
    bob.say("bob: malice\n");
    await terminal.shows("malice");
    bob.say("bob: hi Alice\n");
    await terminal.shows("hi Alice");
    const styles = [await terminal.hasStyle("malice", 1), await terminal.hasStyle("hi Alice", 1)];
    await terminal.type("alice");
    await terminal.press("Enter");
    await bob.hears("alice\n");
    await terminal.outputs(output, "hi Alice");
    return { styles, rung: count(await output(), "\x07") };
  };

  terminalTest("rings the bell and stands out", async () => {
    expect(await bells("--name alice")).toEqual({ styles: [false, true], rung: 1 });
    expect(await bells("--name alice --bell none")).toEqual({ styles: [false, true], rung: 0 });
    expect(await bells("")).toEqual({ styles: [false, false], rung: 0 });
  });
});

describe("what was not sent", () => {
  const openAway = async (columns = 60, rows = 14) => {
    const { server, terminal } = await openRoom({ client: "--name al --reconnect", columns, rows });
    server.kill("SIGTERM");
    await terminal.shows(/^connecting|^trying again/m);
    return { server, terminal };
  };

  terminalTest("waits below, the last of it if it is much, and is counted at the end", async () => {
    const { terminal } = await openAway();
    for (const line of ["one", "two", "three", "four", "five"]) {
      await terminal.type(line);
      await terminal.press("Enter");
    }
    await terminal.type("half ty");
    await terminal.shows(
      /^5 lines waiting to be sent\nal: three\nal: four\nal: five\n(trying|connecting).*\nal: half ty$/m,
    );
    expect(await terminal.hasStyle("five", 2)).toBe(true);
    expect((await terminal.screen()).join()).not.toContain("one");
    await terminal.press("C-c");
    const unsent = ["three", "four", "five", "half ty"].map((line) => `al: ${line} (not sent)`);
    await terminal.shows([...unsent, "5 lines were not sent", "exit 130 icanon"].join("\n"));
    expect(await terminal.hasStyle("half ty (not sent)", 2)).toBe(true);
  });

  terminalTest("is still waited for after Ctrl-D, and comes to the room", async () => {
    const { server, terminal } = await openAway();
    await terminal.type("late");
    await terminal.press("Enter", "C-d");
    await terminal.shows(/^1 line waiting to be sent; Ctrl-C to quit without sending\nal: late\n/m);
    const again = await ServerProgram.run([
      ...[process.execPath, "server.ts", "--host", "127.0.0.1"],
      `${server.port}`,
    ]);
    const bob = await again.join();
    await bob.hears("al: late\n");
    await terminal.shows(/^al: late$/m);
    await terminal.shows("exit 0 icanon");
    expect((await terminal.screen()).join()).not.toContain("not sent");
  });

  terminalTest("is not taken without end: the bell rings instead", async () => {
    const { terminal } = await openAway(80);
    await terminal.paste(`${"a line of text\n".repeat(1_200_000)}`);
    await terminal.shows("send 1200000 lines? [y/N]");
    await terminal.press("y", "Enter");
    await terminal.shows("1200000 lines waiting to be sent; no more is taken until then");
    const output = await terminal.output();
    await terminal.type("x");
    await terminal.outputs(output, "\x07");
    await terminal.press("C-c");
    await terminal.shows("1200000 lines were not sent\nexit 130 icanon");
    expect((await terminal.screen()).join("\n")).not.toContain("al: x");
  });

  terminalTest("also when the server goes for good", async () => {
    const server = await ServerProgram.start();
    const deaf = await openTerminal(server.port, { columns: 60 });
    await deaf.type("half");
    await deaf.shows("> half");
    server.kill("SIGKILL");
    await deaf.shows(/^> half \(not sent\)$/m);
  });
});

describe("commands", () => {
  terminalTest(
    "act here and are not sent; what might be one asks; two slashes send one",
    async () => {
      const { bob, terminal } = await openRoom({ columns: 80, rows: 24 });
      await terminal.type("/shrug");
      await terminal.press("Enter");
      const question = "unknown command /shrug; send it as a message? [y/N]";
      await terminal.becomes(question);
      bob.say("said meanwhile\n");
      await terminal.becomes("said meanwhile", question);
      await terminal.press("n", "Enter");
      await terminal.becomes("said meanwhile", "> /shrug");
      await terminal.press("Enter", "y", "Enter");
      await terminal.becomes("said meanwhile", "> /shrug", ">");
      await terminal.type("//quit");
      await terminal.press("Enter");
      await bob.hears("/quit\n");
      expect(bob.text).toBe("/shrug\n/quit\n");
      await terminal.press("C-l");
      await terminal.type("/help");
      await terminal.press("Enter");
      await terminal.shows(/^\/quit +quit once[^]*\n>$/m);
      await terminal.type("/quit");
      await terminal.press("Enter");
      await terminal.shows("exit 0 icanon");
      await bob.until("the end", () => bob.text === "/shrug\n/quit\n");
    },
  );
});

describe("a paste", () => {
  const lines = (count: number) => Array.from({ length: count }, (_, index) => `line ${index}`);

  terminalTest("of more than five lines asks once before it is sent", async () => {
    const { bob, terminal } = await openRoom();
    await terminal.paste(`${lines(5).join("\n")}\n`);
    await bob.hears("line 4\n");
    await terminal.type("typed ");
    await terminal.paste(`${lines(37).join("\n")}\nrest`);
    await terminal.shows(/^send 37 lines\? \[y\/N\]$/m);
    await terminal.press("n", "Enter");
    await terminal.shows(/^> typed$/m);
    await terminal.paste(`${lines(37).join("\n")}\nrest`);
    await terminal.shows(/^send 37 lines\? \[y\/N\]$/m);
    await terminal.press("y", "Enter");
    await terminal.shows(/^> line 36\n> rest$/m);
    await bob.hears("line 36\n");
    const said = `typed ${lines(37).join("\n")}\n`;
    expect(bob.text).toBe(`${lines(5).join("\n")}\n${said}`);
  });

  terminalTest("controls nothing, whatever it holds", async () => {
    const { bob, terminal } = await openRoom();
    await terminal.paste("a\x1b[201~\n/quit\n\x03\x04\x1ab\n\x1b[2Jc\n");
    await terminal.becomes("> a^[[201~", "> /quit", "> ^C^D^Zb", "> ^[[2Jc", ">");
    await bob.hears("a^[[201~\n/quit\n^C^D^Zb\n^[[2Jc\n");
  });

  terminalTest("of 8 MB takes a moment, and lines come through meanwhile", async () => {
    const { bob, terminal } = await openRoom();
    const all = `${"a line of some sixty characters, as there are many of them, 漢".repeat(2)}\n`;
    const pasted = all.repeat(Math.ceil((8 << 20) / Buffer.byteLength(all)));
    const startMs = performance.now();
    await terminal.paste(pasted);
    await terminal.shows(/^send \d+ lines\? \[y\/N\]$/m);
    bob.say("said meanwhile\n");
    await terminal.shows("said meanwhile");
    await terminal.press("y", "Enter");
    await bob.until("all of it", () => bob.heardBytes >= Buffer.byteLength(pasted), 20_000);
    await terminal.shows(/^>$/m);
    expect(performance.now() - startMs).toBeLessThan(10_000);
    expect(bob.heard.equals(Buffer.from(pasted))).toBe(true);
  });

  terminalTest(
    "is asked for, and no longer after the end, in whatever way that comes",
    async () => {
      const modes = async (leave: (terminal: Tmux, pid: number) => Promise<void> | void) => {
        const server = await ServerProgram.start();
        const client = `exec "${process.execPath}" client.ts --quiet --name "" 127.0.0.1 ${server.port}`;
        const terminal = await Tmux.start({
          command: `read _; sh -c 'echo pid $$; ${client}'; ${REPORT}`,
        });
        const output = await terminal.output();
        await terminal.press("Enter");
        await terminal.shows(/^>$/m);
        const [, pid] = /pid (\d+)/.exec((await terminal.screen()).join("\n")) ?? [];
        await leave(terminal, Number(pid));
        await terminal.shows(/exit \d+ icanon/);
        return (await output()).match(/\x1b\[\?2004[hl]/g)?.join("");
      };
      const once = "\x1b[?2004h\x1b[?2004l";
      expect(await modes((terminal) => terminal.press("C-c"))).toBe(once);
      expect(await modes((terminal) => terminal.press("C-d"))).toBe(once);
      expect(await modes((_, pid) => void process.kill(pid, "SIGTERM"))).toBe(once);
    },
  );
});

/** A terminal by itself, with code that may use it as `terminal`. */
async function openAlone(code: string): Promise<Tmux> {
  const script = join(newFolder(), "alone.ts");
  await Bun.write(
    script,
    `import { Terminal } from "${join(import.meta.dir, "../../lib/terminal/terminal.ts")}";
    const terminal = new Terminal({ name: "", showsTime: false, bell: "none" });
    ${code}`,
  );
  const terminal = await Tmux.start({ command: `"${process.execPath}" "${script}"; ${REPORT}` });
  await terminal.shows(/^>$/m);
  return terminal;
}

terminalTest("a long silence is marked, dim, before the line that follows", async () => {
  const terminal = await openAlone(`const { Date } = globalThis;
    const later = Date.parse("2026-11-26T23:50:00");
    globalThis.Date = class extends Date { constructor() { super(later); } };
    terminal.show(Buffer.from("bob: hi\\n"));`);
  await terminal.becomes("— Thursday, 26 November 2026 —", "bob: hi", ">");
  expect(await terminal.hasStyle("November", 2)).toBe(true);
});

terminalTest("a crash leaves the terminal as it was", async () => {
  const terminal = await openAlone(
    `process.stdin.on("data", () => { throw new Error("a bug"); });`,
  );
  const output = await terminal.output();
  await terminal.type("x");
  await terminal.shows(/exit 1 icanon/);
  expect(await output()).toContain("\x1b[?2004l");
});

describe("Tab", () => {
  terminalTest("completes names seen lately", async () => {
    const { bob, terminal } = await openRoom({ client: "--quiet --name alice" });
    bob.say("bobby: hi\nbob: hi\ncarol: hi\n");
    await terminal.becomes("bobby: hi", "bob: hi", "carol: hi", "alice:");
    await terminal.type("c");
    await terminal.press("Tab");
    await terminal.shows(/^alice: carol:$/m);
    await terminal.type("hi b");
    await terminal.press("Tab");
    await terminal.shows(/^alice: carol: hi bob$/m);
    await terminal.press("Tab");
    await terminal.shows(/^alice: carol: hi bobby$/m);
    await terminal.type("!");
    await terminal.press("Enter");
    await bob.hears("alice: carol: hi bobby !\n");
  });
});

terminalTest("lines entered are remembered, but in no file", async () => {
  const folder = newFolder();
  const environment = `HOME="${folder}" XDG_STATE_HOME="${folder}/state"`;
  const { bob, terminal } = await openRoom({ environment });
  await terminal.type("one");
  await terminal.press("Enter", "Up", "Enter", "C-d");
  await terminal.shows("exit 0 icanon");
  expect(bob.text).toBe("one\none\n");
  const files = readdirSync(folder).filter((name) => name !== ".bun"); // That is Bun's own.
  expect(files).toEqual([]);
});

describe("the smallest of windows", () => {
  terminalTest("6 columns and 3 rows show what is typed, and no stray row", async () => {
    const { bob, terminal } = await openRoom({ columns: 6, rows: 3 });
    await terminal.type("0123456789abcdefghij");
    await terminal.shows("abcdef\nghij");
    bob.say("one\n");
    await terminal.shows("one");
    bob.say("two words\n");
    await terminal.press("C-a");
    await terminal.shows(/> 0123/);
    await terminal.press("C-e", "Enter");
    await bob.hears("0123456789abcdefghij\n");
    await terminal.historyBecomes("one", "two words", "> 0123456789abcdefghij", ">");
  });

  terminalTest("also while away", async () => {
    const { server, terminal } = await openRoom({ client: "--reconnect", columns: 6, rows: 3 });
    server.kill("SIGTERM");
    await terminal.shows(/^trying\n>$/m);
    await terminal.type("ab");
    await terminal.press("Enter");
    await terminal.type("cd");
    await terminal.shows(/^trying\n> cd$/m);
    await terminal.press("C-c");
    await terminal.shows("ica\nnon");
    const history = (await terminal.history()).join("\n");
    expect(history).toEndWith(
      "\n> ab (not sent)\n> cd (not sent)\n1 line was not sent\nexit 130 icanon",
    );
    expect(history).not.toMatch(/^trying|waiting/m);
  });
});

terminalTest("a window that is resized while lines arrive has no stray row", async () => {
  const { bob, terminal } = await openRoom({ columns: 40, rows: 12 });
  await terminal.type("half typed");
  await terminal.shows("> half typed");
  let said = 0;
  const talk = setInterval(() => bob.say(`line ${said++}\n`), 2);
  for (let turn = 0; turn < 12; turn++)
    await terminal.resize(20 + ((turn * 17) % 45), 6 + ((turn * 5) % 11));
  clearInterval(talk);
  await terminal.shows(`line ${said - 1}`);
  const lines = Array.from({ length: said }, (_, index) => `line ${index}`);
  await terminal.historyBecomes(...lines, "> half typed");
});

terminalTest(
  "nor when what is typed has more than a row, and tmux tells late of a size",
  async () => {
    const { bob, terminal } = await openRoom({ columns: 40, rows: 12 });
    const said = Array.from({ length: 12 }, (_, index) => `line ${index}`);
    bob.say(`${said.join("\n")}\n`);
    const typed = "0123456789 0123456789 0123456789 0123456789";
    await terminal.type(typed);
    // A line that tmux gets in between, at a size that is no longer true, is beyond this program.
    const rowsAt = (columns: number) =>
      `> ${typed}`.match(new RegExp(`.{1,${columns}}`, "g")) ?? [];
    await terminal.historyBecomes(...said, ...rowsAt(40));
    for (const [first, second] of [
      [20, 33],
      [50, 25],
      [30, 60],
    ] as const) {
      await terminal.resize(first, 12);
      await terminal.resize(second, 12);
      said.push(`at ${second} columns`);
      bob.say(`${said.at(-1)}\n`);
      await terminal.historyBecomes(...said, ...rowsAt(second));
    }
  },
);

terminalTest("a part of a line that is passed on leaves the prompt a row of its own", async () => {
  const { promise: joined, resolve } = Promise.withResolvers<Socket>();
  const terminal = await openTerminal(await openServer(resolve), { columns: 60 });
  const server = await joined;
  await terminal.type("typing");
  server.write("x".repeat((1 << 20) + 100));
  await terminal.shows(/x\n> typing$/);
  server.write("the rest\n");
  await terminal.shows(/^x*the rest\n> typing$/m);
  expect((await terminal.history()).join("\n")).not.toContain("x>");
});
