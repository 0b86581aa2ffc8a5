import { beforeEach, expect, test } from "bun:test";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import {
  clientCommand,
  endAfterEach,
  newFolder,
  Program,
  runToEnd,
  serverCommand,
  ServerProgram,
} from "../harness.ts";
import { testWith } from "../harness/tools.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = newFolder();
  path = join(folder, "room");
});
endAfterEach();

const command = (at: string, ...options: string[]) => serverCommand("--unix", at, ...options);
const start = (...options: string[]) => ServerProgram.run(command(path, ...options));
const client = (...options: string[]) => new Program(clientCommand("--unix", path, ...options));
/** What a server prints that cannot listen there. */
const refusal = (at: string, why: string) => ({
  code: 1,
  stdout: "",
  stderr: `linechat-server: cannot listen on ${at}: ${why}\n`,
});

testWith("socat", "nc")("socat and nc are members; the path goes with a clean end", async () => {
  const server = await start();
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
  expect(await server.stop()).toBe(0);
  expect(existsSync(path)).toBe(false);
});

test("client.ts goes there with --unix, with a pass phrase too", async () => {
  const passFile = join(folder, "pass");
  writeFileSync(passFile, "open sesame\n");
  const server = await start("--pass-file", passFile);
  const [ann, bob] = [client("--pass-file", passFile), client("--pass-file", passFile)];
  await server.members(2);
  ann.say("hello\n");
  await bob.printed("hello\n");
  const stranger = client();
  stranger.say("let me in\n");
  expect(await stranger.exited).toBe(1);
  expect(stranger.stderr).toBe("linechat-client: the server says: wrong pass phrase\n");
});

test("client.ts says that there is no such socket", async () => {
  const nowhere = client();
  expect(await nowhere.exited).toBe(1);
  expect(nowhere.stderr).toBe(`linechat-client: cannot connect to ${path}: no such socket\n`);
});

test("it is its owner's alone, or has the mode that was asked for", async () => {
  for (const [options, mode] of [
    [[], 0o600],
    [["--unix-mode", "666"], 0o666],
  ] as const) {
    const server = await start(...options);
    expect(statSync(path).mode & 0o777).toBe(mode);
    await server.stop();
  }
});

test("it replaces a socket that a killed server has left, not a live one, nor any other file", async () => {
  const killed = await start();
  expect(await runToEnd(command(path))).toEqual(refusal(path, "a server listens there already"));
  await killed.end();
  expect(existsSync(path)).toBe(true);
  await start();

  const file = join(folder, "file");
  writeFileSync(file, "precious");
  expect(await runToEnd(command(file))).toEqual(refusal(file, "it exists and is no socket"));
  expect(await Bun.file(file).text()).toBe("precious");
});

test("a path that cannot be made is one line", async () => {
  const missing = join(folder, "none", "room");
  expect(await runToEnd(command(missing))).toEqual(refusal(missing, "no such directory"));
});
