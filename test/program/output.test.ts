/** What a program tells on stderr, which may be slow: none of it is lost without being counted. */

import { expect, test } from "bun:test";
import { closeSync, constants } from "node:fs";
import { join } from "node:path";

import { atEnd, endAfterEach } from "../harness.ts";
import { Fifo } from "../harness/fifo.ts";

endAfterEach();

/** chatter.ts with its stderr at a descriptor, which is closed here; has it do something until it answers. */
function startChatter(stderr: number): (what: string) => Promise<void> {
  const command = [process.execPath, join(import.meta.dir, "chatter.ts")];
  const chatter = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr });
  closeSync(stderr);
  atEnd(() => chatter.kill("SIGKILL"));
  const answers = chatter.stdout[Symbol.asyncIterator]();
  return async (what) => {
    chatter.stdin.write(`${what}\n`);
    chatter.stdin.flush();
    const { value } = await answers.next();
    expect(Buffer.from(value ?? []).toString()).toBe("done\n");
  };
}

/** Every event from the start is there or counted, in order; returns how many were counted. */
function expectAccountedFor(log: string, events: number): number {
  let next = 0;
  let dropped = 0;
  for (const line of log.split("\n").slice(0, -1)) {
    const [, count] = /^(\d+) events? (?:was|were) not logged$/.exec(line) ?? [];
    dropped += Number(count ?? 0);
    if (count === undefined) expect(line).toBe(`event ${next} ${"x".repeat(90)}`);
    next += Number(count ?? 1);
  }
  expect(next).toBe(events);
  return dropped;
}

for (const [kind, flags] of [
  ["a pipe", 0],
  ["a non-blocking pipe", constants.O_NONBLOCK],
] as const)
  test(`${kind} that nobody reads: what was dropped is counted when there is room again`, async () => {
    const fifo = new Fifo();
    const does = startChatter(fifo.writer(flags));
    for (let round = 0; round < 5; round++) await does("write 20000");
    const first = await fifo.reads("not logged\n");
    const dropped = expectAccountedFor(first, 100_000);
    expect(dropped).toBeGreaterThan(80_000); // Memory is bounded.
    await does("write 1000");
    await does("fail 1"); // What was written just before the end is there.
    const log = first + (await fifo.reads());
    expect(log).toEndWith("\nchatter: no more\n");
    expect(expectAccountedFor(log.replace("chatter: no more\n", ""), 101_001)).toBe(dropped);
  });
