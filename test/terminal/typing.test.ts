import { afterEach, beforeEach, expect, jest, test } from "bun:test";

import { Completion } from "../../lib/terminal/completion.ts";
import { Keyboard } from "../../lib/terminal/keyboard.ts";
import { Typing } from "../../lib/terminal/typing.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** A keyboard, and what has come of it. */
function open() {
  const told: string[] = [];
  const send = (line: string) => told.push(`send ${line}`);
  const obey = (command: string) => told.push(command);
  const typing = new Typing(send, obey, new Completion(""));
  const keyboard = new Keyboard((inputs) => inputs.forEach((input) => typing.take(input)));
  const come = (text: string) => {
    keyboard.push(text);
    jest.runAllTimers();
  };
  const type = (text: string) => text.split(/(?<=\r)/).forEach(come);
  const paste = (text: string) => come(`\x1b[200~${text}\x1b[201~`);
  /** As a terminal does that knows no bracketed paste. */
  const pasteAsKeys = (text: string) => come(text.replaceAll("\n", "\r"));
  const takeTold = () => told.splice(0);
  return { type, paste, pasteAsKeys, typing, takeTold };
}

const lines = (count: number) => Array.from({ length: count }, (_, index) => `line ${index}\n`);

test("lines are sent when they are entered", () => {
  const { type, typing, takeTold } = open();
  type("one\rtw");
  expect(takeTold()).toEqual(["send one"]);
  expect(typing.line).toBe("tw");
  type("o\r\r");
  expect(takeTold()).toEqual(["send two", "send "]);
});

test("Ctrl-D quits where there is nothing to delete, and deletes elsewhere", () => {
  const { type, typing, takeTold } = open();
  type("x\x01\x04");
  expect([typing.line, takeTold()]).toEqual(["", []]);
  type("\x04");
  expect(takeTold()).toEqual(["quit"]);
});

test("commands stay here; two slashes send one", () => {
  const { type, takeTold } = open();
  type("/help\r/time\r//help\r/quit\r");
  expect(takeTold()).toEqual(["help", "time", "send /help", "quit"]);
});

test("what might be a command asks, and is still there after a no", () => {
  const { type, typing, takeTold } = open();
  type("/shrug\r");
  expect(typing.question).toBe("unknown command /shrug; send it as a message? [y/N] ");
  expect(typing.edited).toEqual({ line: "", cursor: 0 });
  type("\r");
  expect([typing.question, typing.line, takeTold()]).toEqual([undefined, "/shrug", []]);
  type("\ryes\r");
  expect([typing.question, typing.line, takeTold()]).toEqual([undefined, "", ["send /shrug"]]);
});

test.each(["\r", "n\r", "no\r", "yeah\r", "\x04", "yn\r"])("%j is a no", (answer) => {
  const { type, typing, takeTold } = open();
  type(`/x\r${answer}`);
  expect([typing.question, typing.line, takeTold()]).toEqual([undefined, "/x", []]);
});

test.each(["y\r", "Y\r", " yes \r", "nx\x15y\r"])("%j is a yes", (answer) => {
  const { type, takeTold } = open();
  type(`/x\r${answer}`);
  expect(takeTold()).toEqual(["send /x"]);
});

test("a paste of five lines is sent at once, and its rest stays to be typed on", () => {
  const { type, paste, typing, takeTold } = open();
  type("before after");
  type("\x1bb");
  paste(`${lines(5).join("")}rest `);
  expect(takeTold()).toEqual([
    "send before line 0",
    ...[1, 2, 3, 4].map((at) => `send line ${at}`),
  ]);
  expect(typing.edited).toEqual({ line: "rest after", cursor: 5 });
});

test("a paste of more lines asks once, whatever its lines are", () => {
  const { type, paste, typing, takeTold } = open();
  const pasted = [...lines(35), "/quit\n", "/shrug\n"];
  paste(pasted.join(""));
  expect(typing.question).toBe("send 37 lines? [y/N] ");
  expect(takeTold()).toEqual([]);
  type("y\r");
  expect(takeTold()).toEqual(pasted.map((line) => `send ${line.trimEnd()}`));
  expect(typing.line).toBe("");
});

test("a paste from a terminal that does not mark it is no command and no answer", () => {
  const { pasteAsKeys, typing, takeTold } = open();
  pasteAsKeys("one\n/shrug\n/quit\ny\nrest");
  expect([typing.question, typing.line]).toEqual([undefined, "rest"]);
  expect(takeTold()).toEqual(["send one", "send /shrug", "send /quit", "send y"]);
  pasteAsKeys(lines(20).join(""));
  expect([typing.question, takeTold()]).toEqual(["send 20 lines? [y/N] ", []]);
});

test("a paste that is not to be sent leaves what was being typed", () => {
  const { type, paste, typing, takeTold } = open();
  type("typed");
  paste(lines(6).join(""));
  type("n\r");
  expect([typing.edited, takeTold()]).toEqual([{ line: "typed", cursor: 5 }, []]);
});

test("a paste does not answer a question", () => {
  const { paste, typing, takeTold } = open();
  paste(lines(6).join(""));
  paste("y\n");
  expect(typing.question).toBe("send 6 lines? [y/N] ");
  expect(takeTold()).toEqual([]);
});

test("a paste of one line is as if it had been typed", () => {
  const { paste, type, typing, takeTold } = open();
  paste("/he");
  expect(typing.line).toBe("/he");
  paste("lp\n");
  paste("/shrug\nrest");
  expect(takeTold()).toEqual(["help"]);
  expect(typing.question).toStartWith("unknown command /shrug;");
  type("y\r");
  expect([typing.line, takeTold()]).toEqual(["rest", ["send /shrug"]]);
});

test("Up and Down bring lines entered before, and what was being typed", () => {
  const { type, typing, takeTold } = open();
  type("one\r/help\rtyped\x1b[A\x10");
  expect(typing.edited).toEqual({ line: "one", cursor: 3 });
  type("\x1b[B");
  expect(typing.line).toBe("/help");
  type("\x0e");
  expect([typing.line, takeTold()]).toEqual(["typed", ["send one", "help"]]);
});

test("keys that mean nothing here do nothing, with a question open as well", () => {
  const { type, typing, takeTold } = open();
  type("\x1b[5~ab\x00\x1b/\r");
  expect(takeTold()).toEqual(["send ab"]);
  type("/x\r\x1b[A\t\x1b[M !!");
  expect([typing.edited.line, typing.line, takeTold()]).toEqual(["", "/x", []]);
});
