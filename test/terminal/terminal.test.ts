/** The client in a terminal, as a user has it: entering, receiving, pausing, leaving. */

import { afterEach, describe, expect } from "bun:test";
import { readdirSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { endAfterEach, newFolder, Peer, ServerProgram } from "../harness.ts";
import { Host } from "../harness/host.ts";
import { openRoom, openServer, openTerminal, REPORT } from "./terminal-room.ts";
import { endTerminals, terminalTest, Tmux } from "./tmux.ts";

endAfterEach();
afterEach(endTerminals);

terminalTest("the keys of an editor work, and a clear screen", async () => {
  const { bob, terminal } = await openRoom();
  await terminal.enter("first line", "second line");
  await terminal.press("Up", "Up", "C-w");
  await terminal.type("word");
  await terminal.press("C-a");
  await terminal.type("my ");
  await terminal.press("M-b", "C-e");
  await terminal.enter("!");
  await bob.hears("first line\nsecond line\nmy first word!\n");
  await terminal.type("kept lost");
  await terminal.press("M-b", "C-k");
  await terminal.shows(/^> kept$/m);
  await terminal.press("C-l");
  await terminal.becomes("> kept");
});

terminalTest("nobody else controls this terminal", async () => {
  const { bob, terminal } = await openRoom();
  const title = await terminal.title();
  await terminal.type("typing");
  bob.say("\x1b[2J\x1b[Hgone\n\x1b]0;mine\x07 title\nyes\rno\nabc\b\b\bxyz\n");
  bob.say(Buffer.from("\x9b2J \xc2\x9b2J\n\xe2\x80\xaedesrever\n\x1b[6n\x1b[?1049h\n", "latin1"));
  bob.say("telnet\r\n");
  await terminal.becomes(
    ...["^[[2J^[[Hgone", "^[]0;mine^G title", "yes^Mno", "abc^H^H^Hxyz"],
    ...["<9B>2J ^[[2J", "<U+202E>desrever", "^[[6n^[[?1049h", "telnet", "> typing"],
  );
  expect(await terminal.title()).toBe(title);
});

terminalTest("names have colours of their own, server messages are dim", async () => {
  const { bob, terminal } = await openRoom({ client: "--quiet --name alice" });
  const lines = ["bob: hi", "carol: hi", "bob: hi: again", "* room notice", "no name here: really"];
  bob.say(`${lines.join("\n")}\n`);
  await terminal.becomes(...lines, "alice:");
  await terminal.enter("hello");
  await terminal.becomes(...lines, "alice: hello", "alice:");
  await bob.hears("alice: hello\n");
  const screen = await terminal.colouredScreen();
  const [bobs, carols, again, notice] = screen.map(
    (line) => /^\x1b\[(9?3?\d)m/.exec(line.replace("\x1b[0m", ""))?.[1],
  );
  expect(bobs).toMatch(/^[39][1-6]$/);
  expect([again === bobs, carols === bobs, notice]).toEqual([true, false, "2"]);
  expect(screen[5]).toContain("malice:");
});

terminalTest("NO_COLOR takes the colours away", async () => {
  const { bob, terminal } = await openRoom({ client: "--name alice", environment: "NO_COLOR=1" });
  bob.say("bob: hi\n* notice\n\x1b[31m\n");
  await terminal.shows("^[[31m\nalice:");
  expect((await terminal.colouredScreen()).join("")).not.toContain("\x1b");
});

terminalTest("a dumb terminal gets plain lines, is safe as well, and has commands", async () => {
  const options = { client: "--name alice", environment: "TERM=dumb", columns: 80, rows: 24 };
  const { bob, server, terminal } = await openRoom(options);
  const output = await terminal.output();
  const at = `127.0.0.1:${server.port}`;
  const first = `connected to ${at}; you are alice; /quit to leave, /help for help`;
  await terminal.becomes(first);
  bob.say("bob: hi\x1b[2J\n");
  await terminal.shows("bob: hi^[[2J");
  await terminal.enter("plain");
  await bob.hears("alice: plain\n");
  await terminal.enter("/who");
  await terminal.shows("here, as far as is known: alice (you), bob");
  await terminal.enter("/nick al");
  await terminal.shows("unknown command /nick; send it as a message? [y/N]");
  await terminal.enter("y");
  await bob.hears("alice: plain\nalice: /nick al\n");
  await terminal.enter("/quit");
  await terminal.becomes(
    ...[first, "bob: hi^[[2J", "plain", "/who", "here, as far as is known: alice (you), bob"],
    ...["/nick al", "unknown command /nick; send it as a message? [y/N]", "y", "/quit"],
    "exit 0 icanon",
  );
  expect(await output()).not.toContain("\x1b");
});

terminalTest("Ctrl-C clears the line, and on an empty one leaves at once with 130", async () => {
  const { bob, terminal } = await openRoom();
  await terminal.type("half ty");
  await terminal.shows("half ty");
  await terminal.press("C-c");
  await terminal.becomes(">");
  await terminal.press("C-c");
  await terminal.becomes("exit 130 icanon");
  expect(bob.text).toBe("");
});

terminalTest("Ctrl-D half-closes, and the client leaves after the server", async () => {
  const { promise: halfClosed, resolve } = Promise.withResolvers<Socket>();
  const port = await openServer((socket) => socket.resume().on("end", () => resolve(socket)));
  const terminal = await openTerminal(port, { client: "", columns: 80 });
  await terminal.type("x");
  await terminal.press("Left", "C-d"); // deletes the x
  await terminal.shows(/^>$/m);
  await terminal.press("C-d");
  const socket = await halfClosed;
  const first = `connected to 127.0.0.1:${port}; /quit to leave, /help for help`;
  const waiting = "waiting for the server; Ctrl-C to quit now";
  await terminal.becomes(first, waiting);
  await terminal.press("C-d");
  socket.write("bob: last words\n");
  await terminal.becomes(first, "bob: last words", waiting);
  socket.end("no newline");
  await terminal.becomes(first, "bob: last words", "no newline", "exit 0 icanon");
});

terminalTest("a server that has stopped does not keep anybody who quits", async () => {
  const { server, terminal } = await openRoom({ columns: 60 });
  server.kill("SIGSTOP");
  await terminal.enter("sent", "/quit");
  await terminal.becomes("> sent", "waiting for the server; Ctrl-C to quit now");
  await terminal.press("C-c");
  await terminal.becomes("> sent", "exit 130 icanon");
});

terminalTest("when the server goes away the half-typed line stays, and the code is 1", async () => {
  const { server, terminal } = await openRoom({ client: "--quiet --no-reconnect", columns: 90 });
  await terminal.type("half ty");
  await terminal.shows("half ty");
  server.kill("SIGTERM");
  await terminal.shows(/^> half ty \(not sent\)\nlinechat-client: .* before .*\nexit 1 icanon$/);
});

terminalTest("when its window is closed it ends, silently", async () => {
  const server = await ServerProgram.start();
  const words = join(tmpdir(), `linechat-test-${process.pid}.stderr`);
  const client = `"${process.execPath}" client.ts --quiet --name "" 127.0.0.1 ${server.port}`;
  const terminal = await Tmux.start({ command: `${client} 2>"${words}"` });
  await terminal.shows(/^>$/m);
  await terminal.end();
  await server.printed(/left .*\(0 here\)/, "stderr");
  expect(await Bun.file(words).text()).toBe("");
  rmSync(words);
});

/** The client as a job of a shell. */
async function openInShell(port: number, options = ""): Promise<Tmux> {
  const command = "PS1='% ' exec bash --norc --noprofile -i";
  const terminal = await Tmux.start({ command, columns: 60 });
  await terminal.shows("%");
  const client = `client.ts --quiet --name "" ${options} 127.0.0.1 ${port}`;
  await terminal.enter(`clear; "${process.execPath}" ${client}`);
  await terminal.shows(/^>$/m);
  return terminal;
}

terminalTest("Ctrl-Z gives the terminal back, fg takes it again", async () => {
  const server = await ServerProgram.start();
  const bob = await server.join();
  const terminal = await openInShell(server.port);
  await terminal.type("half typed");
  await terminal.shows("> half typed");
  await terminal.press("C-z");
  await terminal.shows("Stopped");
  bob.say("said meanwhile\n");
  await terminal.enter("stty -a | grep -ow -e '-\\?icanon'; clear; fg");
  await terminal.shows(/said meanwhile\n> half typed$/);
  await terminal.press("C-a");
  await terminal.enter("no longer ");
  await bob.hears("no longer half typed\n");
});

terminalTest("Ctrl-Z while the last lines wait leaves what a shell has written", async () => {
  const server = await ServerProgram.start();
  const terminal = await openInShell(server.port, "--reconnect");
  await server.members(1);
  server.kill("SIGTERM");
  await server.exited;
  await terminal.enter("waits");
  await terminal.press("C-d");
  await terminal.shows("1 line waiting to be sent; Ctrl-C to quit without sending\n> waits");
  await terminal.press("C-z");
  await terminal.shows("Stopped");
  await terminal.enter("clear; echo 'by the shell'; fg");
  await terminal.shows(/^by the shell\n[^]*client\.ts[^]*^1 line waiting[^]*\n> waits$/m);
});

terminalTest("lines from a pipe, shown on a terminal: harmless there, and no prompt", async () => {
  const server = await ServerProgram.start();
  const bob = await server.join();
  const client = `"${process.execPath}" client.ts --name pipe 127.0.0.1 ${server.port}`;
  const terminal = await Tmux.start({ command: `(echo from a pipe; sleep 1000) | ${client}` });
  await bob.hears("pipe: from a pipe\n");
  bob.say("bob: \x1b[2J");
  bob.say("hi\n");
  await terminal.becomes(`connected to 127.0.0.1:${server.port}`, "bob: ^[[2Jhi");
});

terminalTest("lines from a keyboard, received by a pipe: bytes pass unchanged", async () => {
  const server = await ServerProgram.start();
  const bob = await server.join();
  const client = `"${process.execPath}" client.ts --quiet --name "" 127.0.0.1 ${server.port}`;
  const terminal = await Tmux.start({ command: `${client} 2>&- | od -An -c; exec sleep 1000` });
  await server.members(2);
  await terminal.enter("typed");
  await bob.hears("typed\n");
  bob.say("\x1b[2J\n");
  bob.endInput();
  server.kill("SIGTERM");
  await terminal.becomes("typed", " 033   [   2   J  \\n");
});

const count = (text: string, part: string) => text.split(part).length - 1;

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

terminalTest("--time and /time show when lines arrive", async () => {
  const { bob, terminal } = await openRoom({ client: "--name alice --time", columns: 80 });
  bob.say("bob: one\nbob: two\n");
  await terminal.shows(/^\d\d:\d\d bob: one\n\d\d:\d\d bob: two\nalice:$/m);
  expect(await terminal.hasStyle(" one", 2)).toBe(false);
  await terminal.enter("three");
  await terminal.shows(/^\d\d:\d\d alice: three\nalice:$/m);
  await terminal.enter("/time");
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
    await terminal.enter("alice");
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

terminalTest("history rings no bell and has no times", async () => {
  const host = await Host.open();
  const terminal = await openTerminal(host.port, { client: "--name alice --time", columns: 80 });
  const output = await terminal.output();
  const guest = await host.guest();
  guest.say("bob: hi alice\n* end of history\nbob: now\n");
  await terminal.shows(/^ {6}bob: hi alice\n {6}\* end of history\n\d\d:\d\d bob: now\nalice:$/m);
  expect(await terminal.hasStyle("hi alice", 1)).toBe(true);
  await terminal.outputs(output, "now");
  expect(count(await output(), "\x07")).toBe(0);
});

terminalTest("a hundred mentions ring the bell once", async () => {
  const { bob, terminal } = await openRoom({ client: "--name alice" });
  await terminal.shows("connected to");
  const output = await terminal.output();
  for (let turn = 0; turn < 10; turn++) {
    bob.say("bob: alice!\n".repeat(10));
    await terminal.type("x");
    await terminal.shows(new RegExp(`^alice: x{${turn + 1}}$`, "m"));
  }
  bob.say("bob: all\n");
  await terminal.shows("bob: all");
  await terminal.outputs(output, "all");
  expect(count(await output(), "\x07")).toBeWithin(1, 3);
});

describe("a connection that is lost", () => {
  terminalTest("is made again, and at once by Enter on an empty line", async () => {
    const host = await Host.open();
    const terminal = await openTerminal(host.port, { client: "--name al", columns: 70 });
    const at = `127.0.0.1:${host.port}`;
    const first = await host.guest();
    await terminal.shows("connected to ");
    host.close();
    first.reset();
    await terminal.shows(/^retrying in [3-9] s; Enter to try now\nal:$/m);
    const again = await Host.open(host.port);
    await terminal.press("Enter");
    const startMs = performance.now();
    const second = await again.guest();
    expect(performance.now() - startMs).toBeLessThan(1000);
    const all = [
      `connected to ${at}; /quit to leave, /help for help`,
      `lost the connection to ${at}: reset by the server`,
      `cannot connect to ${at}: connection refused`,
      `reconnected to ${at} after N s`,
      "al:",
    ];
    const pattern = RegExp.escape(all.join("\n")).replace("N", "\\d+");
    await terminal.shows(new RegExp(`^${pattern}$`));
    expect(second.text).toBe("");
  });

  terminalTest("ends the client with --no-reconnect", async () => {
    const host = await Host.open();
    const terminal = await openTerminal(host.port, { client: "--no-reconnect", columns: 90 });
    (await host.guest()).endInput();
    await terminal.shows(/closed the connection before everything was sent\nexit 1 icanon$/);
  });

  terminalTest("ends the client that has never joined", async () => {
    const server = await ServerProgram.start("--names");
    const ghost = await Peer.connect(server.port, { says: "al\n" });
    await server.logged("joined al");
    const client = `"${process.execPath}" client.ts --name al 127.0.0.1 ${server.port}; ${REPORT}`;
    const terminal = await Tmux.start({ command: client, columns: 90 });
    await terminal.becomes(
      "linechat-client: the server says: the name al is taken",
      "exit 1 icanon",
    );
    ghost.endInput();
  });

  terminalTest("does not keep anybody who quits", async () => {
    const host = await Host.open();
    const terminal = await openTerminal(host.port, { client: "--name al" });
    await terminal.shows("connected to");
    host.close();
    (await host.guest()).reset();
    await terminal.shows("retrying in");
    await terminal.enter("/quit");
    await terminal.shows(/connection refused\nexit 0 icanon$|by the server\nexit 0 icanon$/);
  });

  terminalTest("leaves lines unsent while the name is taken, which is told once", async () => {
    const host = await Host.open();
    const terminal = await openTerminal(host.port, { client: "--name al", columns: 70 });
    const first = await host.guest();
    await terminal.shows("connected to ");
    first.endInput();
    await terminal.shows("retrying in 1 s");
    await terminal.enter("is anybody here?");
    for (let tries = 0; tries < 3; tries++) {
      const guest = await host.guest();
      guest.say("* say your name first (here: al)\n");
      await guest.hears("al\n");
      guest.say("* the name al is taken\n");
      guest.endInput();
      expect(await guest.hearsAll()).toBe("al\n");
      await terminal.shows(/^retrying in \d/m);
      await terminal.press("Enter");
    }
    await terminal.press("C-c");
    const at = `127.0.0.1:${host.port}`;
    await terminal.becomes(
      ...[`connected to ${at}; /quit to leave, /help for help`, `${at} closed the connection`],
      ...["the server says: the name al is taken", "al: is anybody here? (not sent)"],
      ...["1 line not sent", "exit 130 icanon"],
    );
  });
});

describe("what was not sent", () => {
  const openAway = async (columns = 60, rows = 14) => {
    const { server, terminal } = await openRoom({ client: "--name al --reconnect", columns, rows });
    server.kill("SIGTERM");
    await terminal.shows(/^connecting|trying .*in/m);
    return { server, terminal };
  };

  terminalTest("waits below, the last of it if it is much, and is counted at the end", async () => {
    const { terminal } = await openAway();
    await terminal.enter("one", "two", "three", "four", "five");
    await terminal.type("half ty");
    await terminal.shows(
      /^5 lines waiting to be sent\nal: three\nal: four\nal: five\n.*(trying|connecting).*\nal: half ty$/m,
    );
    expect(await terminal.hasStyle("five", 2)).toBe(true);
    expect((await terminal.screen()).join()).not.toContain("one");
    await terminal.press("C-c", "C-c");
    const unsent = ["three", "four", "five"].map((line) => `al: ${line} (not sent)`);
    await terminal.shows([...unsent, "5 lines not sent", "exit 130 icanon"].join("\n"));
    expect(await terminal.hasStyle("five (not sent)", 2)).toBe(true);
  });

  terminalTest("is still waited for after Ctrl-D, and comes to the room", async () => {
    const { server, terminal } = await openAway();
    await terminal.enter("late");
    await terminal.press("C-d");
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
});

terminalTest("commands act here, and what might be one; // sends one", async () => {
  const { bob, terminal } = await openRoom({ columns: 80, rows: 24 });
  await terminal.enter("//quit");
  await bob.hears("/quit\n");
  await terminal.enter("/shrug");
  await terminal.shows("unknown command /shrug; send it as a message? [y/N]");
  await terminal.press("n", "Enter");
  await terminal.shows("> /shrug");
  await terminal.press("C-u", "C-l");
  await terminal.becomes(">");
  await terminal.enter("/help");
  await terminal.shows(/^\/quit, \/q +quit once[^]*\n>$/m);
  await terminal.enter("/quit bye");
  await terminal.shows("exit 0 icanon");
  await bob.until("the end", () => bob.text === "/quit\n");
});

describe("a paste", () => {
  terminalTest("controls nothing, whatever it holds", async () => {
    const { bob, terminal } = await openRoom();
    await terminal.paste("a\x1b[201~\n/quit\n\x03\x04\x1ab\n\x1b[2Jc\n");
    await terminal.becomes("> a^[[201~", "/quit", "^C^D^Zb", "^[[2Jc");
    await terminal.press("Enter");
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

  const end = "is asked for, and no longer after the end, in whatever way that comes";
  terminalTest(end, async () => {
    const modes = async (leave: (terminal: Tmux, pid: number) => Promise<void> | void) => {
      const server = await ServerProgram.start();
      const client = `client.ts --quiet --name "" 127.0.0.1 ${server.port}`;
      const run = `sh -c 'echo pid $$; exec "${process.execPath}" ${client}'`;
      const terminal = await Tmux.start({ command: `read _; ${run}; ${REPORT}` });
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
  });
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

terminalTest("a new day is marked, dim, before the line that follows", async () => {
  const terminal = await openAlone(`const { Date } = globalThis;
    const later = Date.parse("2026-11-26T23:50:00");
    globalThis.Date = class extends Date { constructor() { super(later); } };
    terminal.note("\\x1b[2J"); terminal.note("two");`);
  const first = "^[[2J; /quit to leave, /help for help";
  await terminal.becomes("— Thursday, 26 November 2026 —", first, "two", ">");
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

terminalTest("Tab completes names seen lately", async () => {
  const { bob, terminal } = await openRoom({ client: "--quiet --name alice" });
  bob.say("bobby: hi\nbob: hi\ncarol: hi\n");
  await terminal.becomes("bobby: hi", "bob: hi", "carol: hi", "alice:");
  // Several keys at once, with a TAB among them, would be a paste.
  for (const [typed, shown] of [
    ["c", "carol:"],
    ["hi b", "carol: hi bob"],
    ["", "carol: hi bobby"],
  ] as const) {
    await terminal.type(typed);
    await terminal.shows(new RegExp(`^alice: .*${typed} ?$`, "m"));
    await terminal.press("Tab");
    await terminal.shows(new RegExp(`^alice: ${shown}$`, "m"));
  }
  await terminal.enter("!");
  await bob.hears("alice: carol: hi bobby !\n");
});

terminalTest("lines entered are remembered, but in no file", async () => {
  const folder = newFolder();
  const environment = `HOME="${folder}" XDG_STATE_HOME="${folder}/state"`;
  const { bob, terminal } = await openRoom({ environment });
  await terminal.enter("one");
  await terminal.press("Up", "Enter", "C-d");
  await terminal.shows("exit 0 icanon");
  expect(bob.text).toBe("one\none\n");
  const files = readdirSync(folder).filter((name) => name !== ".bun"); // That is Bun's own.
  expect(files).toEqual([]);
});
