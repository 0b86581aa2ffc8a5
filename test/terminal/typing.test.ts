import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";

import { Keyboard } from "../../lib/terminal/keyboard.ts";
import type { Edited } from "../../lib/terminal/rows.ts";
import { edit, HELP, Typing } from "../../lib/terminal/typing.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** A keyboard, and what has come of it. */
function open() {
  const told: string[] = [];
  const tell = (what: string) => () => void told.push(what);
  const typing = new Typing((line) => told.push(`send ${line}`), {
    named: new Map(["quit", "time", "help"].map((name) => [name, tell(name)])),
    empty: tell("empty"),
    interrupt: tell("interrupt"),
    complete: (before) => before.replace(/b?$/, "bob "),
  });
  const keyboard = new Keyboard((input) => typing.take(input));
  const come = (text: string) => {
    keyboard.push(text);
    jest.runAllTimers();
  };
  const type = (text: string) => text.split(/(?<=\r)/).forEach(come);
  const paste = (text: string) => come(`\x1b[200~${text}\x1b[201~`);
  /** As a terminal does that knows no bracketed paste. */
  const pasteAsKeys = (text: string) => come(text.replaceAll("\n", "\r"));
  const takeTold = () => told.splice(0);
  /** The line that is being typed, with `|` where the cursor is. */
  const line = () => withCursor(typing.line);
  const question = () => typing.question?.text;
  return { type, paste, pasteAsKeys, line, question, takeTold };
}

function withCursor({ before, after }: Edited): string {
  return `${before}|${after}`;
}

const lines = (count: number) => Array.from({ length: count }, (_, index) => `line ${index}\n`);

test("lines are sent when they are entered", () => {
  const { type, line, takeTold } = open();
  type("one\rtw");
  expect([line(), takeTold()]).toEqual(["tw|", ["send one"]]);
  type("o\r\r");
  expect([line(), takeTold()]).toEqual(["|", ["send two", "empty"]]);
});

test("Ctrl-D quits where there is nothing to delete, and deletes elsewhere", () => {
  const { type, line, takeTold } = open();
  type("x\x01\x04");
  expect([line(), takeTold()]).toEqual(["|", []]);
  type("\x04");
  expect(takeTold()).toEqual(["quit"]);
});

test("Ctrl-C clears the line or the question, and leaves where there is nothing to clear", () => {
  const { type, line, question, takeTold } = open();
  type("half typed\x03");
  expect([line(), takeTold()]).toEqual(["|", []]);
  type("/nick\r\x03");
  expect([question(), line(), takeTold()]).toEqual([undefined, "/nick|", []]);
  type("\x03\x03");
  expect([line(), takeTold()]).toEqual(["|", ["interrupt"]]);
});

test.each([
  [" /quit", "send  /quit"],
  ["and/or", "send and/or"],
  ["//quit", "send /quit"],
  ["///", "send //"],
  ["/", "send /"],
  ["/etc/hosts is wrong", "send /etc/hosts is wrong"],
  ["/etc/", "send /etc/"],
  ["/1 is one", "send /1 is one"],
  ["/a.out", "send /a.out"],
  ["/quit", "quit"],
  ["/QUIT", "quit"],
  ["/quit bye", "quit"],
  ["/time  ", "time"],
  ["/help", "help"],
])("%j is a line to send, or a command", (line, told) => {
  const { type, question, takeTold } = open();
  type(`${line}\r`);
  expect([question(), takeTold()]).toEqual([undefined, [told]]);
});

test.each(["/shrug", "/quitter", "/nick bob"])("%j asks before it is sent", (typed) => {
  const { type, line, question, takeTold } = open();
  const [word] = typed.split(" ");
  for (const no of ["n\r", "\r"]) {
    type(`${typed}\r`);
    expect([question(), line()]).toEqual([
      `unknown command ${word}; send it as a message? [y/N] `,
      "|",
    ]);
    type(no);
    expect([question(), line(), takeTold()]).toEqual([undefined, `${typed}|`, []]);
    type("\x15");
  }
  type(`${typed}\ry\r`);
  expect([question(), line(), takeTold()]).toEqual([undefined, "|", [`send ${typed}`]]);
});

test("only y and yes are a yes", () => {
  const { type, paste, line, question, takeTold } = open();
  const pasted = lines(6).join("");
  for (const answer of ["\r", "n\r", "no\r", "yeah\r", "\x04", "yn\r", "/quit\r"]) {
    paste(pasted);
    type(answer);
    expect([question(), line(), takeTold()]).toEqual([undefined, "|", []]);
  }
  for (const answer of ["y\r", "Y\r", " yes \r", "nx\x15y\r"]) {
    paste(pasted);
    type(answer);
    expect(takeTold()).toHaveLength(6);
  }
});

test("/help fits on a screen of 80 columns and 24 rows, with the prompt below", () => {
  const rows = HELP.trimEnd().split("\n");
  expect(rows.length).toBeLessThan(24);
  for (const row of rows) expect(row.length).toBeLessThan(80);
});

test("a paste of up to five lines waits for Enter, whether it ends with one or not", () => {
  const { type, paste, line, takeTold } = open();
  paste("one\n");
  expect([line(), takeTold()]).toEqual(["one|", []]);
  type(" two\r");
  expect(takeTold()).toEqual(["send one two"]);
  type("before after\x1bb");
  paste(lines(5).join(""));
  expect(line()).toBe(`before ${lines(5).join("").trimEnd()}|after`);
  type("\r");
  expect(takeTold()).toEqual([
    "send before line 0",
    ...[1, 2, 3].map((at) => `send line ${at}`),
    "send line 4after",
  ]);
});

test("pastes that come to more than five lines are asked about at Enter", () => {
  const { type, paste, line, question, takeTold } = open();
  for (let count = 0; count < 3; count++) paste("one\ntwo\n");
  expect(line()).toBe("one\ntwoone\ntwoone\ntwo|");
  paste("\n\n\nthree");
  expect([question(), line()]).toEqual(["send 7 lines? [y/N] ", "|"]);
  type("\r");
  expect([line(), takeTold()]).toEqual(["one\ntwoone\ntwoone\ntwo|", []]);
});

test("a paste of more lines asks once, whatever its lines are, and another is no answer", () => {
  const { type, paste, line, question, takeTold } = open();
  const pasted = [...lines(35), "/quit\n", "//shrug\n"];
  paste(pasted.join(""));
  paste("y\n");
  expect([question(), takeTold()]).toEqual(["send 37 lines? [y/N] ", []]);
  type("y\r");
  expect([line(), takeTold()]).toEqual(["|", pasted.map((one) => `send ${one.trimEnd()}`)]);
});

test("a paste from a terminal that does not mark it is no command and no answer", () => {
  const { type, pasteAsKeys, line, question, takeTold } = open();
  pasteAsKeys("one\ny\nrest");
  expect([question(), line(), takeTold()]).toEqual([undefined, "rest|", ["send one", "send y"]]);
  type("\x15");
  pasteAsKeys("one\n/shrug\n/quit\ny\nrest");
  expect([question(), line(), takeTold()]).toEqual([undefined, "one\n/shrug\n/quit\ny\nrest|", []]);
  type("\r");
  expect(takeTold()).toEqual(["send one", "send /shrug", "send /quit", "send y", "send rest"]);
  pasteAsKeys(lines(20).join(""));
  expect([question(), takeTold()]).toEqual(["send 20 lines? [y/N] ", []]);
});

test("a paste that is not to be sent leaves what was being typed", () => {
  const { type, paste, line, takeTold } = open();
  type("typed");
  paste(lines(6).join(""));
  type("n\r");
  expect([line(), takeTold()]).toEqual(["typed|", []]);
});

test("a paste within a line is as if it had been typed", () => {
  const { type, paste, line, takeTold } = open();
  paste("/he");
  expect(line()).toBe("/he|");
  paste("lp\n");
  expect([line(), takeTold()]).toEqual(["/help|", []]);
  type("\r");
  expect(takeTold()).toEqual(["help"]);
});

test("Up and Down bring lines entered before, and what was being typed", () => {
  const { type, line } = open();
  type("one\r/help\r/help\r \rtyped");
  const seen = [..."\x10", "\x1b[A", "\x10", "\x0e", "\x1bOB", "\x0e"].map((key) => {
    type(key);
    return line();
  });
  expect(seen).toEqual(["/help|", "one|", "one|", "/help|", "typed|", "typed|"]);
  type("\x10\x10\r\x10\x10");
  expect(line()).toBe("/help|");
});

test("keys that mean nothing here do nothing, with a question open as well", () => {
  const { type, paste, line, question, takeTold } = open();
  type("\x1b[5~a b\x00\x1b/\t\r");
  expect(takeTold()).toEqual(["send a bob "]);
  paste(lines(6).join(""));
  type("\x1b[5~\x00");
  expect([question(), line(), takeTold()]).toEqual(["send 6 lines? [y/N] ", "|", []]);
});

/** A line with `|` where the cursor is, after these keys. */
function after(line: string, key: string): string {
  const [before = "", afterCursor = ""] = line.split("|");
  const from = { before, after: afterCursor };
  const to = edit(from, key);
  expect(to === from).toBe(false);
  return withCursor(to);
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
  ["one two, |", "\x17", "one |"],
  ["see /etc/hosts|", "\x17", "see |"],
  ["see /etc/hosts|", "\x1b\x7f", "see /etc/|"],
  ["one two, |", "\x1b\x7f", "one |"],
  ["one two, |", "\x1bb", "one |two, "],
  ["one|, two", "\x1bf", "one, two|"],
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

test.each([
  ["one two three|", "\x17\x17\x01\x19", "two three|one "],
  ["one two| three", "\x15\x05\x19", " threeone two|"],
  ["one| two", "\x0b\x01\x19", " two|one"],
  ["|one two", "\x1bd\x1bd\x19\x19", "one twoone two|"],
  ["one two|", "\x17\x01\x17\x05\x19", "one two|"],
])("%s, by %j, is %s: Ctrl-Y puts back what was deleted in a row", (from, keys, to) => {
  const { type, line } = open();
  const [before = "", after = ""] = from.split("|");
  type(`${before}${after}${"\x02".repeat(after.length)}`);
  for (const key of keys.match(/\x1b?[^]/g) ?? []) type(key);
  expect(line()).toBe(to);
});

test("other keys are left to others", () => {
  const edited = { before: "te", after: "xt" };
  for (const key of ["\x03", "\r", "\t", "\x1b[A", "\x1b", "\x00"])
    expect(edit(edited, key)).toBe(edited);
});
