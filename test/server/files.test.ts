import { beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { type Certificates, makeCertificates } from "../certificates.ts";
import { Peer, Program, ServerProgram } from "../harness.ts";
import { atEnd, endAllAfterEach } from "./ends.ts";
import { newFolder, unprivileged } from "./served.ts";

let pem: Certificates["file"];
beforeAll(() => {
  pem = makeCertificates().file;
});
endAllAfterEach();

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
  const command = [process.execPath, "server.ts", "--host", "127.0.0.1", ...words, "0"];
  const program = new Program([...before, ...command]);
  const end = await Promise.race([
    program.exited,
    program.printed("listening on", "stderr"),
    Bun.sleep(8_000).then(() => "it neither ends nor listens"),
  ]);
  expect(end).toBe(1);
  expect(program.stderr).toMatch(new RegExp(`^linechat-server: ${line.source}\\n$`));
}

describe("a file that cannot be read is one line that says why, in words", () => {
  const cases: [what: string, make: (folder: string) => string, why: string][] = [
    ["missing", (folder) => join(folder, "none"), "no such file"],
    ["a directory", (folder) => folder, "it is a directory"],
    ["behind a file", () => "/etc/passwd/x", ""],
    [
      "a link to itself",
      (folder) => {
        symlinkSync("circle", join(folder, "circle"));
        return join(folder, "circle");
      },
      "",
    ],
    ["of a name too long", (folder) => join(folder, "x".repeat(300)), ""],
    [
      "a socket",
      (folder) => {
        const unix = join(folder, "socket");
        const listener = Bun.listen({ unix, socket: { data() {} } });
        atEnd(() => listener.stop(true));
        return unix;
      },
      "",
    ],
    ["that fails while it is read", () => "/proc/self/mem", ""],
  ];
  for (const [option, words] of USES)
    for (const [what, make, why] of cases)
      test(`${option} ${what}`, async () => {
        const file = make(newFolder());
        const name = RegExp.escape(file);
        const reason = why === "" ? String.raw`(?!.*\b[A-Z]{3,}\b)[a-z][^\n]*` : why;
        await expectLine(new RegExp(`cannot read ${name}: ${reason}`), words(file));
      });

  for (const [option, words] of USES)
    test.skipIf(!unprivileged || process.getuid?.() !== 0)(
      `${option} not for this user`,
      async () => {
        const folder = newFolder();
        const file = join(folder, "locked");
        writeFileSync(file, "secret", { mode: 0o600 });
        Bun.spawnSync(["chmod", "755", folder, join(pem("."))]);
        Bun.spawnSync(["chmod", "644", pem("server.key")]);
        const line = new RegExp(`cannot read ${RegExp.escape(file)}: permission denied`);
        await expectLine(line, words(file), unprivileged);
      },
    );

  for (const [option, words] of USES)
    for (const [what, make] of [
      ["without end", () => "/dev/zero"],
      [
        "of many gigabytes",
        (folder: string) => {
          const file = join(folder, "huge");
          writeFileSync(file, "");
          truncateSync(file, 5 * 2 ** 30);
          return file;
        },
      ],
    ] as const)
      test(`${option} ${what} ends in time`, async () => {
        const file = make(newFolder());
        await expectLine(new RegExp(`[^\\n]*${RegExp.escape(file)}[^\\n]*`), words(file));
      });
});

describe("a certificate that will not do is named as such", () => {
  for (const name of ["sealed", "sealed-legacy"])
    test(`${name}.key is encrypted`, async () => {
      const key = join(newFolder(), "key.pem");
      copyFileSync(pem(`${name}.key`), key);
      const line = new RegExp(`the key in ${RegExp.escape(key)}[^\\n]* encrypted[^\\n]*`);
      await expectLine(line, ["--tls-cert", pem("server.pem"), "--tls-key", key]);
    });

  for (const [name, words] of [
    ["expired", "expired"],
    ["future", "not (yet )?valid|not valid (yet|before)"],
  ] as const)
    test(name, async () => {
      const cert = join(newFolder(), "cert.pem");
      copyFileSync(pem(`${name}.pem`), cert);
      const command = [process.execPath, "server.ts", "--host", "127.0.0.1"];
      const tls = ["--tls-cert", cert, "--tls-key", pem(`${name}.key`)];
      const server = new Program([...command, ...tls, "0"]);
      const said = server.printed(/listening on/, "stderr").catch(() => {});
      await Promise.race([server.exited, said]);
      expect(server.stderr).toMatch(new RegExp(`${RegExp.escape(cert)}[^\\n]*(${words})`));
      expect(server.stderr).not.toMatch(/\bat .*:\d+:\d+/);
    });

  test("one of a kind that TLS here does not speak is not taken for a wrong address", async () => {
    const folder = newFolder();
    const [cert, key, parameters] = ["cert.pem", "key.pem", "dsa.pem"].map((name) =>
      join(folder, name),
    ) as [string, string, string]; // one for each name
    Bun.spawnSync(["openssl", "dsaparam", "-out", parameters, "1024"]);
    const request = ["openssl", "req", "-x509", "-nodes", "-days", "1", "-subj", "/CN=localhost"];
    Bun.spawnSync([...request, "-newkey", `dsa:${parameters}`, "-keyout", key, "-out", cert]);
    const line = new RegExp(`(?!.*no such address)[^\\n]*${RegExp.escape(folder)}[^\\n]*`);
    await expectLine(line, ["--tls-cert", cert, "--tls-key", key]);
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
    await server.printed(`joined ${peer.name} (1 here)`, "stderr");
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
    await server.printed(`joined ${peer.name} (1 here)`, "stderr");
  });
});

test("the folder of a file may have any name", async () => {
  const folder = join(newFolder(), "a b\n'c'");
  mkdirSync(folder);
  await expectLine(/cannot read [^\n]*\\x0a'c'\/none: no such file/, [
    "--pass-file",
    join(folder, "none"),
  ]);
});
