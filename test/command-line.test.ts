import { describe, expect, test } from "bun:test";

import manifest from "../package.json";
import { endAfterEach, Peer, Program, runToEnd, serverCommand, ServerProgram } from "./harness.ts";

endAfterEach();

const run = (program: "server" | "client", ...options: string[]) =>
  runToEnd([process.execPath, `${program}.ts`, ...options]);

const A_HISTORY = "a number of lines like 100, or a size like 8M, of at most 1G";

/** What a mistake prints, and nothing else; [arguments, message]. */
const SERVER_MISTAKES: [string[], string][] = [
  [[], "<port> is missing, as in linechat-server 8080"],
  [["80a"], '<port> is a whole number from 0 to 65535, not "80a"'],
  [["65536"], '<port> is a whole number from 0 to 65535, not "65536"'],
  [[""], '<port> is a whole number from 0 to 65535, not ""'],
  [["localhost"], '<port> is a whole number from 0 to 65535, not "localhost"'],
  [["127.0.0.1:80"], '"127.0.0.1:80" is no port: linechat-server --host 127.0.0.1 80'],
  [["[::1]:80"], '"[::1]:80" is no port: linechat-server --host ::1 80'],
  [[":80"], '":80" is no port: linechat-server 80'],
  [["localhost", "80"], '"localhost" is no port: linechat-server --host localhost 80'],
  [["0", "extra"], 'unexpected argument "extra"'],
  [["-1"], 'unexpected argument "-1"'],
  [["--port", "80"], "unknown option --port; the port stands alone: linechat-server 8080"],
  [["--prot", "80"], "unknown option --prot; the port stands alone: linechat-server 8080"],
  [["-p", "80"], "unknown option -p; the port stands alone: linechat-server 8080"],
  [["-x", "0"], "unknown option -x"],
  [["-q", "0"], "unknown option -q; did you mean --quiet?"],
  [["-v"], "unknown option -v; did you mean --version?"],
  [["--hsot", "::1", "0"], "unknown option --hsot; did you mean --host?"],
  [["--maxline", "1", "0"], "unknown option --maxline; did you mean --max-line?"],
  [["--cert=a.pem", "0"], "unknown option --cert; did you mean --tls-cert?"],
  [["--frobnicate", "0"], "unknown option --frobnicate"],
  [["0", "--host"], "--host takes an address"],
  [["--host=", "0"], '--host takes an address, not ""'],
  [["--host", "::1", "--host", "[::1]:80", "0"], '--host takes an address, not "[::1]:80"'],
  [["--host", "--quiet", "0"], '--host takes an address; "--quiet" looks like an option'],
  [["--quiet=yes", "0"], '--quiet takes no value, not even "yes"'],
  [["--max-line", "huge", "0"], '--max-line takes a size like 64K or 8M, from 1 to 2G, not "huge"'],
  [["--max-line", "0", "0"], '--max-line takes a size like 64K or 8M, from 1 to 2G, not "0"'],
  [
    ["--max-line", "-1", "0"],
    '--max-line takes a size like 64K or 8M, from 1 to 2G; "-1" looks like an option',
  ],
  [["--max-line", "9M", "0"], "--max-line 9M does not fit into --buffer 8M"],
  [
    ["--names", "--max-line", "8M", "0"],
    "--max-line 8M does not fit into --buffer 8M, with a name before it",
  ],
  [["--buffer", "8X", "0"], '--buffer takes a size like 64K or 8M, from 1 to 2G, not "8X"'],
  [
    ["--patience", "soon", "0"],
    '--patience takes a time like 500ms, 10s or 5m, of at most 24h, not "soon"',
  ],
  [["--unix-mode", "rw", "0"], '--unix-mode takes the permissions of a file, like 600, not "rw"'],
  [["--unix-mode", "0660", "0"], "--unix-mode needs --unix"],
  // The default, but given.
  [["--unix-mode=600", "--host", "::1", "0"], "--unix-mode needs --unix"],
  [["--unix", "room", "0"], 'unexpected argument "0": --unix stands instead of <port>'],
  [["--unix", "", "0"], '--unix takes a path, not ""'],
  [["--unix", "room", "--host", "::1"], "--host and --unix cannot be used together"],
  [["--unix", "room", "--reuse-port"], "--reuse-port and --unix cannot be used together"],
  [["--unix", "room", "--allow", "::1"], "--allow and --unix cannot be used together"],
  [["--unix", "room", "--deny", "::1"], "--deny and --unix cannot be used together"],
  [
    ["--deny", "10.0.0.0/33", "0"],
    '--deny takes an address or a range like 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32, not "10.0.0.0/33"',
  ],
  [["--tls-cert", "cert.pem", "0"], "--tls-cert needs --tls-key"],
  [["--tls-key", "key.pem", "0"], "--tls-key needs --tls-cert"],
  [["--tls-ca", "ca.pem", "0"], "--tls-ca needs --tls-cert"],
  ...["0", "2G", "all"].map((given): [string[], string] => [
    ["--history", given, "0"],
    `--history takes ${A_HISTORY}, not "${given}"`,
  ]),
  [["--history", "-1", "0"], `--history takes ${A_HISTORY}; "-1" looks like an option`],
  [["--max-rate", "fast", "0"], '--max-rate takes a whole number from 1 on, not "fast"'],
  [["--max-clients", "0", "0"], '--max-clients takes a whole number from 1 on, not "0"'],
];

const A_HOST = "<host> is a name or an address like localhost or ::1, not";
const A_PORT = "<port> is a whole number from 1 to 65535, not";
const A_NAME = "--name takes a name of one word without a colon, of at most 32 characters";

const CLIENT_MISTAKES: [string[], string][] = [
  [[], "<host> and <port> are missing, as in linechat-client localhost 8080"],
  [["chat.example"], "<port> is missing, as in linechat-client chat.example 8080"],
  [["8081"], "<host> is missing, as in linechat-client localhost 8081"],
  [["::1:80"], "<port> is missing; it stands after an address in brackets, like [::1]:8080"],
  [["[::1]"], "<port> is missing; it stands after an address in brackets, like [::1]:8080"],
  [["localhost", "0"], `${A_PORT} "0"`],
  [["localhost", "http"], `${A_PORT} "http"`],
  [["localhost", ""], `${A_PORT} ""`],
  [["localhost:"], `${A_PORT} ""`],
  [["localhost:x"], `${A_PORT} "x"`],
  [["", "80"], `${A_HOST} ""`],
  [[":80"], `${A_HOST} ":80"`],
  [["http://localhost:80"], `${A_HOST} "http://localhost:80"`],
  [["alice@localhost", "80"], `${A_HOST} "alice@localhost"`],
  [["80", "localhost"], "the host comes first: linechat-client localhost 80"],
  [["localhost:80", "80"], 'unexpected argument "80": "localhost:80" has a port already'],
  [["localhost", "80", "x"], 'unexpected argument "x"'],
  [["--nope", "localhost", "80"], "unknown option --nope"],
  [["--nmae", "ann", "localhost", "80"], "unknown option --nmae; did you mean --name?"],
  [["-name", "ann", "localhost", "80"], "unknown option -name; did you mean --name?"],
  [["-n", "ann", "localhost", "80"], "unknown option -n; did you mean --name?"],
  [["-p", "80"], "unknown option -p; the port stands alone: linechat-client localhost 8080"],
  [
    ["--port", "80"],
    "unknown option --port; the port stands alone: linechat-client localhost 8080",
  ],
  [["--host=x"], "unknown option --host; the host stands alone: linechat-client localhost 8080"],
  [["-V"], "unknown option -V; did you mean --version?"],
  [["-r", "localhost", "80"], "unknown option -r; did you mean --recv-only or --reconnect?"],
  [["--recv"], "unknown option --recv; did you mean --recv-only?"],
  [["--name", "a b", "localhost", "80"], `${A_NAME}, not "a b"`],
  [["--name", "a\u2800b", "localhost", "80"], `${A_NAME}, not "a\u2800b"`],
  [["--bell", "loud", "localhost", "80"], '--bell takes name or none, not "loud"'],
  [["--name", "--quiet", "localhost", "80"], `${A_NAME}; "--quiet" looks like an option`],
  [["--tls-ca", "ca.pem", "localhost", "80"], "--tls-ca needs --tls"],
  [["--tls", "--tls-cert", "a.pem", "localhost", "80"], "--tls-cert and --tls-key go together"],
  [
    ["--unix", "room", "8080"],
    'unexpected argument "8080": --unix stands instead of <host> and <port>',
  ],
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
          stderr: `linechat-${program}: ${message} (see --help)\n`,
        });
      });

  test("more clients than the file limit allows", async () => {
    const { code, stderr } = await run("server", "--max-clients", "99999999", "0");
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^linechat-server: --max-clients 99999999 is more than the file limit allows: \d+, as ulimit -n is \d+ \(see --help\)\n$/,
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

describe("options at their limits work", () => {
  test.each([
    ["the smallest log", ["--buffer", "1", "--max-line", "1"]],
    ["a log of 2 GiB", ["--buffer", "2G", "--max-line", "2G"]],
    ["a day of patience", ["--patience", "24h"]],
    ["a day of idleness", ["--idle", "24h"]],
    ["idleness of no time, which is none", ["--idle", "0"]],
    ["any rate", ["--max-rate", "999999999999999"]],
    ["any number of an address", ["--max-clients-per-address", "999999999999999"]],
    ["all addresses", ["--allow", "0.0.0.0/0", "--allow", "::/0"]],
    ["a size given twice, of which the last counts", ["--buffer", "16", "--buffer", "64K"]],
  ])("%s", async (_, options) => {
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

describe("a failure to do the job is one line with the address, and exit code 1", () => {
  test("an unknown host", async () => {
    const { code, stderr } = await run("client", "no-such-host.invalid", "80");
    expect(code).toBe(1);
    expect(stderr).toBe(
      "linechat-client: cannot connect to no-such-host.invalid:80: unknown host\n",
    );
  });

  test("connection refused", async () => {
    const port = freePort();
    expect(await run("client", "127.0.0.1", String(port))).toEqual({
      code: 1,
      stdout: "",
      stderr: `linechat-client: cannot connect to 127.0.0.1:${port}: connection refused\n`,
    });
  });
});

test("a message stays one line whatever was given", async () => {
  const { code, stderr } = await run("client", "--unix", "no\nsuch\u001bpath");
  expect(code).toBe(1);
  expect(stderr).toMatch(/^linechat-client: cannot connect to no\\x0asuch\\x1bpath: [^\n]+\n$/);
  const { stderr: unknown } = await run("server", "--a\nb", "80");
  expect(unknown).toBe('linechat-server: unknown option "--a\\nb" (see --help)\n');
});

test("--quiet leaves only warnings and errors in the log", async () => {
  const port = freePort();
  const options = ["--quiet", "--host", "127.0.0.1", "--max-line", "8"];
  const server = new ServerProgram(serverCommand(...options, `${port}`));
  const call = () => Peer.connect(port, { says: "much too long\n" }).then(() => true);
  while (!(await call().catch(() => Bun.sleep(10)))) continue;
  await server.logged("\n");
  expect(await server.stop()).toBe(0);
  expect(server.stderr).toMatch(/^\S+Z left \S+: line too long \(0 here\)\n$/);
});

test("each script of the package has a --help, and a word on an option that it does not know", async () => {
  const ours = Object.entries(manifest.scripts).filter(([, line]) => line.endsWith(".ts"));
  expect(ours.length).toBeGreaterThan(5);
  await Promise.all(
    ours.map(async ([name, line]) => {
      const [, path = ""] = line.split(" ");
      const run = (option: string) => runToEnd([process.execPath, path, option]);
      const help = await run("--help");
      expect(help).toMatchObject({ code: 0, stderr: "" });
      expect(help.stdout).toContain(`bun run ${name}`);
      const mistake = `${name}: unknown option --wrong (see --help)\n`;
      expect(await run("--wrong")).toEqual({ code: 2, stdout: "", stderr: mistake });
    }),
  );
}, 20_000);

test("host and port may be one word", async () => {
  const server = await ServerProgram.run([process.execPath, "server.ts", "0"]);
  const words = [["127.0.0.1:#"], ["[::1]:#"], ["::1", "#"], ["[::1]", "#"]];
  const clients = words.map((place) => {
    const named = place.map((word) => word.replace("#", String(server.port)));
    return new Program([process.execPath, "client.ts", "--send-only", ...named]);
  });
  await server.members(clients.length);
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

/** A port that nobody listens on. */
function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  listener.stop();
  return listener.port;
}
