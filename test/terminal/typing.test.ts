/** What is typed and pasted, from the bytes of a terminal to the lines that are sent. */

import { afterEach, beforeEach, expect, jest, test } from "bun:test";

import { Keyboard } from "../../lib/terminal/keyboard.ts";
import { edit, Typing } from "../../lib/terminal/typing.ts";

const START = "\x1b[200~";
const END = "\x1b[201~";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** A keyboard, and what has come of it so far: text as it is, keys as `key …`. */
function openKeyboard(): { keyboard: Keyboard; inputs: string[] } {
  const inputs: string[] = [];
  const keyboard = new Keyboard(({ text, key }) => inputs.push(text ?? `key ${key}`));
  return { keyboard, inputs };
}

/** All that comes of chunks, once nothing more follows. */
function inputsOf(...chunks: string[]): string[] {
  const { keyboard, inputs } = openKeyboard();
  for (const chunk of chunks) keyboard.push(chunk);
  jest.runAllTimers();
  return inputs;
}

test.each<[what: string, chunks: string[], inputs: string[]]>([
  ["CR LF is one Enter", ["a\r\n"], ["a", "key \r\n"]],
  ["an arrow in three chunks", ["\x1b", "[1;", "5Dx"], ["key \x1b[1;5D", "x"]],
  ["an arrow in application mode", ["\x1bOAx"], ["key \x1bOA", "x"]],
  ["Alt with a letter", ["\x1bb"], ["key \x1bb"]],
  ["Alt with an arrow, by ESC", ["\x1b\x1b", "[", "Dx"], ["key \x1b\x1b[D", "x"]],
  ["ESC, then Alt", ["\x1b\x1bb"], ["key \x1b", "key \x1bb"]],
  ["ESC, then Enter", ["\x1b\r"], ["key \x1b", "key \r"]],
  ["TABs that were pressed quickly", ["al\t\t\r"], ["al", "key \t", "key \t", "key \r"]],
  ["more of them than a person presses", ["\t".repeat(1e5)], Array<string>(1e5).fill("key \t")],
  ["a TAB of a paste", ["al\tx\ty"], ["al\tx\ty"]],
  // Without marks, those are pastes that nobody types so fast, or that may hold a command.
  ["lines", ["a\rb\rc"], ["a", "key \r", "b", "key \r", "c"]],
  ["Enter and an answer", ["\ry\r"], ["key \r", "y", "key \r"]],
  ["more than five lines", ["1\r2\r3\n4\r\n5\r6\r"], ["1\n2\n3\n4\n5\n6\n"]],
  ["Enter many times", ["a\r\r\r\r\r\r"], ["a", ...Array<string>(6).fill("key \r")]],
  ["what may be a command", ["a\r/b\r"], ["a\n/b\n"]],
  ["first as well, in many chunks", ["/a\r\nb", "c\r", "\nd"], ["/a\nbc\nd"]],
  ["keys among lines", ["/a\rb\x7f"], ["/a", "key \r", "b", "key \x7f"]],
  ["a key after lines", ["/a\rb\r", "\x03"], ["/a\nb\n", "key \x03"]],
  ["marks after lines", ["/a\rb\r", `${START}c${END}`], ["/a\nb\n", "c"]],
])("from a keyboard comes: %s", (_what, chunks, inputs) => {
  expect(inputsOf(...chunks)).toEqual(inputs);
});

test.each<[what: string, chunks: string[], inputs: string[]]>([
  ["lines, by CR", [`${START}a\rb\r${END}`], ["a\nb\n"]],
  ["lines, by LF and CR LF", [`${START}a\nb\r\n${END}`], ["a\nb\n"]],
  ["keys before and after", [`x${START}a${END}\r`], ["x", "a", "key \r"]],
  ["two in a row are one", [`${START}a\r${END}${START}b${END}`], ["a\nb"]],
  ["a TAB, and no completion", [`${START}a\t${END}`], ["a\t"]],
  ["no end", [`${START}a`, "b\r\x03"], ["ab\n^C"]],
  ["keys in it are shown, not obeyed", [`${START}\x03\x1b[A\x04${END}`], ["^C^[[A^D"]],
  [
    "an end in it does not end it",
    [`${START}a${END}\rrm -rf\r\x03`, `more\r${END}`],
    ["a^[[201~\nrm -rf\n^Cmore\n"],
  ],
])("a paste, however it is cut: %s", (_what, chunks, inputs) => {
  expect(inputsOf(...chunks)).toEqual(inputs);
  expect(inputsOf(...chunks.join(""))).toEqual(inputs);
});

test.each([
  ["half a second after ESC", "\x1b", 500, "key \x1b"],
  ["50 ms after the end of a paste", `${START}a${END}`, 50, "a"],
])("%s, what follows is no part of it", (_, first, ms, input) => {
  const { keyboard, inputs } = openKeyboard();
  for (const character of first) keyboard.push(character);
  jest.advanceTimersByTime(ms - 1);
  expect(inputs).toEqual([]);
  jest.advanceTimersByTime(1);
  keyboard.push("b");
  expect(inputs).toEqual([input, "b"]);
});

test("a paste of 8 MB costs a moment, however it is cut", () => {
  const lines = "a line of a paste that is long\r".repeat(270_000);
  const all = START + lines + END;
  const { user } = process.cpuUsage();
  expect(inputsOf(...(all.match(/[^]{1,1024}/g) ?? []))).toEqual([lines.replaceAll("\r", "\n")]);
  expect((process.cpuUsage().user - user) / 1000).toBeLessThan(5000);
});

/** What is left of what comes from a keyboard, with `|` where the cursor is, and what was done. */
function typed(input: string): [left: string, done: string[]] {
  const done: string[] = [];
  const commands = { "/quit": "quit", "/time": "time", "/help": "help", "": "empty" };
  const all = Object.entries({ ...commands, "\x04": "quit", "\x03": "interrupt" });
  const typing = new Typing({
    send: (line) => done.push(`send ${line}`),
    commands: new Map(all.map(([by, what]) => [by, () => void done.push(what)])),
    complete: (before) => before.replace(/b?$/, "bob "),
  });
  const keyboard = new Keyboard((one) => typing.take(one));
  for (const one of input.match(/\x1b\[200~[^]*?\x1b\[201~|\x1b\[\d*\D|\x1b?[^]/g) ?? []) {
    keyboard.push(one);
    jest.runAllTimers();
  }
  const { question, line } = typing;
  return [`${question?.text ?? ""}${line.before}|${line.after}`, done];
}

const paste = (text: string) => START + text + END;
const numbered = (count: number) => Array.from({ length: count }, (_, index) => `line ${index}`);
const FIVE = numbered(5).join("\n");
const MANY = [...numbered(35), "/quit", "//shrug"];
const UNKNOWN = "unknown command /nick; send it as a message? [y/N] |";

test.each<readonly [input: string, left: string, done: readonly string[]]>([
  ["one\rtw", "tw|", ["send one"]],
  ["two\r\r", "|", ["send two", "empty"]],
  ["\x1b[5~a b\x00\x1b/\t\r", "|", ["send a bob "]],
  ["b there\x01\x06\t", "bob |there", []],
  ["x\x01\x04\x04", "|", ["quit"]],
  ["half typed\x03\x03", "|", ["interrupt"]],
  ["/nick bob\r", UNKNOWN, []],
  ["/nick\r\x03", "/nick|", []],
  [" /quit\r", "|", ["send  /quit"]],
  ["//quit\r", "|", ["send /quit"]],
  ["/etc/hosts is wrong\r", "|", ["send /etc/hosts is wrong"]],
  ["/1 is one\r", "|", ["send /1 is one"]],
  ["/QUIT\r", "|", ["quit"]],
  ["/quit bye\r", "|", ["quit"]],
  ["/time  \r", "|", ["time"]],
  ["/nick bob\r yes \r", "|", ["send /nick bob"]],
  ["/shrug\rnx\x15Y\r", "|", ["send /shrug"]],
  ...["", "n", "yeah", "/quit"].map((no) => [`/shrug\r${no}\r`, "/shrug|", []] as const),
  // Up and Down.
  ["one\r/help\r/help\r \rtyped\x10", "/help|", ["send one", "help", "help", "empty"]],
  ["one\rtwo\rtyped\x1b[A\x10\x10", "one|", ["send one", "send two"]],
  ["one\rtwo\rtyped\x10\x10\x0e\x1bOB\x0e", "typed|", ["send one", "send two"]],
  // Ctrl-Y puts back what was deleted in a row.
  ["one two three\x17\x17\x01\x19", "two three|one ", []],
  ["one two three\x1bb\x15\x05\x19", "threeone two |", []],
  ["one two\x01\x1bd\x1bd\x19\x19", "one twoone two|", []],
  ["one two\x17\x01\x17\x05\x19", "one two|", []],
  // Up to five pasted lines wait for Enter; a single one may be a part of a command.
  [`${paste("one\n")} two\r`, "|", ["send one two"]],
  [`before after\x1bb${paste(`${FIVE}\n`)}`, `before ${FIVE}|after`, []],
  [`before ${paste(FIVE)}\r`, "|", `send before ${FIVE}`.replaceAll("\n", "\nsend ").split("\n")],
  [`${paste("/he")}${paste("lp\n")}\r`, "|", ["help"]],
  [`${paste("/help\n/quit")}\r`, "|", ["send /help", "send /quit"]],
  // More are asked about; a paste is no answer, nor is any other key.
  [paste(FIVE) + paste("\nsix\n"), "send 6 lines? [y/N] |", []],
  [`${paste(FIVE)}${paste("\nsix\n")}\r`, `${FIVE}|`, []],
  [`${paste(FIVE)}\x15\x19\x19\r`, "send 9 lines? [y/N] |", []],
  [`typed${paste(MANY.join("\n"))}${paste("y\n")}\x1b[5~\x00`, "send 37 lines? [y/N] |", []],
  [`typed${paste(MANY.join("\n"))}n\r`, "typed|", []],
  [`${paste(MANY.join("\n"))}y\r`, "|", MANY.map((line) => `send ${line}`)],
])("%j leaves %j", (input, left, done) => {
  expect(typed(input)).toEqual([left, [...done]]);
});

/** A line with `|` where the cursor is, after a key. */
function after(line: string, key: string): string {
  const [before = "", afterCursor = ""] = line.split("|");
  const to = edit({ before, after: afterCursor }, key);
  return `${to.before}|${to.after}`;
}

test.each(["👩‍👩‍👧", "🇩🇪", "👍🏽", "1️⃣", "e\u0301\u0302", "\u1112\u1161\u11ab", "नि", "𝒳", "x"])(
  "one press, one character as it is seen: %s",
  (character) => {
    const [behind, ahead] = [`🇫🇷${character}|b`, `🇫🇷|${character}b`];
    expect(after(behind, "\x7f")).toBe("🇫🇷|b");
    expect(after(behind, "\x1b[D")).toBe(ahead);
    expect(after(ahead, "\x1b[C")).toBe(behind);
    expect(after(ahead, "\x1b[3~")).toBe("🇫🇷|b");
  },
);

test.each([
  ["one two, |", "\x17", "one |"],
  ["see /etc/hosts|", "\x1b\x7f", "see /etc/|"],
  ["one two, |", "\x1bb", "one |two, "],
  ["one|, two", "\x1bf", "one, two|"],
  ["one| two", "\x1bd", "one|"],
  ["one |two", "\x15", "|two"],
  ["one |two", "\x0b", "one |"],
  ["one |two", "\x1b[F", "one two|"],
  ...["\x7f", "\x1b[D", "\x1b[C", "\x17", "\x1b[A", "\r", "\t", "\x1b", "\x00"].map((key) => [
    ...["|", key, "|"],
  ]),
])("%s, by %j, is %s", (before = "", key = "", wanted = "") => {
  expect(after(before, key)).toBe(wanted);
});
