import { expect, test } from "bun:test";

import { Completion } from "../../lib/terminal/completion.ts";

/** Lines with `|` where the cursor is, after one Tab and each further one. */
function tabs(lines: string, line: string, count = 1): (string | undefined)[] {
  const completion = new Completion("alice");
  completion.see(lines);
  let edited = { line: line.replace("|", ""), cursor: line.indexOf("|") };
  return Array.from({ length: count }, () => {
    const completed = completion.complete(edited);
    if (!completed) return undefined;
    edited = completed;
    return `${edited.line.slice(0, edited.cursor)}|${edited.line.slice(edited.cursor)}`;
  });
}

test.each<[what: string, lines: string, line: string, after: (string | undefined)[]]>([
  ["at the start of a line", "bob: hi\n", "b|", ["bob: |"]],
  ["elsewhere", "bob: hi\n", "hi b|", ["hi bob |"]],
  ["before other text", "bob: hi\n", "b|hi", ["bob: |hi"]],
  ["in capitals or not", "Bob: hi\n", "bO|", ["Bob: |"]],
  ["with nothing to go by", "bob: hi\n", "|", ["bob: |"]],
  ["a name nobody has", "bob: hi\n", "c|", [undefined]],
  ["not one's own", "alice: hi\n", "al|", [undefined]],
  ["not what is no name", "no name here: hi\nhttp://x\n* bob: x\n", "|", [undefined]],
  ["not two words", "bob: hi\n", "b |", ["b bob |"]],
  ["those that sent last first", "anna: 1\nannika: 2\nanna: 3\n", "ann|", ["anna: |", "annika: |"]],
  ["round and round", "ann: 1\nanna: 2\n", "hi ann|", ["hi anna |", "hi ann |", "hi anna |"]],
  ["other scripts", "Ünal: hi\n", "ü|", ["Ünal: |"]],
])("%s", (_what, lines, line, after) => {
  expect(tabs(lines, line, after.length)).toEqual(after);
});

test("names not seen for long are forgotten", () => {
  const crowd = Array.from({ length: 300 }, (_, index) => `member${index}: hi\n`).join("");
  expect(tabs(`bob: hi\n${crowd}`, "bo|")).toEqual([undefined]);
  expect(tabs(`${crowd}bob: hi\n`, "bo|")).toEqual(["bob: |"]);
});

test("a Tab after something else was typed starts again", () => {
  const completion = new Completion("");
  completion.see("bob: hi\ncarol: hi\n");
  expect(completion.complete({ line: "", cursor: 0 })?.line).toBe("carol: ");
  expect(completion.complete({ line: "carol: b", cursor: 8 })?.line).toBe("carol: bob ");
  expect(completion.complete({ line: "carol: bob ", cursor: 11 })?.line).toBe("carol: bob ");
});
