/** What passes through the client: pieces of stdin, prefixes. */

import { expect, test } from "bun:test";

import { piecesOf, prefixLines } from "../../lib/client/pipe.ts";

/** A stream that is always ready. */
async function* always(count: number) {
  for (let piece = 0; piece < count; piece++) yield new Uint8Array(64 << 10).fill(piece);
}

test("the event loop turns while stdin is always ready", async () => {
  let turned = false;
  setImmediate(() => (turned = true));
  let count = 0;
  for await (const _ of piecesOf(() => always(1000))) if (turned || count++ > 100) break;
  expect([turned, count < 100]).toEqual([true, true]);
});

test("the memory of a piece is free once the next one is asked for", async () => {
  const pieces: Uint8Array[] = [];
  for await (const piece of piecesOf(() => always(2))) {
    expect(piece).toHaveLength(64 << 10);
    pieces.push(piece);
  }
  expect(pieces.map(({ length }) => length)).toEqual([0, 0]);
});

async function* chunksOf(sent: Buffer, bytes: number) {
  for (let start = 0; start < sent.length; start += bytes)
    yield sent.subarray(start, start + bytes);
}

test("each line gets its prefix, wherever the chunks are cut, and any bytes pass", async () => {
  const p = Buffer.from("é$&: ").toString("latin1");
  for (const [sent, prefixed] of [
    [
      "one\n\nt\r\nw\xff\xc3\no $& \0\nend",
      `${p}one\n${p}\n${p}t\r\n${p}w\xff\xc3\n${p}o $& \0\n${p}end`,
    ],
    ["x\n", `${p}x\n`],
    ["", ""],
  ] as const)
    for (let bytes = 1; bytes <= sent.length + 1; bytes++) {
      const chunks = chunksOf(Buffer.from(sent, "latin1"), bytes);
      const out = await Array.fromAsync(prefixLines(chunks, "é$&: "));
      expect(Buffer.concat(out).toString("latin1")).toBe(prefixed);
    }
});
