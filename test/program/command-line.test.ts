/** The command lines of both programs: what a mistake is told, what --help shows, how they end. */

import { describe, expect, test } from "bun:test";
import { join } from "node:path";

import { COMMAND, connectOptions } from "../../lib/client/options.ts";
import { parseCommandLine } from "../../lib/program/command-line.ts";
import { SERVER, settingsOf } from "../../lib/server/options.ts";
import manifest from "../../package.json";
import {
  clientCommand,
  endAfterEach,
  newFolder,
  Program,
  rejection,
  runToEnd,
  serverCommand,
  ServerProgram,
  testBeside,
} from "../harness.ts";

endAfterEach();

const A_PORT = "<port> is a whole number from 0 to 65535, not";
const A_HOST = "<host> is a name or an address, as in localhost 8080 or [::1]:8080, not";
const A_NAME = "--name takes a name of one word without a colon, of 1 to 32 characters, not";
const A_SIZE = "--max-line takes a size like 64K or 8M, from 1 to 2G, not";
const A_TIME = "--patience takes a time like 500ms, 10s or 5m, of at most 24h, not";
const A_PLACE = "takes a port like 8081, or a host and a port like 0.0.0.0:8081 or [::]:8081, not";
const A_URL = "--redis takes an address like redis://10.0.0.5 or rediss://user@host:6380/1, not";
const A_HISTORY =
  "--history takes a number of lines like 100, or a size like 8M, of at most 1G, not";
const SAMPLE = "as in linechat-client --name alice localhost 8080";
const OWN_PORT = "needs a port of its own, not 8080, which is that of the room";

/** The arguments, and what is told before "(see --help)". */
const SERVER_MISTAKES: Record<string, string> = {
  "": "<port> missing, as in linechat-server 8080",
  "80a": `${A_PORT} "80a"`,
  "-1": `${A_PORT} "-1"`,
  "localhost 80": 'unexpected argument "80" after <port> "localhost"',
  "--port 80": 'unknown option "--port"; <port> stands alone',
  "-- -1 80": 'unexpected argument "80" after <port> "-1"',
  "-p 80": 'unknown option "-p"',
  "--__proto__ 80": 'unknown option "--__proto__"',
  "--hsot ::1 0": 'unknown option "--hsot"; did you mean --host?',
  "--maxline 1 0": 'unknown option "--maxline"; did you mean --max-line?',
  "--cert=a.pem 0": 'unknown option "--cert"; did you mean --tls-cert?',
  "--name 0": 'unknown option "--name"; did you mean --names or --web-name?',
  "0 --host": "--host takes an address",
  "--host= 0": '--host takes an address, not ""',
  "--host --quiet 0": '--host takes an address, not "--quiet"',
  "--quiet=yes 0": "--quiet takes no value",
  "--max-line huge 0": `${A_SIZE} "huge"`,
  "--patience soon 0": `${A_TIME} "soon"`,
  "--unix-mode 0660 0": "--unix-mode needs --unix",
  "--unix= 0": '--unix takes a path, not ""',
  "--unix room --proxy-protocol ::1": "--proxy-protocol and --unix cannot be used together",
  "--history 2G 0": `${A_HISTORY} "2G"`,
  "--max-rate fast 0": '--max-rate takes a whole number from 1 on, not "fast"',
  "--redis localhost:6379 0": `${A_URL} "localhost:6379"`,
  "--redis http://10.0.0.5 0": `${A_URL} "http://10.0.0.5"`,
  "--redis redis://h --room a}b 0":
    '--room takes a name of letters, digits, dots, - and _, of at most 64 characters, not "a}b"',
  "--web 8080 8080": `--web ${OWN_PORT}`,
  "--metrics 127.0.0.1:8080 --host 127.0.0.1 8080": `--metrics ${OWN_PORT}`,
  "--web 0 --names --tls-cert c --tls-key k --tls-ca a 0":
    "--web, --names and --tls-ca cannot be used together",
};
for (const place of ["x", "70000", "1.2.3.4", "::1:80", "[::1]", ":1"])
  SERVER_MISTAKES[`--metrics ${place} 0`] = `--metrics ${A_PLACE} "${place}"`;

const CLIENT_MISTAKES: Record<string, string> = {
  "": `<host> and <port> missing, ${SAMPLE}`,
  "localhost --pass-file 80": `<port> missing after <host> "localhost", ${SAMPLE}; "80" is the value of --pass-file`,
  "[::1]": `<port> missing after <host> "::1", ${SAMPLE}`,
  "localhost:x": `${A_PORT} "x"`,
  ":80": `${A_HOST} ":80"`,
  "http://localhost:80": `${A_HOST} "http://localhost:80"`,
  "alice@localhost 80": `${A_HOST} "alice@localhost"; --name gives your name`,
  "localhost:80 80": 'unexpected argument "80" after <host> "localhost" and <port> "80"',
  "--unix room 80": 'unexpected argument "80"',
  "--nmae ann localhost 80": 'unknown option "--nmae"; did you mean --name?',
  "--host=x": 'unknown option "--host"; <host> stands alone',
  "--name a:b localhost 80": `${A_NAME} "a:b"`,
  "--name= localhost 80": `${A_NAME} ""; only in a terminal that means none`,
  "--bell loud localhost 80": '--bell takes name or none, not "loud"',
  "--tls-ca ca.pem localhost 80": "--tls-ca needs --tls",
  "--tls --tls-cert a.pem localhost 80": "--tls-cert needs --tls-key",
  "--recv-only --send-only localhost 80": "--recv-only and --send-only cannot be used together",
  "--reconnect --no-reconnect localhost 80":
    "--reconnect and --no-reconnect cannot be used together",
};

describe("a mistake on the command line is named, with what would be right", () => {
  const words = (line: string) => line.split(" ").filter((word) => word !== "");
  const told = (message: string) => ({ message: `${message} (see --help)`, exitCode: 2 });

  test.each(Object.entries(SERVER_MISTAKES))("server %s", async (line, message) => {
    const start = async () => {
      const parsed = parseCommandLine(SERVER, words(line));
      if ("options" in parsed) await settingsOf(parsed.options, parsed.operands[0]);
    };
    expect(await rejection(start())).toMatchObject(told(message));
  });

  test.each(Object.entries(CLIENT_MISTAKES))("client %s", async (line, message) => {
    const start = async () => {
      const parsed = parseCommandLine(COMMAND, words(line));
      if ("options" in parsed) await connectOptions(parsed.options, parsed.operands, false);
    };
    expect(await rejection(start())).toMatchObject(told(message));
  });
});

testBeside("a mistake or failure is one line on stderr, and the exit code", async () => {
  const busy = await ServerProgram.start();
  const long = `a line of 8M (--max-line, lineBytesMax), of up to 16777346 bytes as it is relayed`;
  const tooLong = `${long}, does not fit into a log of 8M (--buffer, logBytes) (see --help)`;
  const inUse = `cannot listen on 127.0.0.1:${busy.port}: address already in use`;
  const elsewhere = "cannot listen on 192.0.2.1:0: address not available";
  const noFile = "cannot connect to no\\x0asuch\\x1bpath: no such file or directory";
  const ends: [code: number, command: string[], why: string][] = [
    [2, serverCommand("--a\nb=\n"), 'unknown option "--a\\nb" (see --help)'],
    [2, serverCommand("--names", "--max-line", "8M", "0"), tooLong],
    [2, clientCommand("--wrong=\n"), 'unknown option "--wrong" (see --help)'],
    [1, serverCommand("--host", "127.0.0.1", `${busy.port}`), inUse],
    [1, serverCommand("--host", "192.0.2.1", "0"), elsewhere],
    [1, clientCommand("--unix", "no\nsuch\u001bpath"), noFile],
  ];
  const check = async ([code, command, why]: (typeof ends)[number]) => {
    const stderr = `linechat-${command[1]?.replace(".ts", "")}: ${why}\n`;
    expect(await runToEnd(command)).toEqual({ code, stdout: "", stderr });
  };
  await Promise.all(ends.map(check));
});

for (const [program, operands, linesMax] of [
  ["server", "<port>", 75],
  ["client", "<host> <port>", 45],
] as const)
  testBeside(`${program} --help and --version are short, and tell its name`, async () => {
    const name = `linechat-${program}`;
    const run = (option: string) => runToEnd([process.execPath, `${program}.ts`, option]);
    const { code, stdout, stderr } = await run("--help");
    expect([code, stderr]).toEqual([0, ""]);
    const usages = [operands, "--unix <path>"].map((place) => `${name} [options] ${place}\n`);
    expect(stdout).toStartWith(usages.join(""));
    expect(stdout.replaceAll(name, "")).not.toMatch(/linechat[ -][sc]/);
    const lines = stdout.split("\n");
    expect(lines.length).toBeLessThan(linesMax);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    const shown = { code: 0, stdout: `${name} ${manifest.version}\n`, stderr: "" };
    expect(await run("--version")).toEqual(shown);
  });

testBeside("--quiet leaves only warnings and errors in the server's log", async () => {
  const unix = join(newFolder(), "room");
  const server = new Program(serverCommand("--quiet", "--max-line", "8", "--unix", unix));
  const client = new Program(clientCommand("--reconnect", "--quiet", "--unix", unix));
  client.say("much too long\n");
  await server.printed("\n", "stderr");
  server.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  expect(server.stderr).toMatch(/^\S+Z left \S+: line too long \(0 here\)\n$/);
});

testBeside("each script has a --help, and names an option that it does not know", async () => {
  const ours = Object.entries(manifest.scripts).filter(([, line]) => line.endsWith(".ts"));
  expect(ours.length).toBeGreaterThan(5);
  await Promise.all(
    ours.map(async ([name, line]) => {
      const command = [process.execPath, line.split(" ")[1] ?? ""];
      const help = await runToEnd([...command, "--help"]);
      expect(help).toMatchObject({ code: 0, stderr: "" });
      expect(help.stdout).toContain(`bun run ${name}`);
      const stderr = `${name}: unknown option "--wrong" (see --help)\n`;
      expect(await runToEnd([...command, "--wrong"])).toEqual({ code: 2, stdout: "", stderr });
    }),
  );
});

testBeside("without --host it takes IPv6 and IPv4; host and port may be one word", async () => {
  const server = await ServerProgram.run(serverCommand("0"));
  const [one, ...others] = ["127.0.0.1:#", "[::1]:#", "::1 #", "[::1] #", "localhost #"].map(
    (place) => new Program(clientCommand(...place.replace("#", `${server.port}`).split(" "))),
  );
  await server.members(1 + others.length);
  one?.say("hello\n");
  for (const other of others) await other.printed("hello\n");
});
