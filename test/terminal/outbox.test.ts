import { expect, test } from "bun:test";

import { Outbox } from "../../lib/terminal/outbox.ts";

test("a line has gone out when the next one is asked for", async () => {
  const sent: string[] = [];
  const outbox = new Outbox();
  outbox.add("one");
  outbox.add("two");
  const taken = outbox.taken((line) => sent.push(line));
  expect(`${(await taken.next()).value}`).toBe("one\n");
  expect([outbox.count, sent]).toEqual([2, []]);
  expect(`${(await taken.next()).value}`).toBe("two\n");
  expect([outbox.count, sent]).toEqual([1, ["one"]]);
  const third = taken.next();
  await Promise.resolve();
  expect([outbox.count, sent]).toEqual([0, ["one", "two"]]);
  outbox.add("three");
  expect(`${(await third).value}`).toBe("three\n");
  outbox.end();
  expect((await taken.next()).done).toBe(true);
  expect(outbox.count).toBe(0);
});

test("a line that could not be sent has not gone out", async () => {
  const sent: string[] = [];
  const outbox = new Outbox();
  for (const line of ["one", "two", "three", "four"]) outbox.add(line);
  for await (const bytes of outbox.taken((line) => sent.push(line)))
    if (`${Buffer.from(bytes)}` === "two\n") break;
  expect(sent).toEqual(["one"]);
  expect([outbox.count, outbox.last(2), outbox.last(9)]).toEqual([
    3,
    ["three", "four"],
    ["two", "three", "four"],
  ]);
});

test("many lines go out in order", async () => {
  const sent: string[] = [];
  const outbox = new Outbox();
  const lines = Array.from({ length: 100_000 }, (_, index) => `line ${index}`);
  for (const line of lines) outbox.add(line);
  outbox.end();
  for await (const _ of outbox.taken((line) => sent.push(line)));
  expect(sent).toEqual(lines);
});
