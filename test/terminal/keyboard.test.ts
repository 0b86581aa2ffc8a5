import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";

import { Keyboard } from "../../lib/terminal/keyboard.ts";

const START = "\x1b[200~";
const END = "\x1b[201~";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** A keyboard, and what has come of it so far: text as it is, keys as `key …`. */
function open(): { keyboard: Keyboard; inputs: string[] } {
  const inputs: string[] = [];
  const keyboard = new Keyboard(({ text, key }) => inputs.push(text ?? `key ${key}`));
  return { keyboard, inputs };
}

/** All that comes of chunks, once nothing more follows. */
function inputsOf(...chunks: string[]): string[] {
  const { keyboard, inputs } = open();
  for (const chunk of chunks) keyboard.push(chunk);
  jest.runAllTimers();
  return inputs;
}

describe("text and keys", () => {
  test.each<[what: string, chunks: string[], inputs: string[]]>([
    ["text in one piece", ["hé漢😀"], ["hé漢😀"]],
    ["Enter ends text", ["a\r", "b"], ["a", "key \r", "b"]],
    ["CR LF is one Enter", ["a\r\n"], ["a", "key \r\n"]],
    ["control characters", ["\x03\x7f"], ["key \x03", "key \x7f"]],
    ["an arrow", ["\x1b[D"], ["key \x1b[D"]],
    ["an arrow in three chunks", ["\x1b", "[1;", "5Dx"], ["key \x1b[1;5D", "x"]],
    ["an arrow in application mode", ["\x1bOAx"], ["key \x1bOA", "x"]],
    ["Alt with a letter", ["\x1bb"], ["key \x1bb"]],
    ["Alt with Backspace", ["\x1b\x7f"], ["key \x1b\x7f"]],
    ["Alt with an arrow, by ESC", ["\x1b\x1b[Dx"], ["key \x1b\x1b[D", "x"]],
    ["also in three chunks", ["\x1b\x1b", "[", "D"], ["key \x1b\x1b[D"]],
    ["ESC, then Alt", ["\x1b\x1bb"], ["key \x1b", "key \x1bb"]],
    ["ESC alone", ["\x1b"], ["key \x1b"]],
    ["ESC, then Enter", ["\x1b\r"], ["key \x1b", "key \r"]],
    ["a TAB that was pressed", ["al\t"], ["al", "key \t"]],
    ["a TAB of a paste", ["al\tx\ty"], ["al\tx\ty"]],
  ])("%s", (_what, chunks, inputs) => {
    expect(inputsOf(...chunks)).toEqual(inputs);
  });

  test("what follows ESC after a while is not Alt", () => {
    const { keyboard, inputs } = open();
    keyboard.push("\x1b");
    jest.advanceTimersByTime(499);
    expect(inputs).toEqual([]);
    jest.advanceTimersByTime(1);
    keyboard.push("b");
    expect(inputs).toEqual(["key \x1b", "b"]);
  });
});

describe("pastes", () => {
  test.each<[what: string, chunks: string[], inputs: string[]]>([
    ["lines, by CR", [`${START}a\rb\r${END}`], ["a\nb\n"]],
    ["lines, by LF and CR LF", [`${START}a\nb\r\n${END}`], ["a\nb\n"]],
    ["keys before and after", [`x${START}a${END}\r`], ["x", "a", "key \r"]],
    ["two in a row are one", [`${START}a\r${END}${START}b${END}`], ["a\nb"]],
    ["a TAB, and no completion", [`${START}a\t${END}`], ["a\t"]],
    ["nothing", [START + END], [""]],
    ["no end", [`${START}a`, "b\r\x03"], ["ab\n^C"]],
    ["keys in it are shown, not obeyed", [`${START}\x03\x1b[A\x04${END}`], ["^C^[[A^D"]],
    [
      "an end in it does not end it",
      [`${START}a${END}\rrm -rf\r\x03`, `more\r${END}`],
      ["a^[[201~\nrm -rf\n^Cmore\n"],
    ],
  ])("%s", (_what, chunks, inputs) => {
    expect(inputsOf(...chunks)).toEqual(inputs);
    expect(inputsOf(...chunks.join(""))).toEqual(inputs);
  });

  test.each<[what: string, chunks: string[], inputs: string[]]>([
    ["lines at once", ["a\r/b\r"], ["a\n/b\n"]],
    ["lines in many chunks", ["a\r\nb", "c\r", "\nd"], ["a\nbc\nd"]],
    ["the first on its own", ["a\r", "b\r", "c"], ["a", "key \r", "b", "key \r", "c"]],
    ["an answer", ["\ry\r"], ["key \r", "y", "key \r"]],
    ["Enter again and again", ["a\r\r"], ["a", "key \r", "key \r"]],
    ["keys among them", ["a\rb\x7f"], ["a", "key \r", "b", "key \x7f"]],
    ["a key after them", ["a\rb\r", "\x03"], ["a\nb\n", "key \x03"]],
    ["one with marks after them", ["a\rb\r", `${START}c${END}`], ["a\nb\n", "c"]],
  ])("without marks: %s", (_what, chunks, inputs) => {
    expect(inputsOf(...chunks)).toEqual(inputs);
  });

  test("it is over 50 ms after its end, which is seen character by character as well", () => {
    const { keyboard, inputs } = open();
    for (const character of `${START}a${END}`) {
      jest.advanceTimersByTime(400);
      expect(inputs).toEqual([]);
      keyboard.push(character);
    }
    jest.advanceTimersByTime(49);
    expect(inputs).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(inputs).toEqual(["a"]);
  });

  test("8 MB of it take a moment", () => {
    const lines = "a line of a paste that is long\r".repeat(270_000);
    const all = START + lines + END;
    const chunks = Array.from({ length: Math.ceil(all.length / 1024) }, (_, index) =>
      all.slice(index * 1024, (index + 1) * 1024),
    );
    const startMs = performance.now();
    expect(inputsOf(...chunks)).toEqual([lines.replaceAll("\r", "\n")]);
    expect(performance.now() - startMs).toBeLessThan(3000);
  });
});
