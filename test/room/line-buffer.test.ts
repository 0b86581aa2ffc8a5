/** Framing as its users see it; `fuzz.test.ts` compares it with a reader that goes byte by byte. */

import { expect, test } from "bun:test";

import { LineBuffer } from "../../lib/room/line-buffer.ts";

const LINE_BYTES_MAX = 8;

/** A buffer into which chunks were put. */
function holding(...chunks: string[]): LineBuffer {
  const buffer = new LineBuffer(LINE_BYTES_MAX);
  for (const chunk of chunks) buffer.push(Buffer.from(chunk, "latin1"));
  return buffer;
}

/** All that can be taken, run by run. */
function takeAll(buffer: LineBuffer, bytesMax = 10_000): string[] {
  const runs: string[] = [];
  for (let run = buffer.take(bytesMax); run; run = buffer.take(bytesMax))
    runs.push(Buffer.from(run).toString("latin1"));
  return runs;
}

test("lines that came together are one run, and one that was cut is a run of its own", () => {
  expect(takeAll(holding("one\ntwo\nthr"))).toEqual(["one\ntwo\n"]);
  expect(takeAll(holding("o", "ne\n\ntwo\r\nt", "\0\xff\n"))).toEqual([
    "one\n",
    "\ntwo\r\n",
    "t\0\xff\n",
  ]);
});

test("a chunk may be used again by its sender once its lines are taken", () => {
  const buffer = new LineBuffer(100);
  const chunk = Buffer.from("one\ntw");
  buffer.push(chunk);
  takeAll(buffer);
  chunk.fill("x");
  buffer.push(Buffer.from("o\n"));
  expect(takeAll(buffer)).toEqual(["two\n"]);
});

test("as many lines are taken as fit, and the rest waits", () => {
  const buffer = holding("one\ntwo\nthree\n");
  expect(takeAll(buffer, 9)).toEqual(["one\ntwo\n", "three\n"]);
  buffer.push(Buffer.from("three\n"));
  for (const bytesMax of [5, 0]) expect(buffer.take(bytesMax)).toBeUndefined();
  expect(buffer.next?.length).toBe(6);
  expect(takeAll(buffer, 6)).toEqual(["three\n"]);
});

test("a line that is too long is found among many short ones in one chunk", () => {
  const short = "ab\n".repeat(1000);
  const buffer = holding(`${short}123456789\n${short}`);
  expect(takeAll(buffer).join("")).toBe(short);
  expect(buffer.objection).toBeDefined();
});
