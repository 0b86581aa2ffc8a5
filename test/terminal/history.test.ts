import { afterEach, beforeEach, expect, jest, test } from "bun:test";

import { History } from "../../lib/terminal/history.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const END = "* end of history\n";

/** What is shown: lines of the history with `h `. */
function open() {
  const shown: string[] = [];
  const history = new History((lines, isHistory) => {
    for (const line of lines.trimEnd().split("\n")) shown.push(isHistory ? `h ${line}` : line);
  });
  const takeShown = () => shown.splice(0);
  const sends = (line: string) => history.sent(line, () => shown.push(line));
  return { history, sends, takeShown };
}

test("what comes up to the mark is history, in however many pieces, and what follows is not", () => {
  const { history, takeShown } = open();
  history.joined();
  for (const piece of ["bob: 1\nbob: 2\n", "bob: 3\n"]) history.receive(piece);
  expect(takeShown()).toEqual([]);
  history.receive(`bob: 4\n${END}bob: 5\n`);
  const lines = [1, 2, 3, 4].map((number) => `h bob: ${number}`);
  expect(takeShown()).toEqual([...lines, "h * end of history", "bob: 5"]);
  history.receive("bob: 6\n");
  expect(takeShown()).toEqual(["bob: 6"]);
});

test("without a mark, what comes at once is shown a moment later, and is none", () => {
  const { history, takeShown } = open();
  history.joined();
  history.receive("bob: 1\n");
  jest.advanceTimersByTime(299);
  expect(takeShown()).toEqual([]);
  jest.advanceTimersByTime(1);
  expect(takeShown()).toEqual(["bob: 1"]);
  history.receive(`bob: 2\n${END}`);
  expect(takeShown()).toEqual(["bob: 2", "* end of history"]);
});

test("a while after joining, a line is shown at once", () => {
  const { history, takeShown } = open();
  history.joined();
  jest.advanceTimersByTime(300);
  history.receive("bob: 1\n");
  expect(takeShown()).toEqual(["bob: 1"]);
});

test("in a room that talks all the time, lines are held back for a second at most", () => {
  const { history, takeShown } = open();
  history.joined();
  for (let turn = 0; turn < 9; turn++) {
    history.receive(`bob: ${turn}\n`);
    jest.advanceTimersByTime(111);
  }
  expect(takeShown()).toEqual([]);
  jest.advanceTimersByTime(2);
  history.receive("bob: 9\n");
  expect(takeShown()).toHaveLength(10);
});

test("a line that is sent meanwhile stands behind what was received before", () => {
  const { history, sends, takeShown } = open();
  history.joined();
  history.receive("bob: 1\n");
  sends("al: hi");
  history.receive(END);
  expect(takeShown()).toEqual(["h bob: 1", "h * end of history", "al: hi"]);
});

test.each<[what: string, again: string[], shown: string[]]>([
  ["nothing new", ["bob: 1", "al: hi", "bob: 2"], []],
  ["its last lines", ["bob: 2"], []],
  ["new lines", ["bob: 1", "bob: 2", "bob: 3", "bob: 4"], ["bob: 3", "bob: 4"]],
  ["own lines among them", ["bob: 2", "al: hi", "bob: 3", "al: more"], ["bob: 3", "al: more"]],
  ["the same again", ["bob: 1", "bob: 2", "bob: 1", "bob: 2"], ["bob: 1", "bob: 2"]],
  ["none of what is known", ["bob: 7", "bob: 8"], ["bob: 7", "bob: 8"]],
  ["older lines as well", ["bob: 0", "bob: 1", "bob: 2", "bob: 3"], ["bob: 3"]],
])("after a loss, a history of %s: only what was missed is shown", (_what, again, missed) => {
  const { history, sends, takeShown } = open();
  history.joined();
  history.receive(`bob: 1\n${END}`);
  sends("al: hi");
  history.receive("* carol joined (3 here)\nbob: 2\n");
  takeShown();
  history.joined();
  history.receive(again.map((line) => `${line}\n`).join("") + END);
  const mark = missed.length > 0 ? ["h * end of history"] : [];
  expect(takeShown()).toEqual([...missed.map((line) => `h ${line}`), ...mark]);
});
