/** The client in a terminal as it is painted: rows, cursor, sizes. */

import { expect, test } from "bun:test";

import { type Edited, wrap } from "../../lib/terminal/rows.ts";
import { edit } from "../../lib/terminal/typing.ts";
import { usageOf } from "../bench/usage.ts";
import { endAfterEach } from "../harness.ts";
import { Random } from "../simulation/random.ts";
import { inTerminal, openHosted, openRoom } from "./room.ts";

endAfterEach();

test.each<[text: string, columns: number, rows: string[], widths: number[]]>([
  ["abcde", 5, ["abcde"], [5]],
  ["abcdef", 5, ["abcde", "f"], [5, 1]],
  ["漢字漢", 5, ["漢字", "漢"], [4, 2]],
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

inTerminal("in a line of a million characters, a key costs as much as in any", async () => {
  const { terminal } = await openRoom({ around: (client) => `exec ${client}` });
  await terminal.paste(`${"0123456789".repeat(100_000)}end`);
  await terminal.shows(/789end$/);
  const pid = Number(await terminal.display("#{pane_pid}"));
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
  const { host, guest, terminal } = await openHosted({ columns: 6, rows: 3 });
  await terminal.type("0123456789abcdefghij");
  await terminal.shows("abcdef\nghij");
  guest.say("one\ntwo words\n");
  await terminal.press("C-a");
  await terminal.shows(/> 0123/);
  await terminal.press("C-e", "Enter");
  await guest.hears("0123456789abcdefghij\n");
  const all = ["one", "two words", "> 0123456789abcdefghij"];
  await terminal.historyBecomes(...all, ">");
  host.close();
  guest.reset();
  await terminal.shows(/^ow\n>$/m);
  await terminal.enter("ab");
  await terminal.type("cd");
  await terminal.shows(/^ow\n> cd$/m);
  await terminal.press("C-c", "C-c");
  await terminal.shows("ica\nnon");
  const unsent = "(the last line .*\\n)?> ab \\(not sent\\)\n1 line not sent\nexit 130 icanon";
  expect((await terminal.history()).join("\n")).toMatch(
    new RegExp(`^${all.join("\n")}\n${unsent}$`),
  );
});

inTerminal("a key writes what is new; made narrow and wide, nothing is stale", async () => {
  const { bob, terminal } = await openRoom({ columns: 80, rows: 24 });
  const said = Array.from({ length: 30 }, (_, index) => `bob: line ${index}`);
  bob.say(`${said.join("\n")}\n`);
  await terminal.shows("line 29\n>"); // It has joined, and nothing else is to be painted.
  await terminal.type("0123456789".repeat(7));
  await terminal.comesToColumn(72);
  const output = terminal.output();
  await terminal.type("y");
  await terminal.outputs("y");
  await terminal.press("BSpace", "Left");
  await terminal.comesToColumn(71);
  expect(output()).toMatch(/^y[^]{0,29}$/);

  await terminal.press("C-e");
  await terminal.type("0123456789".repeat(4));
  const typed = "0123456789".repeat(11);
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

inTerminal(
  "a window that gets lower loses no line, and shows again what it has lost below the cursor",
  async () => {
    const { bob, terminal } = await openRoom({ columns: 20, rows: 8 });
    bob.say("hi\n".repeat(8));
    await terminal.shows("hi\n>");
    await terminal.type("0123456789".repeat(3));
    await terminal.comesToColumn(12);
    await terminal.press("C-a");
    await terminal.comesToColumn(2);
    await terminal.resize(20, 6);
    const lines = Array<string>(8).fill("hi");
    await terminal.historyBecomes(...lines, "> 012345678901234567", "890123456789");
  },
);

inTerminal("whatever is pressed and received, the screen has all of it", async () => {
  const { bob, terminal } = await openRoom({ columns: 20, rows: 12 });
  const random = new Random(7);
  const keys = Object.entries({
    ...{ Left: "\x1b[D", Right: "\x1b[C", "C-a": "\x01", "C-e": "\x05", "C-w": "\x17" },
    ...{ BSpace: "\x7f", DC: "\x1b[3~", "M-b": "\x1bb", "M-d": "\x1bd" },
  });
  const texts = ["a", "bc d", "漢字", "e\u0301", "👍🏽", " word", "ü", "漢字漢字漢字漢字漢"];
  const lines = ["one", "a line that is longer than a row", "12345678901234567890", "二 😀"];
  const said: string[] = [];
  let line: Edited = { before: "", after: "" };
  for (let step = 1; step <= 80; step++) {
    if (random.chance(500)) {
      const text = random.pick(texts);
      line = { ...line, before: line.before + text };
      await terminal.type(text);
    } else {
      const [name, sent] = random.pick(keys);
      line = edit(line, sent);
      await terminal.press(name);
    }
    if (step % 4 === 0) {
      said.push(random.pick(lines));
      bob.say(`${said.at(-1)}\n`);
    }
    const typed = wrap(`> ${line.before}${line.after}`, 20);
    // A full last row has the cursor on the next one.
    const [last = ""] = said.slice(-1).map((one) => `${wrap(one, 20).at(-1)?.text}\n`);
    const shown = RegExp.escape(last + typed.map(({ text }) => text.trimEnd()).join("\n"));
    await terminal.shows(new RegExp(`(^|\\n)${shown.trimEnd()}$`));
    await terminal.comesToColumn((wrap(`> ${line.before}`, 20).at(-1)?.width ?? 0) % 20);
  }
  await terminal.press("Enter");
  await terminal.historyBecomes(...said, `> ${line.before}${line.after}`.trimEnd(), ">");
});
