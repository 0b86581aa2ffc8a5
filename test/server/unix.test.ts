/** `--unix`: a room on a path, which one server has at a time, and never in the place of another file. */

import { expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";

import { listen } from "../../lib/server/listen.ts";
import {
  endAfterEach,
  newFolder,
  Peer,
  Program,
  rejection,
  serverCommand,
  ServerProgram,
  testBeside,
} from "../harness.ts";

endAfterEach();

const newPath = () => join(newFolder(), "room");

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

testBeside("a stale socket is replaced, and that of a busy server is not", async () => {
  const path = newPath();
  const command = serverCommand("--unix", path);
  await (await ServerProgram.run(command)).stop("SIGKILL");
  expect(fs.lstatSync(path).isSocket()).toBe(true);
  const busy = await ServerProgram.run(command);
  await expectLive(path);
  busy.kill("SIGSTOP");
  // Its backlog is full by then, and it refuses connections as a stale socket does.
  const calls = Array.from({ length: 1_500 }, () => Peer.connect(0, { unix: path }));
  await Promise.race([Promise.allSettled(calls), Bun.sleep(300)]);
  const intruder = new Program(command);
  const listens = intruder.printed("listening on ", "stderr");
  expect(await Promise.race([intruder.exited, listens])).toBe(1);
  expect(intruder.stderr).toEndWith(`${path}: a server listens there already\n`);
  expect(fs.existsSync(path)).toBe(true);
  busy.kill("SIGCONT");
  await Promise.allSettled(calls);
  // It is reached as soon as it has accepted some of them.
  const reached = () => Peer.connect(0, { unix: path }).then((peer) => peer.reset() ?? true);
  while (!(await reached().catch(() => Bun.sleep(10)))) continue;
  await busy.until("everybody to be there", () => busy.count(/ joined /) > 512);
  await expectLive(path);
  await busy.stop();
  expect(fs.existsSync(path)).toBe(false);
});

test("what is on the path and is no socket stays as it is", async () => {
  for (const make of [
    (path: string) => fs.writeFileSync(path, "precious"),
    (path: string) => fs.mkdirSync(path),
    (path: string) => void Bun.spawnSync(["mkfifo", path]),
    (path: string) => fs.symlinkSync("/dev/null", path),
  ]) {
    const path = newPath();
    make(path);
    const { ino, mode, size } = fs.lstatSync(path);
    const { message } = await rejection(listen({ unix: path }));
    expect(message).toContain("it exists and is no socket");
    expect(fs.lstatSync(path)).toMatchObject({ ino, mode, size });
  }
});
