import { expect, test } from "bun:test";

import { Pieces } from "../../lib/client/stdin.ts";

/** A stream that is always ready. */
async function* always(count: number) {
  for (let piece = 0; piece < count; piece++) yield new Uint8Array(64 << 10).fill(piece);
}

test("the event loop turns while stdin is always ready", async () => {
  const pieces = new Pieces(() => always(1000));
  let turned = false;
  setImmediate(() => (turned = true));
  let count = 0;
  for (; !turned && !(await pieces.next()).done; count++);
  expect(count).toBeLessThan(100);
});

test("the memory of a piece is free once the next one is asked for", async () => {
  const pieces = new Pieces(() => always(2));
  const first = await pieces.next();
  expect(first.value).toHaveLength(64 << 10);
  const second = await pieces.next();
  expect([first.value?.length, second.value?.[0]]).toEqual([0, 1]);
  expect(await pieces.next()).toEqual({ done: true, value: undefined });
});
