import { expect, test } from "bun:test";

import { prefixLines } from "../../lib/client/pipe.ts";

async function* chunksOf(said: Buffer, bytes: number) {
  for (let start = 0; start < said.length; start += bytes)
    yield said.subarray(start, start + bytes);
}

test("each line gets its prefix, wherever the chunks are cut, and any bytes pass", async () => {
  const said = Buffer.from("one\n\nt\r\nw\xff\xc3\no $& \0\nend", "latin1");
  for (let bytes = 1; bytes <= said.length; bytes++) {
    const out = await Array.fromAsync(prefixLines(chunksOf(said, bytes), "é$&: "));
    const p = Buffer.from("é$&: ").toString("latin1");
    expect(Buffer.concat(out).toString("latin1")).toBe(
      `${p}one\n${p}\n${p}t\r\n${p}w\xff\xc3\n${p}o $& \0\n${p}end`,
    );
  }
});

test("what says nothing gets no prefix", async () => {
  expect(await Array.fromAsync(prefixLines(chunksOf(Buffer.from(""), 1), "a: "))).toEqual([]);
  const line = await Array.fromAsync(prefixLines(chunksOf(Buffer.from("x\n"), 9), "a: "));
  expect(Buffer.concat(line).toString()).toBe("a: x\n");
});
