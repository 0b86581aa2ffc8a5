import { beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";

import { type Certificates, makeCertificates } from "../certificates.ts";
import { ROOT, ServerProgram } from "../harness.ts";
import { Caller, type CallerOptions } from "./caller.ts";
import { atEnd, endAllAfterEach, eventually } from "./ends.ts";
import { libc, setNonBlocking } from "./libc.ts";
import { exitOf, newFolder, Pipe, type Place, processorMs, serve } from "./served.ts";

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});
endAllAfterEach();

const libcTest = test.skipIf(libc === undefined);
const LOCAL = ["--host", "127.0.0.1", "0"];
const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;

async function portIn(pipe: Pipe): Promise<{ port: number }> {
  const [, port] = await pipe.printed(/listening on 127\.0\.0\.1:(\d+)\n/);
  return { port: Number(port) };
}

/** Connects as soon as somebody listens. */
async function callWhenThere(place: Place): Promise<Caller> {
  for (let attempt = 0; ; attempt++)
    try {
      return await Caller.connect(place);
    } catch (error) {
      if (attempt === 300) throw error;
      await Bun.sleep(10);
    }
}

/** Connects so many, a few at a time. */
async function callMany(place: Place, count: number, each?: (caller: Caller) => Promise<unknown>) {
  const callers: Caller[] = [];
  while (callers.length < count) {
    const some = Math.min(50, count - callers.length);
    const calls = await Promise.all(Array.from({ length: some }, () => Caller.connect(place)));
    callers.push(...calls);
    if (each) await Promise.all(calls.map(each));
  }
  return callers;
}

/** Fails unless what one says is what the other hears, and nothing else. */
async function expectRelayed(from: Caller, to: Caller, text: string): Promise<void> {
  const before = to.text;
  from.say(text);
  await to.hears(text);
  expect(to.text).toBe(before + text);
}

describe("a log that nobody reads holds nothing up", () => {
  test("a full pipe: 450 join, lines are relayed, and SIGTERM ends the server", async () => {
    const pipe = new Pipe();
    const server = serve(LOCAL, { stderr: pipe.writer });
    const place = await portIn(pipe);
    pipe.fill();
    const callers = await callMany(place, 450);
    const [first, last] = [callers[0], callers.at(-1)];
    if (!first || !last) throw new Error("nobody came");
    await expectRelayed(first, last, "hello\n");
    await expectRelayed(last, first, "hello to you\n");
    server.kill("SIGTERM");
    for (const caller of callers) expect(await caller.ended()).toBe("end of input");
    expect(await exitOf(server)).toBe(0);
  });

  test("a pipe that was full before the start", async () => {
    const pipe = new Pipe();
    pipe.fill();
    const unix = join(newFolder(), "room");
    const server = serve(["--unix", unix], { stderr: pipe.writer });
    const [ann, bob] = [await callWhenThere({ unix }), await callWhenThere({ unix })];
    await expectRelayed(ann, bob, "hello\n");
    server.kill("SIGINT");
    expect(await exitOf(server)).toBe(0);
  });

  test("a terminal whose output is stopped by Ctrl-S", async () => {
    let shown = "";
    const decoder = new TextDecoder();
    const server = Bun.spawn([process.execPath, "server.ts", ...LOCAL], {
      cwd: ROOT,
      terminal: { data: (_, bytes) => void (shown += decoder.decode(bytes)) },
    });
    atEnd(async () => {
      server.kill("SIGKILL");
      await server.exited;
      server.terminal?.close();
    });
    const listening = /listening on \S+:(\d+)\r\n/;
    const [, port] = await eventually("a port", () => listening.exec(shown) ?? undefined);
    const place = { port: Number(port) };
    const ann = await Caller.connect(place);
    await eventually("ann's name", () => shown.includes(`joined ${ann.name}`));
    server.terminal?.write("\x13");
    const bob = await Caller.connect(place);
    await callMany(place, 300, async (caller) => caller.reset());
    await expectRelayed(ann, bob, "hello\n");
    await expectRelayed(bob, ann, "hello to you\n");
    server.kill("SIGTERM");
    expect(await bob.ended()).toBe("end of input");
    expect(await eventually("the end", () => server.exitCode ?? undefined, 3_000)).toBe(0);
  });

  for (const nonBlocking of [false, true])
    libcTest(
      `once a full ${nonBlocking ? "non-blocking " : ""}pipe is read, what was kept comes in whole lines, and what was not is counted`,
      async () => {
        const pipe = new Pipe();
        serve(LOCAL, { stderr: pipe.writer });
        if (nonBlocking) setNonBlocking(pipe.writer);
        const place = await portIn(pipe);
        pipe.fill();
        const count = 9_000;
        const start = pipe.text.length;
        const callers = await callMany(place, count, (caller) => {
          caller.halfClose();
          return caller.ended();
        });
        const lines = () =>
          pipe.text
            .slice(start)
            .split("\n")
            .filter((line) => line !== "");
        const notLogged = () =>
          lines()
            .map((line) => / (\d+) events? (?:was|were) not logged$/.exec(line)?.[1])
            .filter((number) => number !== undefined)
            .map(Number);
        const logged = () => lines().length - notLogged().length;
        await pipe.until("all events to be logged or counted", () => {
          const counted = notLogged().reduce((sum, one) => sum + one, 0);
          return pipe.text.endsWith("\n") && logged() + counted === 2 * count;
        });
        expect(notLogged().length).toBeGreaterThan(0);
        const event = String.raw`(joined \S+|left \S+: end of input) \(\d+ here\)|\d+ events? (was|were) not logged`;
        for (const line of lines()) expect(line).toMatch(new RegExp(`^${TIME} (${event})$`));
        // From here on everything is logged again.
        const next = await Caller.connect(place);
        await pipe.printed(new RegExp(`joined ${RegExp.escape(next.name)} \\(1 here\\)\n`));
        // What was kept is the beginning, in order.
        const names = callers.slice(0, 50).map((caller) => caller.name);
        const kept = lines().slice(0, 50);
        expect(kept.every((line) => names.some((name) => line.includes(name)))).toBe(true);
      },
    );

  libcTest("a few events wait for a non-blocking pipe that is full, and none is lost", async () => {
    const pipe = new Pipe();
    serve(LOCAL, { stderr: pipe.writer });
    // Only now, because starting a program makes its descriptors wait.
    setNonBlocking(pipe.writer);
    const place = await portIn(pipe);
    pipe.fill();
    const [ann, bob] = await callMany(place, 2);
    if (!ann || !bob) throw new Error("nobody came");
    await expectRelayed(ann, bob, "hello\n");
    await pipe.printed(new RegExp(`joined ${RegExp.escape(ann.name)} `));
    await pipe.printed(new RegExp(`joined ${RegExp.escape(bob.name)} `));
    expect(pipe.text).not.toContain("not logged");
  });

  test("a pipe whose reader has gone", async () => {
    const pipe = new Pipe();
    const server = serve(LOCAL, { stderr: pipe.writer });
    const place = await portIn(pipe);
    pipe.stopReading();
    const callers = await callMany(place, 100);
    const [ann, bob] = callers;
    if (!ann || !bob) throw new Error("nobody came");
    await expectRelayed(ann, bob, "hello\n");
    const beforeMs = processorMs(server.pid);
    await Bun.sleep(300);
    expect(processorMs(server.pid) - beforeMs).toBeLessThan(150);
    server.kill("SIGTERM");
    expect(await exitOf(server)).toBe(0);
  });

  test("with a reader, the last events before the end are there too", async () => {
    const server = await ServerProgram.start();
    const callers = await callMany(server, 500);
    await server.members(500);
    server.kill("SIGTERM");
    expect(await server.exited).toBe(0);
    for (const { name } of callers)
      expect(server.stderr).toContain(`left ${name}: server stopping`);
    expect(server.stderr).not.toContain("not logged");
  });

  for (const redirect of [
    "2>&-",
    "2>/dev/full",
    "0<&- 1>&- 2>&-",
    "1>/dev/full 2>/dev/full",
    "2</dev/null",
  ])
    test(`with ${redirect} lines are relayed, nothing else is heard, and SIGTERM ends the server`, async () => {
      const unix = join(newFolder(), "room");
      const server = serve(["--unix", unix, "--max-line", "64"], { redirect });
      const ann = await callWhenThere({ unix });
      const bob = await callWhenThere({ unix });
      await callMany({ unix }, 100, async (caller) => caller.reset());
      const rude = await Caller.connect({ unix });
      rude.say("x".repeat(100));
      expect(await rude.ended()).toBe("end of input");
      await expectRelayed(ann, bob, "hello\n");
      await expectRelayed(bob, ann, "hello to you\n");
      const beforeMs = processorMs(server.pid);
      await Bun.sleep(300);
      expect(processorMs(server.pid) - beforeMs).toBeLessThan(150);
      server.kill("SIGTERM");
      expect(await ann.ended()).toBe("end of input");
      expect(ann.text).toBe("hello to you\n");
      expect(await exitOf(server)).toBe(0);
    });

  for (const [what, words, code] of [
    ["a mistake on the command line", ["--nope", "0"], 2],
    ["an address that is not there", ["--host", "192.0.2.1", "0"], 1],
  ] as const)
    for (const stderr of ["2>&-", "2>/dev/full", "a full pipe"])
      test(`${what} gives exit code ${code} with ${stderr}`, async () => {
        const pipe = new Pipe();
        pipe.fill();
        const server = serve(
          words,
          stderr === "a full pipe" ? { stderr: pipe.writer } : { redirect: stderr },
        );
        expect(await exitOf(server)).toBe(code);
      });
});

describe("descriptors are left as they were found", () => {
  for (const [what, words] of [
    ["a server that runs", LOCAL],
    ["--help", ["--help"]],
    ["--version", ["--version"]],
    ["a mistake on the command line", ["--nope"]],
    ["an address that is not there", ["--host", "192.0.2.1", "0"]],
  ] as const)
    for (const nonBlocking of [false, true])
      libcTest(`${nonBlocking ? "non-blocking" : "blocking"} ones, by ${what}`, async () => {
        const [stdout, stderr] = [new Pipe(), new Pipe()];
        const server = serve(words, { stdout: stdout.writer, stderr: stderr.writer });
        if (nonBlocking) for (const pipe of [stdout, stderr]) setNonBlocking(pipe.writer);
        if (words === LOCAL) {
          const place = await portIn(stderr);
          const [ann, bob] = await callMany(place, 2);
          if (ann && bob) await expectRelayed(ann, bob, "hello\n");
          await stderr.printed(/\(2 here\)\n/);
          expect([stdout.isNonBlocking, stderr.isNonBlocking]).toEqual([nonBlocking, nonBlocking]);
          server.kill("SIGTERM");
        }
        await exitOf(server);
        expect([stdout.isNonBlocking, stderr.isNonBlocking]).toEqual([nonBlocking, nonBlocking]);
      });
});

describe("refusals cannot flood the log", () => {
  const address = (n: number) => `127.0.${n >> 8}.${n & 255}`;
  const refusedLines = (server: ServerProgram) => server.stderr.split(" refused ").length - 1;
  const heldBack = (server: ServerProgram) =>
    [...server.stderr.matchAll(/Z (\d+) more refused\n/g)]
      .map(([, count]) => Number(count))
      .reduce((sum, one) => sum + one, 0);

  /** Each of so many addresses calls and waits for the end. */
  async function flood(
    server: ServerProgram,
    from: number,
    count: number,
    options?: CallerOptions,
  ) {
    for (let n = 0; n < count; n += 50)
      await Promise.allSettled(
        Array.from({ length: Math.min(50, count - n) }, async (_, index) => {
          const caller = await Caller.connect(server, {
            from: address(from + n + index),
            ...options,
          });
          caller.say("plain text\n");
          await caller.ended();
        }),
      );
  }

  /** Waits until all refusals are logged or counted; returns how many lines that took a second. */
  async function accounted(server: ServerProgram, count: number, sinceMs: number): Promise<number> {
    await server.until(
      `${count} refusals`,
      () => refusedLines(server) + heldBack(server) === count,
    );
    return refusedLines(server) / Math.ceil((performance.now() - sinceMs) / 1000);
  }

  test("from 1,200 addresses: at most 20 lines a second, the others are counted", async () => {
    const server = await ServerProgram.start("--deny", "127.0.0.0/8");
    const sinceMs = performance.now();
    await flood(server, 2, 1_200);
    // The second that has begun, too.
    expect(await accounted(server, 1_200, sinceMs)).toBeLessThanOrEqual(40);
    expect(refusedLines(server)).toBeGreaterThan(0);
    expect(server.stderr).toMatch(
      /Z refused 127\.0\.0\.\d+:\d+: not allowed from 127\.0\.0\.\d+ \(0 here\)\n/,
    );
  });

  test("from one address: one line a second, the others are counted", async () => {
    const server = await ServerProgram.start("--deny", "127.0.0.0/8");
    const sinceMs = performance.now();
    for (let n = 0; n < 200; n += 50)
      await Promise.allSettled(
        Array.from({ length: 50 }, async () => (await Caller.connect(server)).ended()),
      );
    expect(await accounted(server, 200, sinceMs)).toBeLessThanOrEqual(2);
  });

  test("by 300 addresses whose handshakes fail", async () => {
    const server = await ServerProgram.start(
      ...["--tls-cert", certificates.file("server.pem")],
      ...["--tls-key", certificates.file("server.key")],
    );
    const sinceMs = performance.now();
    await flood(server, 2, 300);
    expect(await accounted(server, 300, sinceMs)).toBeLessThanOrEqual(40);
  });

  test("one address and its two reasons are two lines", async () => {
    const server = await ServerProgram.start(
      ...["--max-clients", "2", "--max-clients-per-address", "1"],
    );
    await server.join();
    const again = await Caller.connect(server);
    await server.logged(`refused ${again.name}: too many connections from 127.0.0.1 (1 here)\n`);
    await server.join({ from: "127.0.0.9" });
    const other = await Caller.connect(server);
    await server.logged(`refused ${other.name}: room is full (2 here)\n`);
    expect(server.stderr).not.toContain("more refused");
  });

  test("those held back are counted before the server ends", async () => {
    const server = await ServerProgram.start("--max-clients", "1");
    const member = await server.join();
    const callers = await callMany(server, 5, (caller) => caller.ended());
    for (const caller of callers) caller.halfClose();
    member.endInput();
    expect(await server.stop()).toBe(0);
    expect([refusedLines(server), heldBack(server)]).toEqual([1, 4]);
    expect(server.stderr).toMatch(/stopping\n[^]*more refused\n$/);
  });

  test("with --quiet too they are counted", async () => {
    const pipe = new Pipe();
    const unix = join(newFolder(), "room");
    serve(["--quiet", "--unix", unix, "--max-clients", "1"], { stderr: pipe.writer });
    await callWhenThere({ unix });
    await callMany({ unix }, 50, (caller) => caller.ended());
    await pipe.printed(/refused unix:\d+: room is full \(1 here\)\n/);
    await pipe.printed(/Z \d+ more refused\n/);
    const counts = [...pipe.text.matchAll(/Z (\d+) more refused\n/g)].map(([, count]) =>
      Number(count),
    );
    const lines = pipe.text.split(" refused unix").length - 1;
    expect(lines + counts.reduce((sum, one) => sum + one, 0)).toBe(50);
  });
});
