import { expect, test } from "bun:test";

import { wrap } from "../../lib/terminal/wrap.ts";

test.each([
  ["", 5, [["", 0]]],
  ["abcde", 5, [["abcde", 5]]],
  [
    "abcdef",
    5,
    [
      ["abcde", 5],
      ["f", 1],
    ],
  ],
  [
    "漢字漢",
    5,
    [
      ["漢字", 4],
      ["漢", 2],
    ],
  ],
  [
    "e\u0301\u0302bc",
    2,
    [
      ["e\u0301\u0302b", 2],
      ["c", 1],
    ],
  ],
  ["a\tb", 20, [["a       b", 9]]],
  [
    "\x1b[31mabc\x1b[39mde",
    4,
    [
      ["\x1b[31mabc\x1b[39md", 4],
      ["e", 1],
    ],
  ],
  [
    "漢a",
    1,
    [
      ["漢", 1],
      ["a", 1],
    ],
  ],
] as [string, number, [string, number][]][])("%j in %d columns", (text, columns, rows) => {
  expect(wrap(text, columns)).toEqual(rows.map(([row, width]) => ({ text: row, width })));
});

test("an emoji of several characters takes what a terminal that shows them apart needs", () => {
  expect(wrap("👩‍👩‍👧", 80)).toEqual([{ text: "👩‍👩‍👧", width: 6 }]);
  expect(wrap("❤️", 80)).toEqual([{ text: "❤️", width: 2 }]);
});
