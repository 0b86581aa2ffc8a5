/** What the options of a server name: what will not do is one line, before it listens. */

import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { parseCommandLine } from "../../lib/program/command-line.ts";
import { SERVER, settingsOf } from "../../lib/server/options.ts";
import { makeCertificates } from "../certificates.ts";
import { endAfterEach, newFolder, runToEnd, serverCommand, ServerProgram } from "../harness.ts";
import { unprivileged } from "./served.ts";

endAfterEach();

/** What it comes to, as a user is told. */
async function messageOf(...words: string[]): Promise<string> {
  try {
    const parsed = parseCommandLine(SERVER, words);
    if ("print" in parsed) return parsed.print;
    await settingsOf(parsed.options, parsed.operands[0]);
    return "none";
  } catch (error) {
    return String(error);
  }
}

test("each option that names a file tells why it cannot be read, in words", async () => {
  const { file: pem } = makeCertificates();
  const [cert, key] = [pem("server.pem"), pem("server.key")];
  for (const words of [
    (file: string) => ["--pass-file", file],
    (file: string) => ["--tls-cert", file, "--tls-key", key],
    (file: string) => ["--tls-cert", cert, "--tls-key", file],
    (file: string) => ["--tls-cert", cert, "--tls-key", key, "--tls-ca", file],
  ])
    for (const [file, why] of [
      [join(newFolder(), "none"), "no such file or directory"],
      [newFolder(), "illegal operation on a directory"],
      ["/etc/passwd/x", "not a directory"],
      [join(newFolder(), "x".repeat(300)), "name too long"],
    ] as const)
      expect(await messageOf(...words(file), "0")).toBe(`UserError: cannot read ${file}: ${why}`);
});

test("what cannot be meant is told with what can", async () => {
  for (const [words, message] of [
    [
      "--unix room --unix-mode 99 8080",
      '--unix-mode takes the permissions of a file, like 600, not "99"',
    ],
    ["--room x 8080", "--room needs --redis"],
    ["--tls-ca x 8080", "--tls-ca needs --tls-cert"],
    ["--tls-cert x 8080", "--tls-cert needs --tls-key"],
    ["--host ::1 --unix room", "--host and --unix cannot be used together"],
    ["--allow ::1 --unix room", "--allow and --unix cannot be used together"],
  ] as const)
    expect([words, await messageOf(...words.split(" "))]).toEqual([
      words,
      `UserError: ${message} (see --help)`,
    ]);
});

test("the name of a file is on one line, and the exit code is 1", async () => {
  const folder = join(newFolder(), "a b\n'c'");
  mkdirSync(folder);
  const { code, stderr } = await runToEnd(serverCommand("--pass-file", join(folder, "none"), "0"));
  expect(code).toBe(1);
  expect(stderr).toMatch(/^linechat-server: cannot read .*\\x0a'c'\/none: no such file .*\n$/);
});

test.skipIf(!unprivileged || process.getuid?.() !== 0)("a file of another user", async () => {
  const folder = newFolder();
  const file = join(folder, "locked");
  writeFileSync(file, "secret", { mode: 0o600 });
  Bun.spawnSync(["chmod", "755", folder]);
  const command = serverCommand("--pass-file", file, "0");
  const { stderr } = await runToEnd([...(unprivileged ?? []), ...command]);
  expect(stderr).toBe(`linechat-server: cannot read ${file}: permission denied\n`);
});

test("a pass phrase may come through a pipe", async () => {
  const script = `exec "$0" server.ts --host 127.0.0.1 --pass-file <(echo open sesame) 0`;
  const server = await ServerProgram.run(["bash", "-c", script, process.execPath]);
  const peer = await server.join({ says: "open sesame\n" });
  peer.say("hello\n");
  peer.endInput();
  expect(await peer.endOfInput()).toBe(true);
});
