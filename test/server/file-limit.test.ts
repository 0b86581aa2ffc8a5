/** The file limit, at which Bun would call accept in a tight loop: it is never reached. */

import { beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { type Certificates, makeCertificates } from "../certificates.ts";
import { endAfterEach, newFolder, serverCommand, ServerProgram } from "../harness.ts";
import { eventually } from "../harness/watched.ts";
import { Caller, type CallerOptions } from "./caller.ts";
import { openFiles, processorMs, startAfter, watchFiles } from "./served.ts";

const FILES_MAX = 64;
const SECRET = "open sesame\n";

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});
endAfterEach();

const tls = () => [
  "--tls-cert",
  certificates.file("server.pem"),
  "--tls-key",
  certificates.file("server.key"),
];

function passFile(): string {
  const file = join(newFolder(), "pass");
  writeFileSync(file, SECRET);
  return file;
}

/** A server under a limit of 64 files that is handed so many open ones. */
function startInheriting(count: number, ...options: string[]): ServerProgram {
  const open = `ulimit -n ${FILES_MAX}; for n in $(seq ${count}); do exec {file}</dev/null; done`;
  const script = `${open}; exec "$@"`;
  const command = serverCommand("--host", "127.0.0.1", ...options, "0");
  return new ServerProgram(["bash", "-c", script, "bash", ...command]);
}

/** Fails unless a server ends at once, with one line. */
async function expectRefusal(server: ServerProgram, line: RegExp): Promise<void> {
  expect(await Promise.race([server.exited, server.logged("listening")])).toBe(1);
  expect(server.stderr).toMatch(new RegExp(`^linechat-server: ${line.source}[^\\n]*\\n$`));
}

/** How many clients a server says it takes. */
function clientsOf(server: ServerProgram): number {
  const [, count] = /up to (\d+) clients, the file limit being 64: /.exec(server.stderr) ?? [];
  return Number(count);
}

/** Connects so many at once; whoever was ended before it could look at that is not among them. */
async function callAll(server: ServerProgram, count: number, options?: CallerOptions) {
  const calls = Array.from({ length: count }, () => Caller.connect(server, options));
  const results = await Promise.allSettled(calls);
  return results.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
}

/** Fails unless the server, whatever goes on now, has files left and time to spare. */
async function expectAtEase(server: ServerProgram, files: { most: number }): Promise<void> {
  const before = processorMs(server.pid);
  await Bun.sleep(400);
  expect(processorMs(server.pid) - before, "processor time of 400 ms").toBeLessThan(250);
  expect(files.most, "open files at most").toBeLessThan(FILES_MAX);
}

test.each([[], ["--web", "0"]])(
  "the log tells how many clients there may be, and why: %p",
  async (...options) => {
    const server = await startAfter("ulimit -n 1024", ...options);
    const numbers =
      /up to (\d+) clients, the file limit being (\d+): (\d+) files are open, (\d+) are kept/;
    const [clients = 0, limit = 0, open = 0, kept = 0] = (await server.logged(numbers))
      .slice(1)
      .map(Number);
    expect([limit, clients + open + kept]).toEqual([1024, 1024]);
    const eighth = 8 + Math.floor((1024 - open - 8) / 8);
    if (options.length === 0) expect(kept).toBe(eighth);
    else expect(kept).toBeGreaterThan(eighth);
  },
);

describe("files that are open at the start", () => {
  test("leave fewer clients, and the limit is never reached", async () => {
    const server = startInheriting(20);
    const [, port] = await server.logged(/listening on \S+:(\d+)\n/);
    server.port = Number(port);
    expect(clientsOf(server)).toBeGreaterThan(0);
    expect(clientsOf(server)).toBeLessThanOrEqual(FILES_MAX - 20);

    const files = watchFiles(server.pid);
    const members = await callAll(server, clientsOf(server), { stays: true });
    await server.members(members.length);
    const refused = await callAll(server, 100, { stays: true });
    await expectAtEase(server, files);
    for (const one of refused) {
      expect(await one.ended()).toBe("end of input");
      expect(one.text).toBe("* room is full\n");
    }
    members[0]?.say("undisturbed\n");
    await members.at(-1)?.hears("undisturbed\n");
  });

  test("so many that no client fits end the start with one line", () =>
    expectRefusal(startInheriting(52), /no files for 1 clients: ulimit -n is 64, /));

  test("count against --max-clients too", () =>
    expectRefusal(
      startInheriting(20, "--max-clients", "30"),
      /no files for 30 clients: ulimit -n is 64, \d+ are open, and \d+ clients fit/,
    ));
});

describe("the file limit is never reached", () => {
  test("by members that leave together with arrivals that take their seats", async () => {
    const server = await startAfter("ulimit -n 64", "--max-line", "64", "--pass-file", passFile());
    const files = watchFiles(server.pid);
    const members = await callAll(server, clientsOf(server), { stays: true });
    for (const member of members) member.say(SECRET);
    await server.members(members.length);
    // All are told why they have to go and stay nevertheless, while as many others come.
    for (const member of members) member.say("x".repeat(100));
    await server.members(0);
    const arrivals = await callAll(server, members.length, { stays: true });
    await expectAtEase(server, files);
    for (const arrival of arrivals) arrival.say(SECRET);
    for (const member of members) {
      expect(await member.ended()).toBe("end of input");
      expect(member.text).toBe("* line longer than 64 bytes\n");
    }
    // Each is in by now, or was told that there was no seat.
    await eventually("an answer to each", () => {
      const here = Number(/\((\d+) here\)\n$/.exec(server.stderr)?.[1]);
      return (
        here + arrivals.filter((arrival) => arrival.text === "* room is full\n").length >=
        arrivals.length
      );
    });
  });

  for (const [what, options] of [
    ["a pass phrase", () => ["--pass-file", passFile()]],
    ["a handshake", tls],
  ] as const)
    test(`by three times as many arrivals that never give ${what}`, async () => {
      const server = await startAfter("ulimit -n 64", ...options());
      const files = watchFiles(server.pid);
      const arrivals = await callAll(server, 3 * clientsOf(server), { stays: true });
      await expectAtEase(server, files);
      for (const arrival of arrivals) arrival.reset();
      const member = await Caller.connect(server, what === "a handshake" ? { tls: {} } : {});
      member.say(SECRET);
      await server.printed(`joined ${member.name} (1 here)`, "stderr");
    });

  test("by newcomers over TLS that are told that the room is full, while members leave", async () => {
    const server = await startAfter("ulimit -n 64", "--max-line", "64", ...tls());
    const files = watchFiles(server.pid);
    const members = await callAll(server, clientsOf(server), { stays: true, tls: {} });
    await server.members(members.length);
    const refused = callAll(server, 60, { stays: true, tls: {} });
    for (const member of members) member.say("x".repeat(100));
    const silent = callAll(server, 60, { stays: true });
    await Promise.all([refused, silent]);
    await expectAtEase(server, files);
    await server.members(0);
    await Promise.all([
      callAll(server, members.length, { stays: true, tls: {} }),
      callAll(server, members.length, { stays: true }),
    ]);
    await expectAtEase(server, files);
  });

  test("by members that half-close and do not read what is pending", async () => {
    const server = await startAfter("ulimit -n 64", "--buffer", "64M", "--patience", "10s");
    const files = watchFiles(server.pid);
    const count = clientsOf(server);
    const talker = await server.join();
    const readers = await callAll(server, count - 1, { stays: true });
    await server.members(count);
    for (const reader of readers) reader.pause();
    expect(await talker.sayAll(Buffer.alloc(16 << 20, "0123456789abcde\n"))).toBe(true);
    for (const reader of readers) reader.halfClose();
    const others = await callAll(server, 60, { stays: true });
    await expectAtEase(server, files);
    for (const other of others) expect(await other.ended()).toBe("end of input");
  });

  test("and what SIGHUP reads anew finds a file to open in a full room", async () => {
    const server = await startAfter("ulimit -n 64", "--pass-file", passFile(), ...tls());
    const files = watchFiles(server.pid);
    const members = await callAll(server, clientsOf(server), { stays: true, tls: {} });
    for (const member of members) {
      await member.handshaken();
      member.say(SECRET);
    }
    await server.members(members.length);
    await callAll(server, 60, { stays: true });
    server.kill("SIGHUP");
    await server.printed("files read again", "stderr");
    await expectAtEase(server, files);
    expect(openFiles(server.pid)).toBeGreaterThan(members.length);
  });
});
