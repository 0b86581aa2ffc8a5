import { afterEach, expect } from "bun:test";
import { rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { endAfterEach, ServerProgram } from "../harness.ts";
import { openRoom, openServer, openTerminal, REPORT } from "./terminal-room.ts";
import { endTerminals, terminalTest, Tmux } from "./tmux.ts";

endAfterEach();
afterEach(endTerminals);

terminalTest("lines appear above what is being typed, and the cursor stays", async () => {
  const { bob, terminal } = await openRoom();
  await terminal.type("hello world");
  await terminal.press("Left", "Left", "Left");
  await terminal.cursorComesTo(10, 0);
  bob.say("one\n");
  await terminal.becomes("one", "> hello world");
  bob.say("two\nthree\n");
  await terminal.becomes("one", "two", "three", "> hello world");
  await terminal.cursorComesTo(10, 3);
  await terminal.type("X");
  await terminal.becomes("one", "two", "three", "> hello woXrld");
  await terminal.press("Enter");
  await terminal.becomes("one", "two", "three", "> hello woXrld", ">");
  await bob.hears("hello woXrld\n");
});

terminalTest("lines do not tear what is typed over several rows", async () => {
  const { bob, terminal } = await openRoom({ columns: 20 });
  await terminal.type("0123456789012345678901234567890123456789");
  bob.say("one\n");
  await terminal.becomes("one", "> 012345678901234567", "89012345678901234567", "89");
  await terminal.press("C-a");
  bob.say("two\n");
  await terminal.becomes("one", "two", "> 012345678901234567", "89012345678901234567", "89");
  await terminal.cursorComesTo(2, 2);
  await terminal.type("x");
  bob.say("a line that is longer than a row\n");
  await terminal.becomes(
    ...["one", "two", "a line that is longe", "r than a row"],
    ...["> x01234567890123456", "78901234567890123456", "789"],
  );
  await terminal.cursorComesTo(3, 4);
  await terminal.press("C-e", "Enter");
  await bob.hears("x0123456789012345678901234567890123456789\n");
  await terminal.historyBecomes(
    ...["one", "two", "a line that is longer than a row"],
    ...["> x0123456789012345678901234567890123456789", ">"],
  );
});

terminalTest("a row that is exactly full is no trouble", async () => {
  const { bob, terminal } = await openRoom({ columns: 20 });
  await terminal.type("012345678901234567");
  await terminal.cursorComesTo(0, 1);
  bob.say("one\n");
  await terminal.becomes("one", "> 012345678901234567");
  await terminal.cursorComesTo(0, 2);
  bob.say("01234567890123456789\ntwo\n");
  await terminal.becomes("one", "01234567890123456789", "two", "> 012345678901234567");
  await terminal.press("BSpace", "Enter");
  await terminal.becomes("one", "01234567890123456789", "two", "> 01234567890123456", ">");
  await bob.hears("01234567890123456\n");
});

terminalTest("wide characters and combining marks are where they belong", async () => {
  const { bob, terminal } = await openRoom({ columns: 20 });
  await terminal.type("漢字漢字漢字漢字漢");
  await terminal.cursorComesTo(0, 1);
  bob.say("一\n");
  await terminal.becomes("一", "> 漢字漢字漢字漢字漢");
  // A wide character that does not fit at the end of a row goes to the next.
  await terminal.press("C-a");
  await terminal.type("x");
  bob.say("二 😀\n");
  await terminal.becomes("一", "二 😀", "> x漢字漢字漢字漢字", "漢");
  await terminal.cursorComesTo(3, 2);
  await terminal.press("C-u", "C-k");
  await terminal.type("e\u0301a\u0308 😀😀 ab");
  bob.say("三\n");
  await terminal.becomes("一", "二 😀", "三", "> e\u0301a\u0308 😀😀 ab");
  await terminal.cursorComesTo(12, 3);
  await terminal.press("Left", "Left", "Left", "Left");
  bob.say("四\n");
  await terminal.cursorComesTo(7, 4);
  await terminal.type("字");
  await terminal.press("Enter");
  await bob.hears(Buffer.from("e\u0301a\u0308 😀字😀 ab\n").toString("latin1"));
});

terminalTest("typing goes on in a flood, which comes through whole and in order", async () => {
  const { bob, terminal } = await openRoom();
  let said = 0;
  const flood = setInterval(() => {
    bob.say(Array.from({ length: 20 }, () => `line ${said++}\n`).join(""));
  }, 10);
  await terminal.shows(/line \d{3}/);
  await terminal.type("typed meanwhile");
  await terminal.shows(/^> typed meanwhile$/m);
  const saidBefore = said;
  await terminal.press("Enter");
  await bob.hears("typed meanwhile\n");
  expect(said - saidBefore).toBeLessThan(2000);
  clearInterval(flood);
  // The own line may come after the last of the others.
  await terminal.shows(new RegExp(`line ${said - 1}\\n(> typed meanwhile\\n)?>$`));
  const history = await terminal.history();
  expect(history.filter((line) => line.startsWith("line"))).toEqual(
    Array.from({ length: said }, (_, index) => `line ${index}`),
  );
  expect(history.filter((line) => line.startsWith(">"))).toEqual(["> typed meanwhile", ">"]);
});

terminalTest("in a flood as fast as it is taken, a key shows in under 50 ms", async () => {
  const { bob, terminal } = await openRoom();
  const output = await terminal.output();
  const lines = "bob: \x1b[31m漢字 for al and all others\n".repeat(1000);
  void bob.flood(Buffer.from(lines));
  await terminal.shows("others");
  const delays: number[] = [];
  for (let typed = "x"; typed.length <= 20; typed += "x") {
    const startMs = performance.now();
    await terminal.type("x"); // What tmux takes to start counts as well.
    while (!(await output(100_000)).includes(typed)) await Bun.sleep(1);
    delays.push(performance.now() - startMs);
  }
  expect(delays.sort((a, b) => a - b)[10]).toBeLessThan(50);
});

terminalTest("a window may be resized, and what is typed stays in one piece", async () => {
  const { bob, terminal } = await openRoom({ columns: 30 });
  // tmux moves the uppermost rows out of sight, so there are some; and what counts is all there ever was.
  const said = Array.from({ length: 8 }, (_, index) => `line ${index}`);
  bob.say(`${said.join("\n")}\n`);
  const typed = "0123456789 0123456789 0123456789 ab";
  await terminal.type(typed);
  await terminal.historyBecomes(...said, "> 0123456789 0123456789 012345", "6789 ab");
  await terminal.resize(20, 12);
  await terminal.historyBecomes(...said, "> 0123456789 0123456", "789 0123456789 ab");
  bob.say("two\n");
  await terminal.historyBecomes(...said, "two", "> 0123456789 0123456", "789 0123456789 ab");
  await terminal.resize(60, 8);
  await terminal.historyBecomes(...said, "two", `> ${typed}`);
  await terminal.resize(10, 8);
  const rows = ["> 01234567", "89 0123456", "789 012345", "6789 ab"];
  await terminal.historyBecomes(...said, "two", ...rows);
  bob.say("three\n");
  await terminal.historyBecomes(...said, "two", "three", ...rows);
  await terminal.press("Enter");
  await bob.hears(`${typed}\n`);
  await terminal.historyBecomes(...said, "two", "three", `> ${typed}`, ">");
});

terminalTest("more than a screen can be typed", async () => {
  const { bob, terminal } = await openRoom({ columns: 20, rows: 5 });
  const long = Array.from({ length: 40 }, (_, index) => `word${index}`).join(" ");
  bob.say("one\n");
  await terminal.shows("one");
  await terminal.pasteAsKeys(long);
  await terminal.shows("word39");
  bob.say("two\n");
  await terminal.shows("two");
  await terminal.press("C-a");
  await terminal.shows("> word0");
  bob.say("three\n");
  await terminal.shows("three\n> word0");
  await terminal.press("Enter");
  await bob.hears(`${long}\n`);
  await terminal.historyBecomes("one", "two", "three", `> ${long}`, ">");
});

terminalTest(
  "the keys of an editor work: history, words, ends of the line, a clear screen",
  async () => {
    const { bob, terminal } = await openRoom();
    await terminal.type("first line");
    await terminal.press("Enter");
    await terminal.type("second line");
    await terminal.press("Enter");
    await terminal.press("Up", "Up");
    await terminal.shows(/^> first line$(?!\n> second)/m);
    await terminal.press("C-w");
    await terminal.type("word");
    await terminal.press("C-a");
    await terminal.type("my ");
    await terminal.press("C-e");
    await terminal.type("!");
    await terminal.press("M-b", "M-b");
    await terminal.type("very ");
    await terminal.press("Enter");
    await bob.hears("first line\nsecond line\nmy first very word!\n");
    await terminal.type("kept lost");
    await terminal.press("M-b", "C-k");
    await terminal.shows(/^> kept$/m);
    await terminal.press("C-l");
    await terminal.becomes("> kept");
    await terminal.press("C-u");
    bob.say("hello\n");
    await terminal.becomes("hello", ">");
  },
);

terminalTest("a paste of many lines is sent as it is, each line once", async () => {
  const { bob, terminal } = await openRoom({ columns: 60 });
  const pasted = Array.from(
    { length: 300 },
    (_, index) => `${index} tab\there, 漢字 ${"x".repeat(index % 90)}`,
  );
  await terminal.pasteAsKeys(`${pasted.join("\n")}\nthe rest`);
  await terminal.shows("send 300 lines? [y/N]");
  await terminal.type("y");
  await terminal.press("Enter");
  await terminal.shows("> the rest");
  await bob.hears(Buffer.from(`${pasted.at(-1)}\n`).toString("latin1"));
  expect(bob.heard.toString()).toBe(`${pasted.join("\n")}\n`);
  bob.say("hello\n");
  await terminal.shows(/hello\n> the rest$/);
  const shown = (await terminal.history()).filter((line) => line.startsWith("> "));
  expect(shown.map((line) => /^> (\d+) tab/.exec(line)?.[1])).toEqual([
    ...pasted.keys().map(String),
    undefined,
  ]);
});

terminalTest(
  "nothing in a paste is a command, also where the terminal does not mark it",
  async () => {
    const { bob, terminal } = await openRoom();
    await terminal.pasteAsKeys("/quit\n/etc/passwd\ny\nthe rest");
    await terminal.shows("> the rest");
    await bob.hears("/quit\n/etc/passwd\ny\n");
  },
);

terminalTest("nobody else controls this terminal", async () => {
  const { bob, terminal } = await openRoom();
  const title = await terminal.title();
  await terminal.type("typing");
  bob.say("\x1b[2J\x1b[Hgone\n\x1b]0;mine\x07 title\nyes\rno\nabc\b\b\bxyz\n");
  bob.say(Buffer.from("\x9b2J \xc2\x9b2J\n\xe2\x80\xaedesrever\n\x1b[6n\x1b[?1049h\n", "latin1"));
  bob.say("telnet\r\n");
  await terminal.becomes(
    ...["^[[2J^[[Hgone", "^[]0;mine^G title", "yes^Mno", "abc^H^H^Hxyz"],
    ...["<9B>2J <U+009B>2J", "<U+202E>desrever", "^[[6n^[[?1049h", "telnet", "> typing"],
  );
  expect(await terminal.title()).toBe(title);
});

terminalTest("names have colours of their own, server messages are dim", async () => {
  const { bob, terminal } = await openRoom({ client: "--quiet --name alice" });
  bob.say("bob: hi\ncarol: hi\nbob: hi: again\n* room notice\nno name here: really\n");
  await terminal.becomes(
    ...["bob: hi", "carol: hi", "bob: hi: again", "* room notice", "no name here: really"],
    "alice:",
  );
  await terminal.type("hello");
  await terminal.press("Enter");
  await terminal.becomes(
    ...["bob: hi", "carol: hi", "bob: hi: again", "* room notice", "no name here: really"],
    ...["alice: hello", "alice:"],
  );
  await bob.hears("alice: hello\n");
  const screen = await terminal.colouredScreen();
  const colourOf = (line: number) =>
    /^\x1b\[(9?3?\d)m/.exec(screen[line]?.replace("\x1b[0m", "") ?? "")?.[1];
  expect(colourOf(0)).toMatch(/^[39][1-6]$/);
  expect(colourOf(2)).toBe(colourOf(0) ?? "");
  expect(colourOf(1)).not.toBe(colourOf(0));
  expect(colourOf(3)).toBe("2");
  expect(screen[5]).toContain("malice:");
});

terminalTest("NO_COLOR takes the colours away", async () => {
  const { bob, terminal } = await openRoom({
    client: "--name alice",
    environment: "NO_COLOR=1",
  });
  bob.say("bob: hi\n* notice\n\x1b[31m\n");
  await terminal.shows("^[[31m\nalice:");
  expect((await terminal.colouredScreen()).join("")).not.toContain("\x1b");
});

terminalTest("a dumb terminal gets plain lines, and is safe as well", async () => {
  const { bob, terminal } = await openRoom({
    client: "--name alice",
    environment: "TERM=dumb",
  });
  bob.say("bob: hi\x1b[2J\n");
  await terminal.shows("bob: hi^[[2J");
  await terminal.type("plain");
  await terminal.press("Enter");
  await bob.hears("alice: plain\n");
  expect((await terminal.colouredScreen()).join("")).not.toContain("\x1b");
});

terminalTest("it says where it is connected, but not with --quiet", async () => {
  const { server, terminal } = await openRoom({ client: "", columns: 80 });
  await terminal.becomes(
    `connected to 127.0.0.1:${server.port}; /quit to leave, /help for help`,
    ">",
  );
  const quiet = await openTerminal(server.port);
  await quiet.becomes(">");
});

terminalTest("Ctrl-C leaves at once with 130, the half-typed line on the screen", async () => {
  const { bob, terminal } = await openRoom();
  await terminal.type("half ty");
  await terminal.shows("half ty");
  await terminal.press("C-c");
  await terminal.becomes("> half ty (not sent)", "exit 130 icanon");
  expect(bob.text).toBe("");
});

terminalTest(
  "Ctrl-D on an empty line half-closes, and leaves once the server has closed",
  async () => {
    const { promise: halfClosed, resolve } = Promise.withResolvers<Socket>();
    const port = await openServer((socket) => socket.resume().on("end", () => resolve(socket)));
    const terminal = await openTerminal(port, { client: "", columns: 80 });
    await terminal.type("x");
    await terminal.press("Left", "C-d"); // deletes the x
    await terminal.shows(/^>$/m);
    await terminal.press("C-d");
    const socket = await halfClosed;
    socket.write("bob: last words\n");
    await terminal.becomes(
      `connected to 127.0.0.1:${port}; /quit to leave, /help for help`,
      "bob: last words",
    );
    socket.end("no newline");
    await terminal.shows("bob: last words\nno newline\nexit 0 icanon");
  },
);

terminalTest("when the server goes away the half-typed line stays, and the code is 1", async () => {
  const { server, terminal } = await openRoom({ client: "", columns: 90 });
  await terminal.type("half ty");
  await terminal.shows("half ty");
  server.kill("SIGTERM");
  const address = `127.0.0.1:${server.port}`;
  await terminal.becomes(
    ...[`connected to ${address}; /quit to leave, /help for help`, "> half ty (not sent)"],
    `linechat-client: ${address} has closed the connection before everything was said`,
    "exit 1 icanon",
  );
});

terminalTest(
  "when the connection breaks the half-typed line stays, and the code is 1",
  async () => {
    const { promise: joined, resolve } = Promise.withResolvers<Socket>();
    const port = await openServer(resolve);
    const terminal = await openTerminal(port, { columns: 80 });
    await terminal.type("half ty");
    await terminal.shows("half ty");
    (await joined).resetAndDestroy();
    await terminal.becomes(
      "> half ty (not sent)",
      `linechat-client: lost the connection to 127.0.0.1:${port}: reset by the server`,
      "exit 1 icanon",
    );
  },
);

terminalTest("a signal from elsewhere leaves the terminal as it was", async () => {
  const server = await ServerProgram.start();
  const terminal = await Tmux.start({
    command: `sh -c 'echo $$; exec "${process.execPath}" client.ts --quiet --name "" 127.0.0.1 ${server.port}'; ${REPORT}`,
  });
  await terminal.shows(/^\d+\n>/);
  process.kill(Number((await terminal.screen())[0]), "SIGTERM");
  await terminal.shows("exit 143 icanon");
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

terminalTest("Ctrl-Z gives the terminal back, fg takes it again", async () => {
  const server = await ServerProgram.start();
  const bob = await server.join();
  const terminal = await Tmux.start({
    command: "PS1='% ' exec bash --norc --noprofile -i",
    columns: 60,
  });
  await terminal.shows("%");
  await terminal.type(`"${process.execPath}" client.ts --quiet --name "" 127.0.0.1 ${server.port}`);
  await terminal.press("Enter");
  await terminal.shows(/^>$/m);
  await terminal.type("half typed");
  await terminal.shows("> half typed");
  await terminal.press("C-z");
  await terminal.shows("Stopped");
  bob.say("said meanwhile\n");
  await terminal.type("stty -a | grep -ow -e '-\\?icanon'; clear; fg");
  await terminal.press("Enter");
  await terminal.shows(/said meanwhile\n> half typed$/);
  await terminal.press("C-a");
  await terminal.type("no longer ");
  await terminal.shows(/^> no longer half typed$/m);
  await terminal.press("Enter");
  await bob.hears("no longer half typed\n");
});

terminalTest("Ctrl-Z while the last lines wait leaves what a shell has written", async () => {
  const server = await ServerProgram.start();
  const terminal = await Tmux.start({
    command: "PS1='% ' exec bash --norc --noprofile -i",
    columns: 60,
  });
  await terminal.shows("%");
  const client = `client.ts --quiet --reconnect --name "" 127.0.0.1 ${server.port}`;
  await terminal.type(`clear; "${process.execPath}" ${client}`);
  await terminal.press("Enter");
  await server.members(1);
  await terminal.shows(/^>$/m);
  server.kill("SIGTERM");
  await server.exited;
  await terminal.type("waits");
  await terminal.press("Enter", "C-d");
  await terminal.shows("1 line waiting to be sent; Ctrl-C to quit without sending\n> waits");
  await terminal.press("C-z");
  await terminal.shows("Stopped");
  await terminal.type("clear; echo 'by the shell'; fg");
  await terminal.press("Enter");
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
  await terminal.type("typed");
  await terminal.press("Enter");
  await bob.hears("typed\n");
  bob.say("\x1b[2J\n");
  bob.endInput();
  server.kill("SIGTERM");
  await terminal.becomes("typed", " 033   [   2   J  \\n");
});
