import { describe, expect, test } from "bun:test";

import { edit } from "../../lib/terminal/typing.ts";

/** A line with `|` where the cursor is, after these keys. */
function after(line: string, key: string): string {
  const [before = "", afterCursor = ""] = line.split("|");
  const from = { before, after: afterCursor };
  const to = edit(from, key);
  expect(to === from).toBe(false);
  return `${to.before}|${to.after}`;
}

describe("one press, one character as it is seen", () => {
  test.each<[what: string, character: string, before: string]>([
    ["a family", "👩‍👩‍👧", "a"],
    ["a flag", "🇩🇪", "a"],
    ["the second of two flags", "🇫🇷", "🇩🇪"],
    ["a skin tone", "👍🏽", "a"],
    ["a keycap", "1️⃣", "a"],
    ["combining marks", "e\u0301\u0302", "a"],
    ["Hangul jamo", "\u1112\u1161\u11ab", "a"],
    ["Devanagari", "नि", "a"],
    ["an astral letter", "𝒳", "a"],
    ["a wide one", "漢", "a"],
    ["ASCII", "x", "a"],
  ])("%s", (_what, character, before) => {
    const line = `${before}${character}b`;
    const behind = `${before}${character}|b`;
    const ahead = `${before}|${character}b`;
    expect(after(behind, "\x7f")).toBe(`${before}|b`);
    expect(after(behind, "\x1b[D")).toBe(ahead);
    expect(after(ahead, "\x1b[C")).toBe(behind);
    expect(after(ahead, "\x1b[3~")).toBe(`${before}|b`);
    expect(after(ahead, "\x04")).toBe(`${before}|b`);
    expect(after(`|${line}`, "\x05")).toBe(`${line}|`);
  });
});

test.each([
  ["one two|", "\x17", "one |"],
  ["one two, |", "\x17", "one two|"],
  ["naïve-été|", "\x1b\x7f", "naïve-|"],
  ["one| two", "\x1bd", "one|"],
  ["one two|", "\x1bb", "one |two"],
  ["|one two", "\x1bf", "one| two"],
  ["one |two", "\x15", "|two"],
  ["one |two", "\x0b", "one |"],
  ["one |two", "\x01", "|one two"],
  ["one |two", "\x1b[F", "one two|"],
  ["|", "\x7f", "|"],
  ["|", "\x1b[D", "|"],
  ["|", "\x1b[C", "|"],
  ["|", "\x17", "|"],
])("%s, by %j, is %s", (before, key, wanted) => {
  expect(after(before, key)).toBe(wanted);
});

test("other keys are left to others", () => {
  const edited = { before: "te", after: "xt" };
  for (const key of ["\x03", "\r", "\t", "\x1b[A", "\x1b", "\x00"])
    expect(edit(edited, key)).toBe(edited);
});
