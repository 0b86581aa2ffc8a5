import { describe, expect, test } from "bun:test";

import { COMMAND, connectOptions } from "../lib/client/options.ts";
import { parseCommandLine } from "../lib/program/command-line.ts";
import { SERVER, settingsOf } from "../lib/server/options.ts";
import manifest from "../package.json";
import { endAfterEach, Peer, Program, ServerProgram } from "./harness.ts";

endAfterEach();

async function run(program: "server" | "client", ...options: string[]) {
  const process = new Program([Bun.argv[0] ?? "bun", `${program}.ts`, ...options]);
  process.endInput();
  const code = await process.exited;
  return { code, stdout: process.stdout, stderr: process.stderr };
}

const A_SIZE = "--max-line takes a size like 64K or 8M, from 1 to 2G, not";
const A_PLACE =
  "--metrics takes a port like 8081, or a host and a port like 0.0.0.0:8081 or [::]:8081, not";
const A_HISTORY = "a number of lines like 100, or a size like 8M, of at most 1G";
const A_RULE =
  "--deny takes an address or a range like 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32, not";

/** What a mistake of the server's operator is told, before "(see --help)"; arguments and message. */
const SERVER_MISTAKES: [string, string][] = [
  ["", "<port> missing, as in linechat-server 8080"],
  ["80a", '<port> is a whole number from 0 to 65535, not "80a"'],
  ["65536", '<port> is a whole number from 0 to 65535, not "65536"'],
  ["127.0.0.1:80", '<port> is a whole number from 0 to 65535, not "127.0.0.1:80"'],
  ["localhost 80", 'unexpected argument "80" after <port>'],
  ["0 extra", 'unexpected argument "extra" after <port>'],
  ["--unix room 0", 'unexpected argument "0"'],
  ["-1", 'unknown option "-1"'],
  ["--port 80", 'unknown option "--port"; <port> stands alone'],
  ["-p 80", 'unknown option "-p"'],
  ["--hsot ::1 0", 'unknown option "--hsot"; did you mean --host?'],
  ["--maxline 1 0", 'unknown option "--maxline"; did you mean --max-line?'],
  ["--cert=a.pem 0", 'unknown option "--cert"; did you mean --tls-cert?'],
  ["--frobnicate 0", 'unknown option "--frobnicate"'],
  ["0 --host", "--host takes an address"],
  ["--host= 0", '--host takes an address, not ""'],
  ["--host --quiet 0", '--host takes an address, not "--quiet"'],
  ["--quiet=yes 0", "--quiet takes no value"],
  ["--max-line huge 0", `${A_SIZE} "huge"`],
  ["--max-line 0 0", `${A_SIZE} "0"`],
  ["--max-line -1 0", `${A_SIZE} "-1"`],
  [
    "--patience soon 0",
    '--patience takes a time like 500ms, 10s or 5m, of at most 24h, not "soon"',
  ],
  ["--unix-mode rw 0", '--unix-mode takes the permissions of a file, like 600, not "rw"'],
  ["--unix-mode 0660 0", "--unix-mode needs --unix"],
  ["--unix= 0", '--unix takes a path, not ""'],
  ["--unix room --reuse-port", "--reuse-port and --unix cannot be used together"],
  ["--unix room --allow ::1", "--allow and --unix cannot be used together"],
  ["--unix room --deny ::1", "--deny and --unix cannot be used together"],
  ["--unix room --proxy-protocol ::1", "--proxy-protocol and --unix cannot be used together"],
  ["--history 2G 0", `--history takes ${A_HISTORY}, not "2G"`],
  ["--history -1 0", `--history takes ${A_HISTORY}, not "-1"`],
  ["--unix room --host ::1", "--host and --unix cannot be used together"],
  ["--tls-cert cert.pem 0", "--tls-cert needs --tls-key"],
  ["--tls-ca ca.pem 0", "--tls-ca needs --tls-cert"],
  ["--max-rate fast 0", '--max-rate takes a whole number from 1 on, not "fast"'],
  ["--web-name x 0", "--web-name needs --web"],
  [
    "--web 0 --names --tls-cert c --tls-key k --tls-ca a 0",
    "--web, --names and --tls-ca cannot be used together",
  ],
  ...["x", "70000", "1.2.3.4", "::1:80", "[::1]", ":1"].map((place): [string, string] => [
    `--metrics ${place} 0`,
    `${A_PLACE} "${place}"`,
  ]),
];

const A_PORT = "<port> is a whole number from 0 to 65535, not";
const A_NAME = "--name takes a name of one word without a colon, of at most 32 characters, not";
const SAMPLE = "linechat-client --name alice localhost 8080";

const CLIENT_MISTAKES: [string, string][] = [
  ["", `<host> and <port> missing, as in ${SAMPLE}`],
  ["chat.example", `<port> missing, as in ${SAMPLE}`],
  ["[::1]", `<port> missing, as in ${SAMPLE}`],
  ["localhost:", `${A_PORT} ""`],
  ["localhost:x", `${A_PORT} "x"`],
  [":80", "<host> is empty"],
  ["80 localhost", `${A_PORT} "localhost"`],
  ["localhost:80 80", 'unexpected argument "80" after <host> and <port>'],
  ["localhost 80 x", 'unexpected argument "x" after <host> and <port>'],
  ["--unix room 8080", 'unexpected argument "8080"'],
  ["--nmae ann localhost 80", 'unknown option "--nmae"; did you mean --name?'],
  ["--host=x", 'unknown option "--host"; <host> stands alone'],
  ["--recv", 'unknown option "--recv"; did you mean --recv-only?'],
  ["--name a:b localhost 80", `${A_NAME} "a:b"`],
  ["--name a\u2800b localhost 80", `${A_NAME} "a\u2800b"`],
  ["--name --quiet localhost 80", `${A_NAME} "--quiet"`],
  ["--bell loud localhost 80", '--bell takes name or none, not "loud"'],
  ["--tls-ca ca.pem localhost 80", "--tls-ca needs --tls"],
  ["--tls --tls-cert a.pem localhost 80", "--tls-cert and --tls-key go together"],
  ["--recv-only --send-only localhost 80", "--recv-only and --send-only leave nothing to do"],
];

describe("a usage mistake is named", () => {
  const words = (line: string) => line.split(" ").filter((word) => word !== "");
  const mistake = { exitCode: 2 };

  test.each(SERVER_MISTAKES)("server %s", async (line, message) => {
    const start = async () => {
      const parsed = parseCommandLine(SERVER, words(line));
      if ("options" in parsed) await settingsOf(parsed.options, parsed.operands[0]);
    };
    const stderr = `${message} (see --help)`;
    await expect(start()).rejects.toMatchObject({ ...mistake, message: stderr });
  });

  test.each(CLIENT_MISTAKES)("client %s", async (line, message) => {
    const start = async () => {
      const parsed = parseCommandLine(COMMAND, words(line));
      if ("options" in parsed) await connectOptions(parsed.options, parsed.operands);
    };
    const stderr = `${message} (see --help)`;
    await expect(start()).rejects.toMatchObject({ ...mistake, message: stderr });
  });

  test.each([
    ["server", ["--wrong=\n"], 'unknown option "--wrong"'],
    ["client", ["--wrong=\n"], 'unknown option "--wrong"'],
    ["server", ["--deny", "10.0.0.0/33", "0"], `${A_RULE} "10.0.0.0/33"`],
    [
      "server",
      ["--names", "--max-line", "8M", "0"],
      "a line of 8M (--max-line, lineBytesMax), of up to 16777346 bytes as it is relayed, does not fit into a log of 8M (--buffer, logBytes)",
    ],
  ] as const)("in one line on stderr, exit code 2: %s %p", async (program, options, message) => {
    expect(await run(program, ...options)).toEqual({
      ...{ code: 2, stdout: "" },
      stderr: `linechat-${program}: ${message} (see --help)\n`,
    });
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
      stderr: `linechat-server: cannot listen on 127.0.0.1:${server.port}: address already in use\n`,
    });
  });

  test("no such address to listen on", async () => {
    const { code, stderr } = await run("server", "--host", "192.0.2.1", "0");
    expect(code).toBe(1);
    expect(stderr).toBe("linechat-server: cannot listen on 192.0.2.1:0: address not available\n");
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
  const { code, stderr } = await run("client", "--unix", "no\nsuch\u001bpath");
  expect(code).toBe(1);
  expect(stderr).toMatch(/^linechat-client: cannot connect to no\\x0asuch\\x1bpath: [^\n]+\n$/);
  const { stderr: unknown } = await run("server", "--a\nb", "80");
  expect(unknown).toBe('linechat-server: unknown option "--a\\nb" (see --help)\n');
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

test("each script of the package has a --help, and a word on an option that it does not know", async () => {
  const ours = Object.entries(manifest.scripts).filter(([, line]) => line.endsWith(".ts"));
  expect(ours.length).toBeGreaterThan(5);
  await Promise.all(
    ours.map(async ([name, line]) => {
      const [, path = ""] = line.split(" ");
      const run = async (option: string) => {
        const program = new Program([process.execPath, path, option]);
        const code = await program.exited;
        return { code, stdout: program.stdout, stderr: program.stderr };
      };
      const help = await run("--help");
      expect(help).toMatchObject({ code: 0, stderr: "" });
      expect(help.stdout).toContain(`bun run ${name}`);
      const mistake = `${name}: unknown option "--wrong" (see --help)\n`;
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
