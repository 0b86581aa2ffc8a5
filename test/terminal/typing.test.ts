import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";

import { Keyboard } from "../../lib/terminal/keyboard.ts";
import type { Edited } from "../../lib/terminal/screen.ts";
import { edit, HELP, Typing } from "../../lib/terminal/typing.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** A keyboard, and what has come of it. */
function open() {
  const told: string[] = [];
  const typing = new Typing(
    (line) => told.push(`send ${line}`),
    new Map(["quit", "time", "help"].map((name) => [`/${name}`, () => void told.push(name)])),
  );
  typing.names.see("bob: hi\n", "");
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
  expect([line(), takeTold()]).toEqual(["|", ["send two", "send "]]);
});

test("Ctrl-D quits where there is nothing to delete, and deletes elsewhere", () => {
  const { type, line, takeTold } = open();
  type("x\x01\x04");
  expect([line(), takeTold()]).toEqual(["|", []]);
  type("\x04");
  expect(takeTold()).toEqual(["quit"]);
});

test.each([
  [" /quit", "send  /quit"],
  ["and/or", "send and/or"],
  ["//quit", "send /quit"],
  ["///", "send //"],
  ["/quit", "quit"],
  ["/time  ", "time"],
  ["/help", "help"],
])("%j is a line to send, or a command", (line, told) => {
  const { type, question, takeTold } = open();
  type(`${line}\r`);
  expect([question(), takeTold()]).toEqual([undefined, [told]]);
});

test.each(["/shrug", "/quitter", "/quit now", "/QUIT", "/", "/etc/hosts is gone"])(
  "%j is not sent, but shows which commands there are; Up brings it back",
  (typed) => {
    const { type, line, takeTold } = open();
    type(`${typed}\r`);
    expect([line(), takeTold()]).toEqual(["|", ["help"]]);
    type("\x10\x01/\r");
    expect(takeTold()).toEqual([`send ${typed}`]);
  },
);

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

test("a paste of five lines is sent at once, and its rest stays to be typed on", () => {
  const { type, paste, line, takeTold } = open();
  type("before after\x1bb");
  paste(`${lines(5).join("")}rest `);
  expect(takeTold()).toEqual([
    "send before line 0",
    ...[1, 2, 3, 4].map((at) => `send line ${at}`),
  ]);
  expect(line()).toBe("rest |after");
});

test("a paste of more lines asks once, whatever its lines are, and another is no answer", () => {
  const { type, paste, line, question, takeTold } = open();
  const pasted = [...lines(35), "/quit\n", "/shrug\n"];
  paste(pasted.join(""));
  paste("y\n");
  expect([question(), takeTold()]).toEqual(["send 37 lines? [y/N] ", []]);
  type("y\r");
  expect([line(), takeTold()]).toEqual(["|", pasted.map((one) => `send ${one.trimEnd()}`)]);
});

test("a paste from a terminal that does not mark it is no command and no answer", () => {
  const { pasteAsKeys, line, question, takeTold } = open();
  pasteAsKeys("one\n/shrug\n/quit\ny\nrest");
  expect([question(), line()]).toEqual([undefined, "rest|"]);
  expect(takeTold()).toEqual(["send one", "send /shrug", "send /quit", "send y"]);
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

test("a paste of one line is as if it had been typed", () => {
  const { paste, line, question, takeTold } = open();
  paste("/he");
  expect(line()).toBe("/he|");
  paste("lp\n");
  paste("/time\nrest");
  expect([question(), line(), takeTold()]).toEqual([undefined, "rest|", ["help", "time"]]);
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
