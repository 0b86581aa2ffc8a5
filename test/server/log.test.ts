/** The log on stderr: whatever reads it, or does not, nothing is held up, and no flood fills it. */

import { beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";

import { type Certificates, makeCertificates } from "../certificates.ts";
import { atEnd, endAfterEach, newFolder, ROOT, ServerProgram } from "../harness.ts";
import { Fifo } from "../harness/fifo.ts";
import { eventually } from "../harness/watched.ts";
import { Caller } from "./caller.ts";
import { libc, setNonBlocking } from "./libc.ts";
import { exitOf, type Place, processorMs, serve } from "./served.ts";

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});
endAfterEach();

const libcTest = test.skipIf(libc === undefined);
const LOCAL = ["--host", "127.0.0.1", "0"];
const NOT_LOGGED = / (\d+) events? (?:was|were) not logged$/;
const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;

async function portIn(pipe: Fifo): Promise<{ port: number }> {
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

/** Fails unless what the first sends is what the last receives, and the other way round. */
async function expectRelayed(callers: readonly Caller[]): Promise<void> {
  const [first, last] = [callers[0], callers.at(-1)];
  if (!first || !last) throw new Error("nobody came");
  for (const [from, to] of [
    [first, last],
    [last, first],
  ] as const) {
    from.say("hello\n");
    await to.hears("hello\n");
    expect(to.text).toBe("hello\n");
  }
}

/** Fails if a server is busy although nothing happens. */
async function expectIdle(pid: number): Promise<void> {
  const beforeMs = processorMs(pid);
  await Bun.sleep(300);
  expect(processorMs(pid) - beforeMs).toBeLessThan(150);
}

/** The sum of the numbers that a pattern finds. */
function sumOf(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].reduce((sum, [, count]) => sum + Number(count), 0);
}

describe("a log that nobody reads holds nothing up", () => {
  test("a full pipe: 450 join, lines are relayed, and SIGTERM ends the server", async () => {
    const pipe = new Fifo();
    const server = serve(LOCAL, { stderr: pipe.held });
    const place = await portIn(pipe);
    pipe.fill();
    const callers = await callMany(place, 450);
    await expectRelayed(callers);
    server.kill("SIGTERM");
    for (const caller of callers) expect(await caller.ended()).toBe("end of input");
    expect(await exitOf(server)).toBe(0);
  });

  test("a pipe that was full before the start", async () => {
    const pipe = new Fifo();
    pipe.fill();
    const unix = join(newFolder(), "room");
    const server = serve(["--unix", unix], { stderr: pipe.held });
    await expectRelayed([await callWhenThere({ unix }), await callWhenThere({ unix })]);
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
    await expectRelayed([ann, bob]);
    server.kill("SIGTERM");
    expect(await bob.ended()).toBe("end of input");
    expect(await eventually("the end", () => server.exitCode ?? undefined, 3_000)).toBe(0);
  });

  for (const nonBlocking of [false, true])
    libcTest(
      `once a full ${nonBlocking ? "non-blocking " : ""}pipe is read, what was kept comes in whole lines, and what was not is counted`,
      async () => {
        const pipe = new Fifo();
        serve(LOCAL, { stderr: pipe.held });
        if (nonBlocking) setNonBlocking(pipe.held);
        const place = await portIn(pipe);
        pipe.fill();
        const count = 9_000;
        const start = pipe.text.length;
        const callers = await callMany(place, count, (caller) => {
          caller.halfClose();
          return caller.ended();
        });
        const lines = () => pipe.text.slice(start).match(/.+(?=\n)/g) ?? [];
        const counts = () => lines().filter((line) => NOT_LOGGED.test(line));
        await pipe.until("all events to be logged or counted", () => {
          const counted = sumOf(counts().join("\n"), new RegExp(NOT_LOGGED, "gm"));
          return lines().length - counts().length + counted === 2 * count;
        });
        expect(counts().length).toBeGreaterThan(0);
        const event = String.raw`(joined \S+|left \S+: end of input) \(\d+ here\)|\d+ events? (was|were) not logged`;
        const whole = new RegExp(`^${TIME} (${event})$`);
        expect(lines().filter((line) => !whole.test(line))).toEqual([]);
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
    const pipe = new Fifo();
    serve(LOCAL, { stderr: pipe.held });
    // Only now, because starting a program makes its descriptors wait.
    setNonBlocking(pipe.held);
    const place = await portIn(pipe);
    pipe.fill();
    const callers = await callMany(place, 2);
    await expectRelayed(callers);
    for (const { name } of callers)
      await pipe.printed(new RegExp(`joined ${RegExp.escape(name)} `));
    expect(pipe.text).not.toContain("not logged");
  });

  test("a pipe whose reader has gone", async () => {
    const pipe = new Fifo();
    const server = serve(LOCAL, { stderr: pipe.held });
    const place = await portIn(pipe);
    pipe.close();
    await expectRelayed(await callMany(place, 100));
    await expectIdle(server.pid);
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
      const [ann, bob] = [await callWhenThere({ unix }), await callWhenThere({ unix })];
      await callMany({ unix }, 100, async (caller) => caller.reset());
      const rude = await Caller.connect({ unix });
      rude.say("x".repeat(100));
      expect(await rude.ended()).toBe("end of input");
      await expectRelayed([ann, bob]);
      await expectIdle(server.pid);
      server.kill("SIGTERM");
      expect(await ann.ended()).toBe("end of input");
      expect(ann.text).toBe("hello\n");
      expect(await exitOf(server)).toBe(0);
    });

  for (const [what, words, code] of [
    ["a mistake on the command line", ["--nope", "0"], 2],
    ["an address that is not there", ["--host", "192.0.2.1", "0"], 1],
  ] as const)
    for (const stderr of ["2>&-", "2>/dev/full", "a full pipe"])
      test(`${what} gives exit code ${code} with ${stderr}`, async () => {
        const pipe = new Fifo();
        pipe.fill();
        const server = serve(
          words,
          stderr === "a full pipe" ? { stderr: pipe.held } : { redirect: stderr },
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
        const [stdout, stderr] = [new Fifo(), new Fifo()];
        const server = serve(words, { stdout: stdout.held, stderr: stderr.held });
        if (nonBlocking) for (const pipe of [stdout, stderr]) setNonBlocking(pipe.held);
        if (words === LOCAL) {
          const place = await portIn(stderr);
          await expectRelayed(await callMany(place, 2));
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
  const refusedLines = ({ stderr }: { stderr: string }) => stderr.split(" refused ").length - 1;
  const heldBack = ({ stderr }: { stderr: string }) => sumOf(stderr, /Z (\d+) more refused\n/g);

  /** Each of so many addresses calls, and waits for the end. */
  async function flood(server: ServerProgram, count: number, from = address): Promise<void> {
    for (let n = 0; n < count; n += 50)
      await Promise.allSettled(
        Array.from({ length: Math.min(50, count - n) }, async (_, index) => {
          const caller = await Caller.connect(server, { from: from(2 + n + index) });
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
    await flood(server, 1_200);
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
    await flood(server, 200, () => "127.0.0.1");
    expect(await accounted(server, 200, sinceMs)).toBeLessThanOrEqual(2);
  });

  test("by 300 addresses whose handshakes fail", async () => {
    const server = await ServerProgram.start(
      ...["--tls-cert", certificates.file("server.pem")],
      ...["--tls-key", certificates.file("server.key")],
    );
    const sinceMs = performance.now();
    await flood(server, 300);
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
    const pipe = new Fifo();
    const unix = join(newFolder(), "room");
    serve(["--quiet", "--unix", unix, "--max-clients", "1"], { stderr: pipe.held });
    await callWhenThere({ unix });
    await callMany({ unix }, 50, (caller) => caller.ended());
    await pipe.printed(/refused unix:\d+: room is full \(1 here\)\n/);
    await pipe.printed(/Z \d+ more refused\n/);
    expect(refusedLines({ stderr: pipe.text }) + heldBack({ stderr: pipe.text })).toBe(50);
  });
});
