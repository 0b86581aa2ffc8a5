/** What is history, after connecting again, and what is said now. */

import { expect, test } from "bun:test";

import { Replay } from "../../lib/client/replay.ts";

const END = "* until here what was said before\n";

/** What was shown: history and lines, as they came. */
function open() {
  const shown: (readonly [history: string, lines: string])[] = [];
  const waits = Promise.withResolvers<void>();
  const replay = new Replay((history, lines) => {
    shown.push([history, lines]);
    waits.resolve();
  });
  return { replay, shown, next: waits.promise };
}

test("before that, lines are shown as they come, whatever they are", () => {
  const { replay, shown } = open();
  replay.heard("1\n");
  replay.heard(END);
  expect(shown).toEqual([
    ["", "1\n"],
    ["", END],
  ]);
});

test("history ends with the line that says so, in however many pieces it comes", () => {
  const all = ["1\n", "2\n", END, "3\n", "4\n"];
  for (let first = 0; first <= all.length; first++)
    for (let second = first; second <= all.length; second++) {
      const { replay, shown } = open();
      replay.begin();
      for (const piece of [all.slice(0, first), all.slice(first, second), all.slice(second)])
        if (piece.length > 0) replay.heard(piece.join(""));
      const history = shown.map(([text]) => text).join("");
      const lines = shown.map(([, text]) => text).join("");
      expect([history, lines]).toEqual([`1\n2\n${END}`, "3\n4\n"]);
    }
});

test("a greeting, which comes before history, is not history", () => {
  const greeting = "* say your name first (here: bob)\n";
  const { replay, shown } = open();
  replay.begin();
  replay.heard(`${greeting}bob: 1\n${END}bob: 2\n`);
  replay.begin();
  replay.heard(`${greeting}bob: 3\n`);
  replay.release();
  expect(shown).toEqual([
    ["", greeting],
    [`bob: 1\n${END}`, "bob: 2\n"],
    ["", greeting],
    ["", "bob: 3\n"],
  ]);
});

test("what somebody says that looks like it, in the middle of a line, does not end it", () => {
  const { replay, shown } = open();
  replay.begin();
  replay.heard(`bob: ${END}`);
  expect(shown).toEqual([]);
  replay.heard(END);
  expect(shown).toEqual([[`bob: ${END}${END}`, ""]]);
});

test("without that line nothing is history, and after a moment lines are shown as they come", async () => {
  const { replay, shown, next } = open();
  replay.begin();
  replay.heard("1\n");
  expect(shown).toEqual([]);
  await next;
  replay.heard(`2\n${END}`);
  expect(shown).toEqual([
    ["", "1\n"],
    ["", `2\n${END}`],
  ]);
});

test("what is held back is bounded, and shown at the end", () => {
  const { replay, shown } = open();
  replay.begin();
  const lines = `${"x".repeat((1 << 20) - 1)}\n`;
  for (let n = 0; n < 17; n++) replay.heard(lines);
  expect(shown.map(([, text]) => text.length)).toEqual([17 << 20]);
  replay.begin();
  replay.heard("last\n");
  replay.release();
  expect(shown.at(-1)).toEqual(["", "last\n"]);
});
