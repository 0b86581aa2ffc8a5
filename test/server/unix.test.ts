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
  serverCommand,
  ServerProgram,
  testBeside,
} from "../harness.ts";

endAfterEach();

const newPath = () => join(newFolder(), "room");
const command = (path: string) => serverCommand("--unix", path);

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

for (const isStale of [true, false])
  testBeside(
    `of five servers that start at once, one gets a path (stale: ${isStale})`,
    async () => {
      const path = newPath();
      const taken = `1: linechat-server: cannot listen on ${path}: a server listens there already\n`;
      for (let round = 0; round < 2; round++) {
        if (isStale) await (await ServerProgram.run(command(path))).stop("SIGKILL");
        expect(fs.existsSync(path)).toBe(isStale);
        const servers = Array.from({ length: 5 }, () => new Program(command(path)));
        const outcomes = servers.map((server) => {
          const listens = server.printed("listening on ", "stderr").then(() => "listens");
          return Promise.race([listens, server.exited.then((code) => `${code}: ${server.stderr}`)]);
        });
        const sorted = (await Promise.all(outcomes)).toSorted();
        expect(sorted).toEqual([...Array(4).fill(taken), "listens"]);
        await expectLive(path);
        for (const server of servers) server.kill("SIGTERM");
        await Promise.all(servers.map((server) => server.exited));
        expect(fs.existsSync(path)).toBe(false);
      }
    },
  );

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
    await expect(listen({ unix: path })).rejects.toThrow("it exists and is no socket");
    expect(fs.lstatSync(path)).toMatchObject({ ino, mode, size });
  }
});
