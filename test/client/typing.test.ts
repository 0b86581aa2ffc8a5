import { expect, test } from "bun:test";

import { Completion } from "../../lib/client/completion.ts";
import { History } from "../../lib/client/history.ts";
import { Keyboard } from "../../lib/client/keyboard.ts";
import { Typing } from "../../lib/client/typing.ts";

/** A keyboard, and what has come of it. */
function open() {
  const told: string[] = [];
  const events = {
    say: (line: string) => told.push(`say ${line}`),
    obey: (command: string) => told.push(command),
    endInput: () => told.push("end"),
    press: (key: string) => told.push(`press ${JSON.stringify(key)}`),
  };
  const keyboard = new Keyboard();
  const typing = new Typing(events, new History(), new Completion(""));
  const send = (text: string) => {
    for (const input of keyboard.push(text)) typing.take(input);
    while (keyboard.waitsMs !== undefined) for (const input of keyboard.quiet()) typing.take(input);
  };
  const type = (text: string) => text.split(/(?<=\r)/).forEach(send);
  const paste = (text: string) => send(`\x1b[200~${text}\x1b[201~`);
  /** As a terminal does that knows no bracketed paste. */
  const pasteAsKeys = (text: string) => send(text.replaceAll("\n", "\r"));
  const takeTold = () => told.splice(0);
  return { type, paste, pasteAsKeys, typing, takeTold };
}

const lines = (count: number) => Array.from({ length: count }, (_, index) => `line ${index}\n`);

test("lines are said when they are entered", () => {
  const { type, typing, takeTold } = open();
  type("one\rtw");
  expect(takeTold()).toEqual(["say one"]);
  expect(typing.line).toBe("tw");
  type("o\r\r");
  expect(takeTold()).toEqual(["say two", "say "]);
});

test("Ctrl-D ends the input where there is nothing to delete, and deletes elsewhere", () => {
  const { type, typing, takeTold } = open();
  type("x\x01\x04");
  expect([typing.line, takeTold()]).toEqual(["", []]);
  type("\x04");
  expect(takeTold()).toEqual(["end"]);
});

test("commands stay here; two slashes say one", () => {
  const { type, takeTold } = open();
  type("/help\r/time\r//help\r/quit\r");
  expect(takeTold()).toEqual(["help", "time", "say /help", "quit"]);
});

test("what might be a command asks, and is still there after a no", () => {
  const { type, typing, takeTold } = open();
  type("/shrug\r");
  expect(typing.question).toBe("/shrug is no command of this client; say it as it is? [y/N] ");
  expect(typing.edited).toEqual({ line: "", cursor: 0 });
  type("\r");
  expect([typing.question, typing.line, takeTold()]).toEqual([undefined, "/shrug", []]);
  type("\ryes\r");
  expect([typing.question, typing.line, takeTold()]).toEqual([undefined, "", ["say /shrug"]]);
});

test.each(["\r", "n\r", "no\r", "yeah\r", "\x04", "yn\r"])("%j is a no", (answer) => {
  const { type, typing, takeTold } = open();
  type(`/x\r${answer}`);
  expect([typing.question, typing.line, takeTold()]).toEqual([undefined, "/x", []]);
});

test.each(["y\r", "Y\r", " yes \r", "nx\x15y\r"])("%j is a yes", (answer) => {
  const { type, takeTold } = open();
  type(`/x\r${answer}`);
  expect(takeTold()).toEqual(["say /x"]);
});

test("a paste of five lines is said at once, and its rest stays to be typed on", () => {
  const { type, paste, typing, takeTold } = open();
  type("before after");
  type("\x1bb");
  paste(`${lines(5).join("")}rest `);
  expect(takeTold()).toEqual(["say before line 0", ...[1, 2, 3, 4].map((at) => `say line ${at}`)]);
  expect(typing.edited).toEqual({ line: "rest after", cursor: 5 });
});

test("a paste of more lines asks once, whatever its lines are", () => {
  const { type, paste, typing, takeTold } = open();
  const pasted = [...lines(35), "/quit\n", "/shrug\n"];
  paste(pasted.join(""));
  expect(typing.question).toBe("say 37 lines? [y/N] ");
  expect(takeTold()).toEqual([]);
  type("y\r");
  expect(takeTold()).toEqual(pasted.map((line) => `say ${line.trimEnd()}`));
  expect(typing.line).toBe("");
});

test("a paste from a terminal that does not mark it is no command and no answer", () => {
  const { pasteAsKeys, typing, takeTold } = open();
  pasteAsKeys("one\n/shrug\n/quit\ny\nrest");
  expect([typing.question, typing.line]).toEqual([undefined, "rest"]);
  expect(takeTold()).toEqual(["say one", "say /shrug", "say /quit", "say y"]);
  pasteAsKeys(lines(20).join(""));
  expect([typing.question, takeTold()]).toEqual(["say 20 lines? [y/N] ", []]);
});

test("a paste that is not to be said leaves what was being typed", () => {
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
  expect(typing.question).toBe("say 6 lines? [y/N] ");
  expect(takeTold()).toEqual([]);
});

test("a paste of one line is as if it had been typed", () => {
  const { paste, type, typing, takeTold } = open();
  paste("/he");
  expect(typing.line).toBe("/he");
  paste("lp\n");
  paste("/shrug\nrest");
  expect(takeTold()).toEqual(["help"]);
  expect(typing.question).toStartWith("/shrug is no command");
  type("y\r");
  expect([typing.line, takeTold()]).toEqual(["rest", ["say /shrug"]]);
});

test("keys that edit nothing are told, with a question open as well", () => {
  const { type, takeTold } = open();
  type("\x03/x\r\x03\x1a");
  expect(takeTold()).toEqual(['press "\\u0003"', 'press "\\u0003"', 'press "\\u001a"']);
});
