/** `--unix`: a room on a path, which one server has at a time, and never in the place of another file. */

import { describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";

import { listen } from "../../lib/server/listen.ts";
import {
  endAfterEach,
  newFolder,
  Peer,
  Program,
  serverCommand,
  ServerProgram,
  testBeside,
} from "../harness.ts";

endAfterEach();

const command = (path: string, ...options: string[]) => serverCommand("--unix", path, ...options);
const start = (path: string, ...options: string[]) => ServerProgram.run(command(path, ...options));
const newPath = () => join(newFolder(), "room");

/** A path with the socket of a server that was killed. */
async function stalePath(): Promise<string> {
  const path = newPath();
  await (await start(path)).stop("SIGKILL");
  expect(fs.lstatSync(path).isSocket()).toBe(true);
  return path;
}

/** Whether a server listens there in the end, or what it says instead. */
async function outcome(server: Program): Promise<string> {
  const listens = server.printed("listening on ", "stderr").then(() => "listens");
  return Promise.race([listens, server.exited.then((code) => `${code}: ${server.stderr}`)]);
}

/** What one says that cannot listen there. */
const taken = (path: string) =>
  `1: linechat-server: cannot listen on ${path}: a server listens there already\n`;

/** Fails unless two members behind a path receive what the other sends. */
async function expectLive(path: string): Promise<void> {
  const [ann, bob] = [await Peer.connect(0, { unix: path }), await Peer.connect(0, { unix: path })];
  ann.say("hello\n");
  bob.say("hello\n");
  await Promise.all([ann.hears("hello\n"), bob.hears("hello\n")]);
  ann.reset();
  bob.reset();
}

test("a room on a path is its owner's alone, or has the mode that was asked for, and its socket goes with it", async () => {
  const umask = process.umask();
  for (const mode of [undefined, 0o620]) {
    const unix = newPath();
    const opening = listen({ unix, unixMode: mode });
    expect(process.umask()).toBe(umask);
    const server = await opening;
    expect([server.address, server.port, process.umask()]).toEqual([unix, 0, umask]);
    expect(fs.statSync(unix).mode & 0o777).toBe(mode ?? 0o600);
    await expectLive(unix);
    await server.stop();
    expect(fs.readdirSync(join(unix, ".."))).toEqual([]);
  }
});

for (const [what, makePath] of [
  ["with a socket that a killed server has left", stalePath],
  ["with nothing on it", async () => newPath()],
] as const)
  testBeside(`of five servers that start at once on a path ${what} one gets it`, async () => {
    for (let round = 0; round < 2; round++) {
      const path = await makePath();
      const servers = Array.from({ length: 5 }, () => new Program(command(path)));
      const outcomes = await Promise.all(servers.map(outcome));
      expect(outcomes.toSorted()).toEqual([...Array(4).fill(taken(path)), "listens"]);
      await expectLive(path);
      for (const server of servers) server.kill("SIGTERM");
      await Promise.all(servers.map((server) => server.exited));
      expect(fs.existsSync(path)).toBe(false);
    }
  });

describe("a live server's socket is never removed by another", () => {
  test("that starts while it is too busy to accept", async () => {
    const path = newPath();
    const busy = await start(path);
    busy.kill("SIGSTOP");
    // Its backlog is full by then.
    const calls = Array.from({ length: 1_500 }, () => Peer.connect(0, { unix: path }));
    await Promise.race([Promise.allSettled(calls), Bun.sleep(300)]);
    expect(await outcome(new Program(command(path)))).toBe(taken(path));
    busy.kill("SIGCONT");
    await Promise.allSettled(calls);
    // It is reached as soon as it has accepted some of them.
    const reached = () => Peer.connect(0, { unix: path }).then((peer) => peer.reset() ?? true);
    while (!(await reached().catch(() => Bun.sleep(10)))) continue;
    await busy.until("everybody to be there", () => busy.count(/ joined /) > 512);
    await expectLive(path);
  });

  test("that is stopped a second time, and whose inode it has got", async () => {
    const path = newPath();
    for (let round = 0; round < 10; round++) {
      const first = await listen({ unix: path });
      await first.stop();
      const second = await listen({ unix: path });
      await first.stop();
      expect(fs.existsSync(path)).toBe(true);
      await second.stop();
    }
  });
});

test("what is on the path and is no socket stays as it is", async () => {
  for (const make of [
    (path: string) => fs.writeFileSync(path, "precious"),
    (path: string) => fs.mkdirSync(path),
    (path: string) => fs.symlinkSync("/nowhere/at/all", path),
    (path: string) => void Bun.spawnSync(["mkfifo", path]),
    (path: string) => fs.symlinkSync("/dev/null", path),
  ]) {
    const path = newPath();
    make(path);
    const { ino, mode, size } = fs.lstatSync(path);
    await expect(listen({ unix: path })).rejects.toThrow("it exists and is no socket");
    expect(fs.lstatSync(path)).toMatchObject({ ino, mode, size });
  }
});

test("a server whose folder is no folder any more still stops in order", async () => {
  const folder = join(newFolder(), "folder");
  fs.mkdirSync(folder);
  const unix = join(folder, "room");
  const server = await start(unix);
  const ann = await Peer.connect(0, { unix });
  await server.logged("joined ");
  fs.renameSync(folder, `${folder}.old`);
  fs.writeFileSync(folder, "");
  server.kill("SIGTERM");
  expect(await ann.endOfInput()).toBe(true);
  ann.endInput();
  expect(await server.exited).toBe(0);
  expect(server.stderr).toEndWith("server stopping (0 here)\n");
});
