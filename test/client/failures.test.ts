/** What can go wrong, in words: each a line that names what it is about, exit code 1. */

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Certificates, makeCertificates } from "../certificates.ts";
import { endAfterEach, Program, ServerProgram } from "../harness.ts";
import { endTerminals, terminalTest, Tmux } from "../terminal/tmux.ts";

let folder: string;
let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
  folder = mkdtempSync(join(tmpdir(), "linechat-failures-"));
  writeFileSync(join(folder, "file"), "");
});
afterAll(() => rmSync(folder, { recursive: true }));
endAfterEach();
afterEach(endTerminals);

/** How the client ends, its streams redirected by the shell. */
async function run(words: string, redirections = "</dev/null") {
  const command = `exec "$0" client.ts ${words} ${redirections}`;
  const program = new Program(["bash", "-c", command, process.execPath]);
  return { code: await program.exited, stderr: program.stderr };
}

function failsWith(message: string) {
  return { code: 1, stderr: `linechat-client: ${message}\n` };
}

const NO_STDIN = "cannot read stdin (--recv-only does not read it)";

test.each([
  ["0>/dev/null", `${NO_STDIN}: bad file descriptor`],
  ["</tmp", `${NO_STDIN}: illegal operation on a directory`],
])("a stdin that cannot be read: %s", async (redirection, message) => {
  const server = await ServerProgram.start();
  expect(await run(`127.0.0.1 ${server.port}`, redirection)).toEqual(failsWith(message));
});

terminalTest(
  "nohup at a terminal leaves no stdin to read; with --recv-only all is well",
  async () => {
    const server = await ServerProgram.start();
    const nohup = `cd "${folder}"; nohup "${process.execPath}" "${process.cwd()}/client.ts"`;
    const at = `127.0.0.1 ${server.port}`;
    const deaf = await Tmux.start({
      columns: 100,
      command: `${nohup} ${at}; cat nohup.out; exec sleep 1000`,
    });
    await deaf.shows(`linechat-client: ${NO_STDIN}: bad file descriptor`);
    await Tmux.start({ command: `${nohup} --recv-only ${at}; exec sleep 1000` });
    await server.printed(/joined .*\(1 here\)\n$/, "stderr");
  },
);

test("a stdout that cannot be written to", async () => {
  const server = await ServerProgram.start();
  const peer = await server.join();
  const client = run(`--recv-only 127.0.0.1 ${server.port}`, ">/dev/full");
  await server.members(2);
  peer.say("hello\n");
  expect(await client).toEqual(failsWith("cannot write to stdout: no space left on device"));
  for (const option of ["--help", "--version"])
    expect(await run(option, ">/dev/full")).toEqual(
      failsWith("cannot write to stdout: no space left on device"),
    );
  expect(await run("--help", "1</dev/null")).toEqual(
    failsWith("cannot write to stdout: bad file descriptor"),
  );
});

test("an address without a way to it", async () => {
  const why = "invalid argument; a link-local address needs its interface, like fe80::1%eth0";
  expect(await run("fe80::1 1")).toEqual(failsWith(`cannot connect to [fe80::1]:1: ${why}`));
});

test("a path that is no socket", async () => {
  for (const [name, why] of [
    ["none", "no such file or directory"],
    ["file", "it is not a socket"],
    ["file/x", "not a directory"],
    ["", "it is not a socket"],
  ] as const) {
    const path = join(folder, name);
    expect(await run(`--unix ${path}`)).toEqual(failsWith(`cannot connect to ${path}: ${why}`));
  }
  const long = join(folder, "x".repeat(120));
  writeFileSync(long, "");
  const { stderr } = await run(`--unix ${long}`);
  expect(stderr).toBe(failsWith(`cannot connect to ${long}: it is not a socket`).stderr);
});

test("a socket that nobody listens on", async () => {
  const path = join(folder, "abandoned");
  const abandon = `Bun.listen({ unix: "${path}", socket: { data() {} } }); process.kill(process.pid, "SIGKILL");`;
  Bun.spawnSync([process.execPath, "-e", abandon]);
  expect(await run(`--unix ${path}`)).toEqual(
    failsWith(`cannot connect to ${path}: connection refused`),
  );
});

test.each([
  ["server", false, "unable to verify the first certificate; --tls-ca trusts another CA"],
  ["stranger", true, "self signed certificate; --tls-ca trusts another CA"],
  ["expired", true, "certificate has expired"],
  ["other", true, "Hostname/IP does not match certificate's altnames: Host: localhost. "],
] as const)("a server that cannot be verified: %s", async (name, trusted, why) => {
  const [cert, key] = [`${name}.pem`, `${name}.key`].map((file) =>
    Bun.file(certificates.file(file)),
  );
  const joined = Promise.withResolvers<string>();
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert, key },
    socket: { data: (_, bytes) => joined.resolve(bytes.toString()) },
  });
  const ca = trusted ? `--tls-ca ${certificates.file("ca.pem")}` : "";
  const client = run(`--tls ${ca} localhost ${server.port}`, "<<<said");
  const at = `localhost:${server.port}`;
  const end = {
    code: 1,
    stderr: expect.stringContaining(`${at}: its certificate cannot be verified: ${why}`),
  };
  expect(await Promise.race([client, joined.promise])).toEqual(end);
  server.stop(true);
});

test("a server that does not speak TLS, and one that closes", async () => {
  for (const [handlers, why] of [
    [{ open: (socket: Bun.Socket) => void socket.write("220 hello\r\n") }, "it does not speak TLS"],
    [
      { data: (socket: Bun.Socket) => void socket.end() },
      "it closed the connection during the TLS handshake",
    ],
  ] as const) {
    const socket = { data() {}, ...handlers };
    const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket });
    expect(await run(`--tls localhost ${server.port}`)).toEqual(
      failsWith(`cannot connect to localhost:${server.port}: ${why}`),
    );
    server.stop(true);
  }
});
