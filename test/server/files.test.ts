/** Files that the options of a server name: what will not do is one line, before it listens. */

import { beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { type Certificates, makeCertificates } from "../certificates.ts";
import {
  atEnd,
  endAfterEach,
  newFolder,
  Peer,
  Program,
  serverCommand,
  ServerProgram,
} from "../harness.ts";
import { unprivileged } from "./served.ts";

let pem: Certificates["file"];
beforeAll(() => {
  pem = makeCertificates().file;
});
endAfterEach();

/** The server with a file, as each option that names one takes it. */
const USES: [what: string, words: (file: string) => string[]][] = [
  ["--pass-file", (file) => ["--pass-file", file]],
  ["--tls-cert", (file) => ["--tls-cert", file, "--tls-key", pem("server.key")]],
  ["--tls-key", (file) => ["--tls-cert", pem("server.pem"), "--tls-key", file]],
  [
    "--tls-ca",
    (file) => ["--tls-cert", pem("server.pem"), "--tls-key", pem("server.key"), "--tls-ca", file],
  ],
];

/** Fails unless the server ends in time, with one line. */
async function expectLine(line: RegExp, words: string[], before: string[] = []): Promise<void> {
  const command = serverCommand("--host", "127.0.0.1", ...words, "0");
  const program = new Program([...before, ...command]);
  const end = await Promise.race([
    program.exited,
    program.printed("listening on", "stderr"),
    Bun.sleep(8_000).then(() => "it neither ends nor listens"),
  ]);
  expect(end).toBe(1);
  expect(program.stderr).toMatch(new RegExp(`^linechat-server: ${line.source}\\n$`));
}

/** Words, and no code of the system among them. */
const WORDS = String.raw`(?!.*\b[A-Z]{3,}\b)[a-z][^\n]*`;
/** What each of the options may be given, and why it will not do. */
const FILES: [what: string, make: (folder: string) => string, why: string][] = [
  ["that is missing", (folder) => join(folder, "none"), "no such file or directory"],
  ["that is a directory", (folder) => folder, "illegal operation on a directory"],
  ["behind a file", () => "/etc/passwd/x", WORDS],
  [
    "that is a link to itself",
    (folder) => {
      symlinkSync("circle", join(folder, "circle"));
      return join(folder, "circle");
    },
    WORDS,
  ],
  ["of a name too long", (folder) => join(folder, "x".repeat(300)), WORDS],
  [
    "that is a socket",
    (folder) => {
      const unix = join(folder, "socket");
      const listener = Bun.listen({ unix, socket: { data() {} } });
      atEnd(() => listener.stop(true));
      return unix;
    },
    WORDS,
  ],
  ["that fails while it is read", () => "/proc/self/mem", WORDS],
];

describe.each(USES)("%s is told in one line why it cannot read a file", (_, words) => {
  test.each(FILES)("%s", async (_, make, why) => {
    const file = make(newFolder());
    await expectLine(new RegExp(`cannot read ${RegExp.escape(file)}: ${why}`), words(file));
  });

  test.skipIf(!unprivileged || process.getuid?.() !== 0)("of another user", async () => {
    const folder = newFolder();
    const file = join(folder, "locked");
    writeFileSync(file, "secret", { mode: 0o600 });
    Bun.spawnSync(["chmod", "755", folder, join(pem("."))]);
    Bun.spawnSync(["chmod", "644", pem("server.key")]);
    const line = new RegExp(`cannot read ${RegExp.escape(file)}: permission denied`);
    await expectLine(line, words(file), unprivileged);
  });
});

describe("the pass phrase is the bytes of its file", () => {
  test("also when they are no UTF-8", async () => {
    const file = join(newFolder(), "pass");
    const phrase = Buffer.from("d\xe9j\xe0 vu\n", "latin1");
    writeFileSync(file, phrase);
    const server = await ServerProgram.start("--pass-file", file);
    const peer = await Peer.connect(server.port);
    peer.say(phrase);
    await server.logged(`joined ${peer.name} (1 here)`);
    const other = await Peer.connect(server.port);
    other.say(Buffer.from("d\xfaj\xfa vu\n", "latin1"));
    expect(await other.endOfInput()).toBe(true);
    expect(other.text).toBe("* wrong pass phrase\n");
  });

  test("and may come through a pipe", async () => {
    const script = `exec "$0" server.ts --host 127.0.0.1 --pass-file <(echo open sesame) 0`;
    const server = await ServerProgram.run(["bash", "-c", script, process.execPath]);
    const peer = await Peer.connect(server.port);
    peer.say("open sesame\n");
    await server.logged(`joined ${peer.name} (1 here)`);
  });
});

test("the folder of a file may have any name", async () => {
  const folder = join(newFolder(), "a b\n'c'");
  mkdirSync(folder);
  await expectLine(/cannot read [^\n]*\\x0a'c'\/none: no such file or directory/, [
    "--pass-file",
    join(folder, "none"),
  ]);
});
