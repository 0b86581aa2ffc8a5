/** The client in a terminal as it is painted: rows, cursor, sizes. */

import { expect, test } from "bun:test";

import { type Edited, wrap } from "../../lib/terminal/rows.ts";
import { edit } from "../../lib/terminal/typing.ts";
import { usageOf } from "../bench/usage.ts";
import { endAfterEach } from "../harness.ts";
import { Host } from "../harness/host.ts";
import { Random } from "../simulation/random.ts";
import { clientAt, inTerminal, openRoom, openServer, openTerminal } from "./room.ts";
import { Tmux } from "./tmux.ts";

endAfterEach();

test.each<[text: string, columns: number, rows: string[], widths: number[]]>([
  ["", 5, [""], [0]],
  ["abcde", 5, ["abcde"], [5]],
  ["abcdef", 5, ["abcde", "f"], [5, 1]],
  ["   ab cd", 4, ["   a", "b cd"], [4, 4]],
  ["漢字漢", 5, ["漢字", "漢"], [4, 2]],
  ["e\u0301\u0302bc", 2, ["e\u0301\u0302b", "c"], [2, 1]],
  ["x\u1112\u1161\u11aby", 3, ["x\u1112\u1161\u11ab", "y"], [3, 1]],
  ["a\tb", 20, ["a       b"], [9]],
  ["\x1b[31mab cdef\x1b[39mg", 4, ["\x1b[31mab c", "def\x1b[39mg"], [4, 4]],
  ["漢a", 1, ["漢", "a"], [1, 1]],
  // As much as a terminal needs that shows the parts of a cluster side by side.
  ["👩‍👩‍👧", 80, ["👩‍👩‍👧"], [6]],
  ["❤️", 80, ["❤️"], [2]],
])("%j in %d columns", (text, columns, rows, widths) => {
  expect(wrap(text, columns)).toEqual(
    rows.map((row, at) => ({ text: row, width: widths[at] ?? -1 })),
  );
});

inTerminal("lines do not tear what is typed over several rows, and the cursor stays", async () => {
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

inTerminal("a row that is exactly full is no trouble", async () => {
  const { bob, terminal } = await openRoom({ columns: 20 });
  await terminal.type("012345678901234567");
  await terminal.cursorComesTo(0, 1);
  bob.say("01234567890123456789\ntwo\n");
  await terminal.becomes("01234567890123456789", "two", "> 012345678901234567");
  await terminal.cursorComesTo(0, 3);
  await terminal.press("BSpace", "Enter");
  await terminal.becomes("01234567890123456789", "two", "> 01234567890123456", ">");
});

inTerminal("wide characters and combining marks are where they belong", async () => {
  const { bob, terminal } = await openRoom({ columns: 20 });
  await terminal.type("漢字漢字漢字漢字漢");
  await terminal.cursorComesTo(0, 1);
  // A wide character that does not fit at the end of a row goes to the next.
  await terminal.press("C-a");
  await terminal.type("x");
  bob.say("一 😀\n");
  await terminal.becomes("一 😀", "> x漢字漢字漢字漢字", "漢");
  await terminal.cursorComesTo(3, 1);
  await terminal.press("C-u", "C-k");
  await terminal.type("e\u0301a\u0308 😀😀 ab");
  bob.say("二\n");
  await terminal.becomes("一 😀", "二", "> e\u0301a\u0308 😀😀 ab");
  await terminal.cursorComesTo(12, 2);
  await terminal.press("Left", "Left", "Left", "Left");
  bob.say("三\n");
  await terminal.cursorComesTo(7, 3);
  await terminal.enter("字");
  await bob.hears(Buffer.from("e\u0301a\u0308 😀字😀 ab\n").toString("latin1"));
});

inTerminal("a flood comes through whole and in order, and what is typed meanwhile", async () => {
  const { bob, terminal } = await openRoom();
  let said = 0;
  const flood = setInterval(() => {
    bob.say(Array.from({ length: 20 }, () => `line ${said++}\n`).join(""));
  }, 10);
  await terminal.shows(/line \d{3}/);
  await terminal.enter("typed meanwhile");
  await bob.hears("typed meanwhile\n");
  clearInterval(flood);
  // The own line may come after the last of the others.
  await terminal.shows(new RegExp(`line ${said - 1}\\n(> typed meanwhile\\n)?>$`));
  const history = await terminal.history();
  expect(history.filter((line) => line.startsWith("line"))).toEqual(
    Array.from({ length: said }, (_, index) => `line ${index}`).slice(-history.length),
  );
  expect(history.filter((line) => line.startsWith(">"))).toEqual(["> typed meanwhile", ">"]);
});

inTerminal("in a flood as fast as it is taken, a key shows within a little of it", async () => {
  const { bob, terminal } = await openRoom();
  void bob.flood(Buffer.from("bob: \x1b[31m漢字 for al and all others\n".repeat(1000)));
  await terminal.shows("others");
  const shownMeanwhile: number[] = [];
  for (let typed = "x"; typed.length <= 11; typed += "x") {
    const output = terminal.output();
    await terminal.type("x");
    await terminal.outputs(typed);
    shownMeanwhile.push(output().length);
  }
  // Ten times what it is; a frame has 16 KiB.
  expect(shownMeanwhile.sort((a, b) => a - b)[5]).toBeLessThan(600_000);
});

inTerminal("more than a screen can be typed", async () => {
  const { bob, terminal } = await openRoom({ columns: 20, rows: 5 });
  const long = Array.from({ length: 40 }, (_, index) => `word${index}`).join(" ");
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
  await terminal.historyBecomes("two", "three", `> ${long}`, ">");
});

inTerminal("in a line of a million characters, a key costs as much as in any", async () => {
  const server = await openServer();
  const terminal = await Tmux.start({ command: `exec ${clientAt(server.port)}` });
  await terminal.shows(/^>$/m);
  await terminal.pasteAsKeys(`${"0123456789".repeat(100_000)}end`);
  await terminal.shows(/789end$/);
  const pid = await terminal.pid();
  const { cpuMs } = usageOf(pid);
  for (let typed = "end!"; typed.length <= 10; typed += "!") {
    await terminal.type("!");
    await terminal.shows(new RegExp(`${typed}$`));
  }
  expect(usageOf(pid).cpuMs - cpuMs).toBeLessThan(1500); // 25 ms for each 100,000 if all is laid out.
  await terminal.press("C-a");
  await terminal.shows(/^> 0123/);
});

inTerminal("6 columns and 3 rows are enough, also while away", async () => {
  const host = await Host.open();
  const terminal = await openTerminal(host.port, { columns: 6, rows: 3 });
  const guest = await host.guest();
  await terminal.type("0123456789abcdefghij");
  await terminal.shows("abcdef\nghij");
  guest.say("one\ntwo words\n");
  await terminal.press("C-a");
  await terminal.shows(/> 0123/);
  await terminal.press("C-e", "Enter");
  await guest.hears("0123456789abcdefghij\n");
  host.close();
  guest.reset();
  await terminal.shows(/^now\n>$/m);
  await terminal.enter("ab");
  await terminal.type("cd");
  await terminal.shows(/^now\n> cd$/m);
  await terminal.press("C-c", "C-c");
  await terminal.shows("ica\nnon");
  const history = (await terminal.history()).join("\n");
  expect(history).toInclude("one\ntwo words\n> 0123456789abcdefghij\n");
  expect(history).toEndWith("\n> ab (not sent)\n1 line not sent\nexit 130 icanon");
  expect(history).not.toMatch(/trying|waiting/m);
});

inTerminal("a window that is resized while lines arrive has no stray row", async () => {
  const { bob, terminal } = await openRoom({ columns: 40, rows: 12 });
  await terminal.type("half typed");
  await terminal.shows("> half typed");
  let said = 0;
  const talk = setInterval(() => bob.say(`line ${said++}\n`), 2);
  for (let turn = 0; turn < 12; turn++)
    await terminal.resize(20 + ((turn * 17) % 45), 6 + ((turn * 5) % 11));
  clearInterval(talk);
  const lines = Array.from({ length: said }, (_, index) => `line ${index}`);
  await terminal.historyBecomes(...lines, "> half typed");
});

inTerminal("made narrow and wide again, a window has no stale row", async () => {
  const { bob, terminal } = await openRoom({ columns: 80, rows: 24 });
  const said = Array.from({ length: 30 }, (_, index) => `bob: line ${index}`);
  bob.say(`${said.join("\n")}\n`);
  const typed = "0123456789".repeat(11);
  await terminal.type(typed);
  const rows = [`> ${typed.slice(0, 78)}`, typed.slice(78)];
  await terminal.historyBecomes(...said, ...rows);
  for (let turn = 0; turn < 2; turn++) {
    terminal.output();
    await terminal.resize(10, 24);
    await terminal.outputs("\x1b[K"); // It is painted for ten columns.
    await terminal.resize(80, 24);
    await terminal.historyBecomes(...said, ...rows);
  }
});

inTerminal("a part of a line that is passed on leaves the prompt a row of its own", async () => {
  const host = await Host.open();
  const terminal = await openTerminal(host.port, { columns: 60 });
  const guest = await host.guest();
  await terminal.type("typing");
  guest.say("x".repeat((1 << 20) + 100));
  await terminal.shows(/x\n> typing$/);
  guest.say("the rest\n");
  await terminal.shows(/^x*the rest\n> typing$/m);
  expect((await terminal.history()).join("\n")).not.toContain("x>");
});

inTerminal("a key writes what is new, and no more", async () => {
  const { terminal } = await openRoom({ client: "--quiet --name alice", columns: 80 });
  await terminal.type("x".repeat(69));
  await terminal.cursorComesTo(76, 0);
  const output = terminal.output();
  await terminal.type("y");
  await terminal.cursorComesTo(77, 0);
  await terminal.outputs("y");
  expect(output()).toBe("y");
  await terminal.press("BSpace");
  await terminal.cursorComesTo(76, 0);
  await terminal.press("Left");
  await terminal.cursorComesTo(75, 0);
  expect(output().length).toBeLessThan(30);
});

inTerminal("whatever keys are pressed, the screen has what was typed", async () => {
  const { bob, terminal } = await openRoom({ columns: 20, rows: 8 });
  const random = new Random(7);
  const keys: [name: string, sent: string][] = [
    ["Left", "\x1b[D"],
    ["Right", "\x1b[C"],
    ["C-a", "\x01"],
    ["C-e", "\x05"],
    ["C-w", "\x17"],
    ["BSpace", "\x7f"],
    ["DC", "\x1b[3~"],
    ["M-b", "\x1bb"],
    ["M-d", "\x1bd"],
  ];
  let line: Edited = { before: "", after: "" };
  let said = "";
  for (let step = 1; step <= 60; step++) {
    if (random.chance(500)) {
      const text = random.pick(["a", "bc d", "漢", "e\u0301", "👍🏽", " word", "ü"]);
      line = { ...line, before: line.before + text };
      await terminal.type(text);
    } else {
      const [name, sent] = random.pick(keys);
      line = edit(line, sent);
      await terminal.press(name);
    }
    if (step % 30 === 0) bob.say((said = `line ${step}\n`));
    const rows = wrap(`> ${line.before}${line.after}`, 20).map(({ text }) => text.trimEnd());
    const shown = RegExp.escape(said + rows.join("\n").trimEnd());
    await terminal.shows(new RegExp(`(^|\\n)${shown}$`));
    const column = (wrap(`> ${line.before}`, 20).at(-1)?.width ?? 0) % 20;
    await terminal.comesToColumn(column);
  }
});
