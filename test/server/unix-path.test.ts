import { describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { listen } from "../../lib/server/listen.ts";
import { Program } from "../harness.ts";
import { Caller } from "./caller.ts";
import { endAllAfterEach } from "./ends.ts";
import { newFolder } from "./served.ts";

const ROUNDS = 20;

endAllAfterEach();

const start = (path: string, ...options: string[]) =>
  new Program([process.execPath, "server.ts", "--unix", path, ...options]);

async function listening(path: string): Promise<Program> {
  const server = start(path);
  await server.printed(`listening on ${path}\n`, "stderr");
  return server;
}

/** A path with the socket of a server that was killed. */
async function stalePath(): Promise<string> {
  const path = join(newFolder(), "room");
  const killed = await listening(path);
  killed.kill("SIGKILL");
  await killed.exited;
  expect(lstatSync(path).isSocket()).toBe(true);
  return path;
}

/** Whether it listens in the end, or what it says instead. */
async function outcome(server: Program): Promise<"listens" | string> {
  const listens = server.printed("listening on ", "stderr").then(() => "listens");
  return Promise.race([listens, server.exited.then((code) => `${code}: ${server.stderr}`)]);
}

/** Fails unless two members behind a path hear each other. */
async function expectLive(path: string): Promise<void> {
  const [ann, bob] = [await Caller.connect({ unix: path }), await Caller.connect({ unix: path })];
  ann.say("hello\n");
  bob.say("hello\n");
  await Promise.all([ann.hears("hello\n"), bob.hears("hello\n")]);
  ann.reset();
  bob.reset();
}

describe("of servers that start at once on a path, exactly one gets it, and it is reached there", () => {
  for (const [what, newPath] of [
    ["with a socket that a killed server has left", stalePath],
    ["with nothing on it", async () => join(newFolder(), "room")],
  ] as const)
    for (const count of [2, 5])
      test(`${count} on a path ${what}`, async () => {
        for (let round = 0; round < (count === 2 ? ROUNDS : ROUNDS / 4); round++) {
          const path = await newPath();
          const servers = Array.from({ length: count }, () => start(path));
          const outcomes = await Promise.all(servers.map(outcome));
          const refused = `1: linechat-server: cannot listen on ${path}: a server listens there already\n`;
          expect(outcomes.toSorted()).toEqual(
            [...Array<string>(count - 1).fill(refused), "listens"].toSorted(),
          );
          await expectLive(path);
          for (const server of servers) server.kill("SIGTERM");
          await Promise.all(servers.map((server) => server.exited));
          expect(existsSync(path)).toBe(false);
        }
      });
});

describe("a live server's socket is never removed by another", () => {
  test("that starts while it is too busy to accept", async () => {
    const path = join(newFolder(), "room");
    const busy = await listening(path);
    busy.kill("SIGSTOP");
    // Its backlog is full by then.
    const calls = Array.from({ length: 1_500 }, () => Caller.connect({ unix: path }));
    await Promise.race([Promise.allSettled(calls), Bun.sleep(300)]);
    expect(await outcome(start(path))).toBe(
      `1: linechat-server: cannot listen on ${path}: a server listens there already\n`,
    );
    busy.kill("SIGCONT");
    await Promise.allSettled(calls);
    // It is reached as soon as it has accepted some of them.
    const reached = async () => {
      for (;;)
        try {
          return (await Caller.connect({ unix: path })).reset();
        } catch {
          await Bun.sleep(10);
        }
    };
    await reached();
    await busy.until("everybody to be there", () => busy.stderr.split(" joined ").length > 512);
    await expectLive(path);
  });

  test("that stops, and whose own was removed before", async () => {
    const path = join(newFolder(), "room");
    const first = await listening(path);
    unlinkSync(path);
    const second = await listening(path);
    first.kill("SIGTERM");
    expect(await first.exited).toBe(0);
    await expectLive(path);
    second.kill("SIGTERM");
    expect(await second.exited).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  test("that is stopped a second time, and whose inode it has got", async () => {
    const path = join(newFolder(), "room");
    for (let round = 0; round < ROUNDS; round++) {
      const first = await listen({ unix: path });
      await first.stop();
      const second = await listen({ unix: path });
      await first.stop();
      expect(existsSync(path)).toBe(true);
      await second.stop();
    }
  });

  test("that stops, and whose own was moved away", async () => {
    const folder = newFolder();
    const path = join(folder, "room");
    const first = await listening(path);
    renameSync(path, join(folder, "old"));
    await listening(path);
    first.kill("SIGTERM");
    expect(await first.exited).toBe(0);
    await expectLive(path);
  });
});

describe("what is on the path and is no socket stays as it is", () => {
  const cases: [what: string, make: (path: string) => void][] = [
    ["a file", (path) => writeFileSync(path, "precious")],
    ["a directory", (path) => mkdirSync(path)],
    ["a link that leads nowhere", (path) => symlinkSync("/nowhere/at/all", path)],
    ["a pipe", (path) => void Bun.spawnSync(["mkfifo", path])],
    ["a device", (path) => symlinkSync("/dev/null", path)],
  ];
  for (const [what, make] of cases)
    test(what, async () => {
      const path = join(newFolder(), "room");
      make(path);
      const before = lstatSync(path);
      expect(await outcome(start(path))).toBe(
        `1: linechat-server: cannot listen on ${path}: it exists and is no socket\n`,
      );
      expect([lstatSync(path).ino, lstatSync(path).mode]).toEqual([before.ino, before.mode]);
    });
});

test("the socket has its mode from the start, and nothing else is left in the folder", async () => {
  const folder = newFolder();
  const path = join(folder, "room");
  const server = start(path, "--unix-mode", "620");
  await server.printed("listening on ", "stderr");
  expect(statSync(path).mode & 0o777).toBe(0o620);
  const { stdout } = Bun.spawnSync(["ls", "-A", folder]);
  expect(stdout.toString()).toBe("room\n");
  server.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  expect(Bun.spawnSync(["ls", "-A", folder]).stdout.toString()).toBe("");
});

test("listening on paths leaves the umask of the process alone, also meanwhile", async () => {
  const umask = process.umask();
  const folder = newFolder();
  const opening = ["one", "other"].map((name) => listen({ unix: join(folder, name) }));
  expect(process.umask()).toBe(umask);
  const servers = await Promise.all(opening);
  expect(process.umask()).toBe(umask);
  for (const server of servers) await server.stop();
});

test("a server whose folder is no folder any more still stops in order", async () => {
  const folder = join(newFolder(), "folder");
  mkdirSync(folder);
  const server = await listening(join(folder, "room"));
  const ann = await Caller.connect({ unix: join(folder, "room") });
  await server.printed("joined ", "stderr");
  renameSync(folder, `${folder}.old`);
  writeFileSync(folder, "");
  server.kill("SIGTERM");
  expect(await ann.ended()).toBe("end of input");
  expect(await server.exited).toBe(0);
  expect(server.stderr).toEndWith("server stopping (0 here)\n");
});

test("what a killed server with the same process id has left does not keep another from listening", async () => {
  const folder = newFolder();
  const left = Bun.listen({ unix: join(folder, `.${process.pid}`), socket: { data() {} } });
  const server = await listen({ unix: join(folder, "room") });
  await server.stop();
  left.stop();
});
