/** `--unix`: a room on a path, which one server has at a time, and never in the place of another file. */

import { describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { listen } from "../../lib/server/listen.ts";
import {
  clientCommand,
  endAfterEach,
  newFolder,
  Program,
  serverCommand,
  ServerProgram,
} from "../harness.ts";
import { testWith } from "../harness/tools.ts";
import { Caller } from "./caller.ts";

const ROUNDS = 20;

endAfterEach();

const command = (path: string, ...options: string[]) => serverCommand("--unix", path, ...options);
const start = (path: string, ...options: string[]) => ServerProgram.run(command(path, ...options));
const newPath = () => join(newFolder(), "room");

/** A path with the socket of a server that was killed. */
async function stalePath(): Promise<string> {
  const path = newPath();
  await (await start(path)).stop("SIGKILL");
  expect(lstatSync(path).isSocket()).toBe(true);
  return path;
}

/** Whether a server listens there in the end, or what it says instead. */
async function outcome(server: Program): Promise<string> {
  const listens = server.printed("listening on ", "stderr").then(() => "listens");
  return Promise.race([listens, server.exited.then((code) => `${code}: ${server.stderr}`)]);
}

/** What one says that cannot listen there. */
const refusal = (path: string, why: string) =>
  `1: linechat-server: cannot listen on ${path}: ${why}\n`;
const taken = (path: string) => refusal(path, "a server listens there already");

/** Fails unless two members behind a path receive what the other sends. */
async function expectLive(path: string): Promise<void> {
  const [ann, bob] = [await Caller.connect({ unix: path }), await Caller.connect({ unix: path })];
  ann.say("hello\n");
  bob.say("hello\n");
  await Promise.all([ann.hears("hello\n"), bob.hears("hello\n")]);
  ann.reset();
  bob.reset();
}

describe("a room on a path", () => {
  testWith("socat", "nc")("has socat and nc as members", async () => {
    const path = newPath();
    const server = await start(path);
    const socat = new Program(["socat", "-", `UNIX-CONNECT:${path}`]);
    await server.logged("joined unix:1 (1 here)");
    const nc = new Program(["nc", "-N", "-U", path]);
    await server.logged("joined unix:2 (2 here)");
    socat.say("hello\n");
    await nc.printed("hello\n");
    nc.say("last words");
    nc.endInput();
    await socat.printed("last words\n");
    await server.logged("left unix:2: end of input (1 here)");
  });

  test("has client.ts as a member, with a pass phrase too", async () => {
    const path = newPath();
    const client = (...options: string[]) => new Program(clientCommand("--unix", path, ...options));
    const nowhere = client();
    expect(await nowhere.exited).toBe(1);
    expect(nowhere.stderr).toBe(
      `linechat-client: cannot connect to ${path}: no such file or directory\n`,
    );
    const phrase = ["--pass-file", `${path}.pass`];
    writeFileSync(`${path}.pass`, "open sesame\n");
    const server = await start(path, ...phrase);
    const [ann, bob] = [client(...phrase), client(...phrase)];
    await server.members(2);
    ann.say("hello\n");
    await bob.printed("hello\n");
    const stranger = client();
    stranger.say("let me in\n");
    expect(await stranger.exited).toBe(1);
    expect(stranger.stderr).toBe("linechat-client: the server says: wrong pass phrase\n");
  });

  test("is its owner's alone, or has the mode that was asked for, and its socket goes with it", async () => {
    for (const [options, mode] of [
      [[], 0o600],
      [["--unix-mode", "620"], 0o620],
    ] as const) {
      const path = newPath();
      const files = () => readdirSync(join(path, ".."));
      const server = await start(path, ...options);
      expect([statSync(path).mode & 0o777, files()]).toEqual([mode, ["room"]]);
      expect(await server.stop()).toBe(0);
      expect(files()).toEqual([]);
    }
  });

  test("is one of the library's too", async () => {
    const unix = newPath();
    await using server = await listen({ unix });
    expect([server.address, server.port]).toEqual([unix, 0]);
    await expectLive(unix);
  });
});

describe("of servers that start at once on a path, exactly one gets it, and it is reached there", () => {
  for (const [what, makePath] of [
    ["with a socket that a killed server has left", stalePath],
    ["with nothing on it", newPath],
  ] as const)
    for (const count of [2, 5])
      test(`${count} on a path ${what}`, async () => {
        for (let round = 0; round < (count === 2 ? ROUNDS : ROUNDS / 4); round++) {
          const path = await makePath();
          const servers = Array.from({ length: count }, () => new Program(command(path)));
          const outcomes = await Promise.all(servers.map(outcome));
          expect(outcomes.toSorted()).toEqual([...Array(count - 1).fill(taken(path)), "listens"]);
          await expectLive(path);
          for (const server of servers) server.kill("SIGTERM");
          await Promise.all(servers.map((server) => server.exited));
          expect(existsSync(path)).toBe(false);
        }
      });
});

describe("a live server's socket is never removed by another", () => {
  test("that starts while it is too busy to accept", async () => {
    const path = newPath();
    const busy = await start(path);
    busy.kill("SIGSTOP");
    // Its backlog is full by then.
    const calls = Array.from({ length: 1_500 }, () => Caller.connect({ unix: path }));
    await Promise.race([Promise.allSettled(calls), Bun.sleep(300)]);
    expect(await outcome(new Program(command(path)))).toBe(taken(path));
    busy.kill("SIGCONT");
    await Promise.allSettled(calls);
    // It is reached as soon as it has accepted some of them.
    const reached = () => Caller.connect({ unix: path }).then((caller) => caller.reset() ?? true);
    while (!(await reached().catch(() => Bun.sleep(10)))) continue;
    await busy.until("everybody to be there", () => busy.count(/ joined /) > 512);
    await expectLive(path);
  });

  test("that is stopped a second time, and whose inode it has got", async () => {
    const path = newPath();
    for (let round = 0; round < ROUNDS; round++) {
      const first = await listen({ unix: path });
      await first.stop();
      const second = await listen({ unix: path });
      await first.stop();
      expect(existsSync(path)).toBe(true);
      await second.stop();
    }
  });
});

describe("what is on the path and is no socket stays as it is:", () => {
  test.each<[what: string, make: (path: string) => void]>([
    ["a file", (path) => writeFileSync(path, "precious")],
    ["a directory", (path) => mkdirSync(path)],
    ["a link that leads nowhere", (path) => symlinkSync("/nowhere/at/all", path)],
    ["a pipe", (path) => void Bun.spawnSync(["mkfifo", path])],
    ["a device", (path) => symlinkSync("/dev/null", path)],
  ])("%s", async (_, make) => {
    const path = newPath();
    make(path);
    const { ino, mode, size } = lstatSync(path);
    const why = refusal(path, "it exists and is no socket");
    expect(await outcome(new Program(command(path)))).toBe(why);
    expect(lstatSync(path)).toMatchObject({ ino, mode, size });
  });
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
  const unix = join(folder, "room");
  const server = await start(unix);
  const ann = await Caller.connect({ unix });
  await server.logged("joined ");
  renameSync(folder, `${folder}.old`);
  writeFileSync(folder, "");
  server.kill("SIGTERM");
  expect(await ann.ended()).toBe("end of input");
  expect(await server.exited).toBe(0);
  expect(server.stderr).toEndWith("server stopping (0 here)\n");
});
