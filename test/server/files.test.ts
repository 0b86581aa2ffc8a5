/** What the options of a server name: what will not do is one line, before it listens. */

import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { parseCommandLine } from "../../lib/program/command-line.ts";
import { SERVER, settingsOf } from "../../lib/server/options.ts";
import { key, pem } from "../certificates.ts";
import { endAfterEach, newFolder, runToEnd, serverCommand } from "../harness.ts";

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
  const given = ["--tls-cert", pem("server"), "--tls-key", key("server")];
  const none = join(newFolder(), "none");
  for (const words of [
    ["--pass-file", none],
    ["--tls-cert", none, "--tls-key", key("server")],
    ["--tls-cert", pem("server"), "--tls-key", none],
    [...given, "--tls-ca", none],
  ])
    expect(await messageOf(...words, "0")).toBe(
      `UserError: cannot read ${none}: no such file or directory`,
    );
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
