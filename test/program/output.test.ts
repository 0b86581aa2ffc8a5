import { describe, expect, test } from "bun:test";
import { closeSync, constants } from "node:fs";
import { join } from "node:path";

import { usageOf } from "../bench/usage.ts";
import { atEnd, endAfterEach } from "../harness.ts";
import { Fifo } from "../harness/fifo.ts";

endAfterEach();

/** chatter.ts with its stderr anywhere. */
class Chatter {
  readonly #process: Bun.Subprocess<"pipe", "pipe", number | null>;
  readonly #answers: AsyncIterator<Uint8Array>;

  /** @param stderr a descriptor, which is closed here; or a redirection of the shell */
  constructor(stderr: number | string) {
    const program = [process.execPath, join(import.meta.dir, "chatter.ts")];
    const redirected = ["sh", "-c", `exec "$0" "$1" ${stderr}`, ...program];
    this.#process = Bun.spawn(typeof stderr === "number" ? program : redirected, {
      stdin: "pipe",
      stdout: "pipe",
      stderr: typeof stderr === "number" ? stderr : null,
    });
    if (typeof stderr === "number") closeSync(stderr);
    this.#answers = this.#process.stdout[Symbol.asyncIterator]();
    atEnd(async () => {
      this.#process.kill("SIGKILL");
      await this.#process.exited;
    });
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Has it do something, and waits until it answers that it has. */
  async does(what: string): Promise<void> {
    this.#process.stdin.write(`${what}\n`);
    this.#process.stdin.flush();
    const { value } = await this.#answers.next();
    expect(Buffer.from(value).toString()).toBe("done\n");
  }

  /** Waits for its end; returns its code. */
  ends(): Promise<number> {
    return this.#process.exited;
  }
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

describe("a stderr that nobody reads", () => {
  for (const [kind, flags] of [
    ["a pipe", 0],
    ["a non-blocking pipe", constants.O_NONBLOCK],
  ] as const)
    test(`${kind}: the program goes on, and what was dropped is counted when there is room again`, async () => {
      const fifo = new Fifo();
      const program = new Chatter(fifo.writer(flags));
      for (let round = 0; round < 5; round++) await program.does("write 20000");
      const first = await fifo.reads("not logged\n");
      const dropped = expectAccountedFor(first, 100_000);
      expect(dropped).toBeGreaterThan(80_000);
      await program.does("write 3");
      await program.does("exit 0");
      expect(await program.ends()).toBe(0);
      expect(expectAccountedFor(first + (await fifo.reads()), 100_003)).toBe(dropped);
    });

  test("memory stays bounded", async () => {
    const program = new Chatter(new Fifo().writer());
    await program.does("write 20000");
    const before = usageOf(program.pid).residentBytes;
    for (let round = 0; round < 20; round++) await program.does("write 20000");
    expect(usageOf(program.pid).residentBytes).toBeLessThan(before + 30e6);
  });

  test.each(["exit", "fail"])("does not keep the program from its end (%s)", async (verb) => {
    const program = new Chatter(new Fifo().writer());
    await program.does("write 20000");
    await program.does(`${verb} 0`);
    expect(await program.ends()).toBe(verb === "exit" ? 0 : 1);
  });
});

test("a reader that reads gets everything, also what was written just before the end", async () => {
  const fifo = new Fifo();
  const program = new Chatter(fifo.writer());
  await program.does("write 1000");
  await program.does("fail 1");
  const log = await fifo.reads();
  expect(log).toEndWith("\nchatter: no more\n");
  expect(expectAccountedFor(log.replace("chatter: no more\n", ""), 1001)).toBe(0);
});

test.each(["2>&-", "2>/dev/full", "its reader goes away"])(
  "with %s the program goes on",
  async (how) => {
    const fifo = new Fifo();
    const program = new Chatter(how.startsWith("2") ? how : fifo.writer());
    await program.does("write 20000");
    if (!how.startsWith("2")) await fifo.reads("event 0 ");
    fifo.close();
    for (let round = 0; round < 5; round++) await program.does("write 20000");
    await program.does("exit 0");
    expect(await program.ends()).toBe(0);
  },
);
