/** The log as its users see it; `fuzz.test.ts` compares it with plain lists. */

import { expect, test } from "bun:test";

import { LineLog } from "../../lib/room/line-log.ts";
import type { Author } from "../../lib/room/order.ts";

const author = (): Author => ({ lastRun: -1 });

/** A log with lines, each of the author whose letter it begins with. */
function holding(log: LineLog, ...lines: string[]) {
  const authors: Record<string, Author> = { a: author(), b: author(), e: author() };
  const append = (line: string) =>
    log.append(authors[line.charAt(0)] ?? author(), Buffer.from(line));
  for (const line of lines) append(line);
  /** What one of them gets from a position to the head, without its own. */
  const read = (who: string, position: number) => {
    const reader = authors[who] ?? author();
    let text = "";
    while (position < log.head) {
      const { bytes, offset, length, next } = log.read(reader, position, log.head);
      text += Buffer.from(bytes.subarray(offset, offset + length)).toString();
      position = next;
    }
    return text;
  };
  return { authors, append, read };
}

test("it is full when its bytes are, and has room as soon as they are released", () => {
  const log = new LineLog(8);
  const { append } = holding(log, "a234567\n");
  expect(log.freeBytes).toBe(0);
  expect(() => append("\n")).toThrow("a run fits the log");
  log.release(3);
  expect(log.freeBytes).toBe(3);
});

test("it is full when its notes are, of which lines of one author in a row need one", () => {
  const log = new LineLog(1000, 0, 4);
  const { append, read } = holding(log, "a\n", "b\n", "a\n");
  for (let line = 0; line < 100; line++) append("a\n");
  expect([log.freeBytes, read("a", 4)]).toEqual([794, ""]);
  append("b\n");
  expect(log.freeBytes).toBe(0);
  log.release(2);
  expect(log.freeBytes).toBe(794);
});

test("what is kept of what everybody has needs no room of the readers, and no notes; no run can take its place", () => {
  const log = new LineLog(1000, 1000, 4);
  for (let n = 0; n < 2000; n++) {
    holding(log, "1\n");
    log.release(log.head);
    expect(log.freeBytes).toBe(1000);
  }
});

test("what is kept is held for a reader that begins there, until it has it", () => {
  const log = new LineLog(4, 4);
  const { append, read } = holding(log, "a\n", "a\n");
  log.release(4);
  log.holdFrom(2);
  expect([log.tail, log.freeBytes]).toEqual([2, 4]);
  append("a\na\n");
  append("a\n");
  expect([log.freeBytes, read("b", 2)]).toEqual([0, "a\na\na\na\n"]);
  log.holdFrom(4);
  expect(log.tail).toBe(2);
  log.release(4);
  expect(log.freeBytes).toBe(2);
  expect(() => log.holdFrom(1)).toThrow("it is still in the log");
});

test("the end of a line is found wherever the ring wraps", () => {
  for (const keptBytes of [1, 2, 5, 11, 23]) {
    const log = new LineLog(7, keptBytes);
    let all = "";
    for (let length = 1; all.length < 200; length = (length * 3 + 1) % 6 || 6) {
      const line = `${"abcdef".slice(0, length - 1)}\n`;
      all += line;
      holding(log, line);
      log.release(log.head);
      for (let at = Math.max(0, all.length - 7 - keptBytes); at < log.head; at++)
        expect([at, log.lineEnd(at)]).toEqual([at, all.indexOf("\n", at) + 1]);
    }
  }
});
