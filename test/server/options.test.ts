import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { Program, ServerProgram } from "../harness.ts";
import { endAllAfterEach } from "./ends.ts";
import { newFolder } from "./served.ts";

endAllAfterEach();

const run = (...options: string[]) => new Program([process.execPath, "server.ts", ...options]);

describe("an option that would be ignored is refused", () => {
  const cases: [options: (path: string) => string[], message: string][] = [
    [(path) => ["--unix", path, "--host", "127.0.0.1"], "--host does not go with --unix"],
    [(path) => ["--unix", path, "--allow", "10.0.0.0/8"], "--allow does not go with --unix"],
    [(path) => ["--unix", path, "--deny", "10.0.0.1"], "--deny does not go with --unix"],
    [
      (path) => ["--max-clients-per-address", "3", "--unix", path],
      "--max-clients-per-address does not go with --unix",
    ],
    [() => ["--unix-mode", "660", "0"], "--unix-mode needs --unix"],
    // The default, but given.
    [() => ["--unix-mode", "600", "0"], "--unix-mode needs --unix"],
    [() => ["--unix-mode=600", "--host", "127.0.0.1", "0"], "--unix-mode needs --unix"],
  ];
  for (const [options, message] of cases)
    test(options("PATH").join(" "), async () => {
      const path = join(newFolder(), "room");
      const program = run(...options(path));
      const code = await Promise.race([program.exited, program.printed("listening", "stderr")]);
      expect(code).toBe(2);
      expect(program.stderr).toBe(`linechat-server: ${message} (--help shows how)\n`);
      expect(existsSync(path)).toBe(false);
    });
});

describe("options at their limits work", () => {
  for (const [name, ...options] of [
    ["the smallest log", "--buffer", "1", "--max-line", "1"],
    ["a small log", "--buffer", "16", "--max-line", "16"],
    ["a log of 2 GiB", "--buffer", "2G", "--max-line", "2G"],
    ["a day of patience", "--patience", "24h"],
    ["a day of idleness", "--idle", "24h"],
    ["idleness of no time, which is none", "--idle", "0"],
    ["any rate", "--max-rate", "999999999999999"],
    ["any number of an address", "--max-clients-per-address", "999999999999999"],
    ["all addresses", "--allow", "0.0.0.0/0", "--allow", "::/0"],
  ] as [string, ...string[]][])
    test(name, async () => {
      const server = await ServerProgram.start(...options);
      const [ann, bob] = [await server.join(), await server.join()];
      ann.say("\n\n\n");
      await bob.hears("\n\n\n");
      server.kill("SIGTERM");
      expect(await bob.endOfInput()).toBe(true);
      for (const peer of [ann, bob]) await peer.end();
      expect(await server.exited).toBe(0);
    });
});

test("an option given twice counts as it was given last, and lists grow", async () => {
  const server = await ServerProgram.start(
    "--max-line",
    "1",
    "--max-line",
    "64",
    "--deny",
    "10.0.0.1",
    "--deny",
    "10.0.0.2",
  );
  const [ann, bob] = [await server.join(), await server.join()];
  ann.say("longer than one\n");
  await bob.hears("longer than one\n");
});
