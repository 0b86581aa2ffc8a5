import { describe, expect, test } from "bun:test";

import { LastLine } from "../../lib/client/last-line.ts";
import {
  SERVER_MESSAGE_BYTES_MAX,
  serverMessage,
  disconnectOf,
  ROOM_IS_FULL,
} from "../../lib/program/server-messages.ts";
import { Random } from "../simulation/random.ts";

const WORD = serverMessage(ROOM_IS_FULL);

/** What comes out for what goes in, piece by piece. */
class Stream {
  readonly #line = new LastLine();
  passed = "";
  word: string | undefined;

  push(text: string): this {
    this.passed += latin1(this.#line.push(Buffer.from(text, "latin1")));
    return this;
  }

  release(): this {
    this.passed += latin1(this.#line.release());
    return this;
  }

  end(): this {
    const { word, rest } = this.#line.end();
    this.word = word?.message;
    this.passed += latin1(rest);
    return this;
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

/** All ways to cut a text into so many pieces. */
function* cuts(text: string, pieces: number, from = 1): Generator<string[]> {
  if (pieces === 1) return yield [text.slice(from - 1)];
  for (let at = from; at < text.length; at++)
    for (const rest of cuts(text, pieces - 1, at + 1)) yield [text.slice(from - 1, at), ...rest];
}

describe("a last word at the end is told from what was said, however the bytes are cut:", () => {
  for (const [said, word] of [
    [WORD, true],
    [`alice: hi\n${WORD}`, true],
    [`${WORD}${WORD}`, true],
    [`* \n${WORD}`, true],
    [`${WORD}alice: hi\n`, false],
    [`alice: hi${WORD}`, false],
    [`alice: hi\n ${WORD}`, false],
    [`alice: hi\n${WORD.slice(0, -1)}`, false],
    [`alice: hi\n${WORD.slice(0, -1)}er\n`, false],
    ["\xff\0\n* \xff", false],
  ] as const)
    test(JSON.stringify(said), () => {
      for (const pieces of [1, 2, 3])
        for (const cut of cuts(said, pieces)) {
          const stream = new Stream();
          for (const piece of cut) stream.push(piece);
          stream.end();
          expect([stream.word, stream.passed]).toEqual(
            word ? [ROOM_IS_FULL, said.slice(0, -WORD.length)] : [undefined, said],
          );
        }
    });
});

test("it passes as soon as anything follows, or its time is over", () => {
  const stream = new Stream();
  expect(stream.push(`bob: a\n${WORD}`).passed).toBe("bob: a\n");
  expect(stream.push("b").passed).toBe(`bob: a\n${WORD}b`);
  expect(stream.push(`\n${WORD}`).passed).toBe(`bob: a\n${WORD}b\n`);
  expect(stream.release().passed).toBe(`bob: a\n${WORD}b\n${WORD}`);
  const { word, passed } = stream.end();
  expect([word, passed]).toEqual([undefined, `bob: a\n${WORD}b\n${WORD}`]);
});

test("half of one that has passed is not held again with its other half", () => {
  const stream = new Stream().push("* room ");
  expect([stream.passed, stream.release().passed]).toEqual(["", "* room "]);
  expect(stream.push("is full\n").passed).toBe(WORD);
  expect(stream.end().word).toBeUndefined();
});

test("nothing that is too long to be one is held", () => {
  for (const long of [`* ${"x".repeat(SERVER_MESSAGE_BYTES_MAX - 1)}`, `* ${"x".repeat(1 << 20)}\n`])
    expect(new Stream().push(long).passed).toBe(long);
  expect(new Stream().push(`* ${"x".repeat(SERVER_MESSAGE_BYTES_MAX - 2)}`).passed).toBe("");
});

test("a large chunk comes out without being copied", () => {
  const chunk = Buffer.alloc(512 << 10, "0123456789abcde\n");
  const line = new LastLine();
  for (const passed of [line.push(chunk), line.push(Buffer.concat([chunk, Buffer.from(WORD)]))])
    expect([passed.length, passed.byteOffset]).toEqual([chunk.length, 0]);
  expect(line.push(chunk).length).toBe(WORD.length + chunk.length);
});

test("a slow and obvious version holds the same", () => {
  const pieces = [
    "*",
    " ",
    "* ",
    WORD,
    WORD,
    "\n",
    "* room",
    " is full\n",
    "a",
    "ab\n",
    "* idle for",
  ];
  for (let seed = 1; seed <= 2000; seed++) {
    const random = new Random(seed);
    const stream = new Stream();
    let all = "";
    let released = 0;
    for (let step = random.between(1, 8); step > 0; step--) {
      if (random.chance(150)) {
        stream.release();
        released = all.length;
      } else {
        let piece = random.pick(pieces);
        if (random.chance(100)) piece += "x".repeat(random.below(200));
        stream.push(piece);
        all += piece;
      }
      expect([seed, stream.passed]).toEqual([seed, all.slice(0, startOfHeld(all, released))]);
    }
    const held = all.slice(startOfHeld(all, released));
    const word = held.endsWith("\n") ? disconnectOf(held.slice(0, -1))?.message : undefined;
    stream.end();
    expect(stream.word).toBe(word);
    expect(stream.passed).toBe(word ? all.slice(0, -held.length) : all);
  }
});

function startOfHeld(all: string, released: number): number {
  const start = all.lastIndexOf("\n", all.length - 2) + 1;
  const line = all.slice(start);
  const isWord = line.endsWith("\n") ? disconnectOf(line.slice(0, -1)) : /^\*( |$)/.test(line);
  return start >= released && isWord && line.length <= SERVER_MESSAGE_BYTES_MAX ? start : all.length;
}
