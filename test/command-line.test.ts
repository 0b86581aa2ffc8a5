import { describe, expect, test } from "bun:test";

import manifest from "../package.json";
import { endAfterEach, Peer, Program, ServerProgram } from "./harness.ts";

endAfterEach();

async function run(program: "server" | "client", ...options: string[]) {
  const process = new Program([Bun.argv[0] ?? "bun", `${program}.ts`, ...options]);
  process.endInput();
  const code = await process.exited;
  return { code, stdout: process.stdout, stderr: process.stderr };
}

/** What a mistake prints, and nothing else; [arguments, message]. */
const SERVER_MISTAKES: [string[], string][] = [
  [[], "<port> is missing"],
  [["80a"], '<port> is a whole number from 0 to 65535, not "80a"'],
  [["65536"], '<port> is a whole number from 0 to 65535, not "65536"'],
  [["0", "extra"], 'unexpected argument "extra"'],
  [["--prot", "0"], "unknown option --prot"],
  [["-x", "0"], "unknown option -x"],
  [["0", "--host"], "--host takes an address"],
  [["--host=", "0"], '--host takes an address, not ""'],
  [["--quiet=yes", "0"], '--quiet takes no value, not even "yes"'],
  [["--max-line", "huge", "0"], '--max-line takes a size like 64K or 8M, from 1 to 2G, not "huge"'],
  [["--max-line", "0", "0"], '--max-line takes a size like 64K or 8M, from 1 to 2G, not "0"'],
  [["--max-line", "--quiet", "0"], "--max-line takes a size like 64K or 8M, from 1 to 2G"],
  [["--max-line", "9M", "0"], "--max-line 9M does not fit into --buffer 8M"],
  [["--buffer", "8X", "0"], '--buffer takes a size like 64K or 8M, from 1 to 2G, not "8X"'],
  [
    ["--patience", "soon", "0"],
    '--patience takes a time like 500ms, 10s or 5m, of at most 24h, not "soon"',
  ],
  [["--unix-mode", "rw", "0"], '--unix-mode takes the permissions of a file, like 600, not "rw"'],
  [["--unix", "room", "0"], 'unexpected argument "0"'],
  [["--unix", "room", "--host", "::1"], "--host does not go with --unix"],
  [
    ["--deny", "10.0.0.0/33", "0"],
    '--deny takes an address or a range like 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32, not "10.0.0.0/33"',
  ],
  [["--tls-cert", "cert.pem", "0"], "--tls-cert and --tls-key go together"],
  [["--tls-ca", "ca.pem", "0"], "--tls-ca needs --tls-cert and --tls-key"],
  [["--max-rate", "fast", "0"], '--max-rate takes a whole number from 1 on, not "fast"'],
  [["--max-clients", "0", "0"], '--max-clients takes a whole number from 1 on, not "0"'],
];

const CLIENT_MISTAKES: [string[], string][] = [
  [[], "<host> is missing"],
  [["localhost"], "<port> is missing"],
  [["localhost", "0"], '<port> is a whole number from 1 to 65535, not "0"'],
  [["localhost", "80", "x"], 'unexpected argument "x"'],
  [["--nope", "localhost", "80"], "unknown option --nope"],
  [["--tls-ca", "ca.pem", "localhost", "80"], "--tls-ca needs --tls"],
  [["--tls", "--tls-cert", "a.pem", "localhost", "80"], "--tls-cert and --tls-key go together"],
  [["--unix", "room", "localhost"], 'unexpected argument "localhost"'],
  [
    ["--recv-only", "--send-only", "localhost", "80"],
    "--recv-only and --send-only leave nothing to do",
  ],
];

describe("a usage mistake is one line that names it, and exit code 2", () => {
  for (const [program, mistakes] of [
    ["server", SERVER_MISTAKES],
    ["client", CLIENT_MISTAKES],
  ] as const)
    for (const [options, message] of mistakes)
      test(`${program} ${options.join(" ")}`, async () => {
        expect(await run(program, ...options)).toEqual({
          code: 2,
          stdout: "",
          stderr: `linechat-${program}: ${message} (--help shows how)\n`,
        });
      });

  test("more clients than the file limit allows", async () => {
    const { code, stderr } = await run("server", "--max-clients", "99999999", "0");
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^linechat-server: --max-clients 99999999 is more than the file limit allows: \d+, as ulimit -n is \d+ \(--help shows how\)\n$/,
    );
  });
});

for (const program of ["server", "client"] as const) {
  test(`${program} --help shows every option on stdout`, async () => {
    const name = `linechat-${program}`;
    const { code, stdout, stderr } = await run(program, "--help");
    expect([code, stderr]).toEqual([0, ""]);
    const operands = program === "server" ? "<port>" : "<host> <port>";
    const usages = [operands, "--unix <path>"].map((words) => `${name} [options] ${words}\n`);
    expect(stdout).toStartWith(usages.join(""));
    for (const option of ["--help, -h", "--version"]) expect(stdout).toContain(option);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  test(`${program} --version`, async () => {
    expect(await run(program, "--version")).toEqual({
      code: 0,
      stdout: `linechat-${program} ${manifest.version}\n`,
      stderr: "",
    });
  });
}

describe("a failure to do the job is one line with the address, and exit code 1", () => {
  test("the address is in use", async () => {
    const server = await ServerProgram.start();
    expect(await run("server", "--host", "127.0.0.1", String(server.port))).toEqual({
      code: 1,
      stdout: "",
      stderr: `linechat-server: cannot listen on 127.0.0.1:${server.port}: the address is in use\n`,
    });
  });

  test("no such address to listen on", async () => {
    const { code, stderr } = await run("server", "--host", "192.0.2.1", "0");
    expect(code).toBe(1);
    expect(stderr).toBe(
      "linechat-server: cannot listen on 192.0.2.1:0: this machine has no such address\n",
    );
  });

  test("an unknown host", async () => {
    const { code, stderr } = await run("client", "no-such-host.invalid", "80");
    expect(code).toBe(1);
    expect(stderr).toBe(
      "linechat-client: cannot connect to no-such-host.invalid:80: unknown host\n",
    );
  });

  test("connection refused", async () => {
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const { port } = listener;
    listener.stop();
    expect(await run("client", "127.0.0.1", String(port))).toEqual({
      code: 1,
      stdout: "",
      stderr: `linechat-client: cannot connect to 127.0.0.1:${port}: connection refused\n`,
    });
  });
});

test("a message stays one line whatever was given", async () => {
  const { code, stderr } = await run("client", "no\nsuch\u001bhost", "80");
  expect(code).toBe(1);
  expect(stderr).toMatch(/^linechat-client: cannot connect to no\\x0asuch\\x1bhost:80: [^\n]+\n$/);
  const { stderr: unknown } = await run("server", "--a\nb", "80");
  expect(unknown).toBe('linechat-server: unknown option "--a\\nb" (--help shows how)\n');
});

test("--quiet leaves only warnings and errors in the log", async () => {
  const command = [
    process.execPath,
    "server.ts",
    "--quiet",
    "--max-line",
    "8",
    "--host",
    "127.0.0.1",
  ];
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = probe;
  probe.stop();
  const server = new Program([...command, String(port)]);
  let peer: Peer | undefined;
  while (!peer) peer = await Peer.connect(port).catch(() => Bun.sleep(10).then(() => undefined));
  peer.say("much too long\n");
  await server.printed("\n", "stderr");
  server.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  expect(server.stderr).toMatch(/^\S+Z left \S+: line too long \(0 here\)\n$/);
});

test("without --host it listens on IPv6 and IPv4", async () => {
  const server = await ServerProgram.run([process.execPath, "server.ts", "0"]);
  const join = (host: string) =>
    new Program([process.execPath, "client.ts", host, String(server.port)]);
  const [six, four] = [join("::1"), join("127.0.0.1")];
  await server.members(2);
  // Bun opens two connections to a name with two addresses, so the server's count tells nothing.
  const named = join("localhost");
  named.say("from localhost\n");
  await Promise.all([six, four].map((client) => client.printed("from localhost\n")));
  six.say("over IPv6\n");
  await four.printed("over IPv6\n");
  four.say("over IPv4\n");
  await six.printed("over IPv4\n");
  await named.printed("over IPv6\nover IPv4\n");
});
