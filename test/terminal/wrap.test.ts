import { expect, test } from "bun:test";

import { wrap } from "../../lib/terminal/wrap.ts";

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
])("%j in %d columns", (text, columns, rows, widths) => {
  expect(wrap(text, columns)).toEqual(
    rows.map((row, at) => ({ text: row, width: widths[at] ?? -1 })),
  );
});

test("an emoji of several characters takes what a terminal that shows them apart needs", () => {
  expect(wrap("👩‍👩‍👧", 80)).toEqual([{ text: "👩‍👩‍👧", width: 6 }]);
  expect(wrap("❤️", 80)).toEqual([{ text: "❤️", width: 2 }]);
});
