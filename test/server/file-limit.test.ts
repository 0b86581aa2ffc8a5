/** The file limit, at which Bun would call accept in a tight loop: it is never reached. */

import { expect, test } from "bun:test";

import { openFiles } from "../bench/usage.ts";
import { type Certificates, makeCertificates } from "../certificates.ts";
import {
  endAfterEach,
  newFile,
  Peer,
  serverCommand,
  ServerProgram,
  testBeside,
} from "../harness.ts";
import { eventually } from "../harness/watched.ts";
import { processorMs, startAfter, watchFiles } from "./served.ts";

const FILES_MAX = 64;
const SECRET = "open sesame\n";

endAfterEach();
let certificates: Certificates | undefined;
const pem = (name: string) => (certificates ??= makeCertificates()).file(name);
const tls = () => ["--tls-cert", pem("server.pem"), "--tls-key", pem("server.key")];
const passFile = () => ["--pass-file", newFile("pass", SECRET)];

/** A server under a limit of 64 files that is handed so many open ones. */
function startInheriting(count: number, ...options: string[]): ServerProgram {
  const open = `ulimit -n ${FILES_MAX}; for n in $(seq ${count}); do exec {file}</dev/null; done`;
  const command = serverCommand("--host", "127.0.0.1", ...options, "0");
  return new ServerProgram(["bash", "-c", `${open}; exec "$@"`, "bash", ...command]);
}

/** How many clients a server says it takes. */
function clientsOf(server: ServerProgram): number {
  const [, count] = /up to (\d+) clients, the file limit being 64: /.exec(server.stderr) ?? [];
  return Number(count);
}

/** Over TLS, without a look at the certificate. */
const TLS = { tls: { rejectUnauthorized: false } };

/** Connects so many at once; whoever was ended before it could look at that is not among them. */
async function callAll(server: ServerProgram, count: number, options: object = {}) {
  const calls = Array.from({ length: count }, () => Peer.connect(server.port, options));
  const results = await Promise.allSettled(calls);
  return results.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
}

/** Waits until the server rests, which one that calls accept in a tight loop never does. */
async function expectAtEase(server: ServerProgram, files: { most: number }): Promise<void> {
  let usedMs = Infinity;
  for (let tries = 0; tries < 50 && usedMs > 100; tries++) {
    const before = processorMs(server.pid);
    await Bun.sleep(200);
    usedMs = processorMs(server.pid) - before;
  }
  expect(usedMs, "processor time of 200 ms").toBeLessThan(101);
  expect(files.most, "open files at most").toBeLessThan(FILES_MAX);
}

test("the log tells how many clients there may be, and why", async () => {
  const numbers =
    /up to (\d+) clients, the file limit being (\d+): (\d+) files are open, (\d+) are kept/;
  for (const options of [[], ["--web", "0"]]) {
    const server = await startAfter("ulimit -n 1024", ...options);
    const [, ...found] = numbers.exec(server.stderr) ?? [];
    const [clients = 0, limit = 0, open = 0, kept = 0] = found.map(Number);
    expect([limit, clients + open + kept]).toEqual([1024, 1024]);
    const eighth = 8 + Math.floor((1024 - open - 8) / 8);
    if (options.length === 0) expect(kept).toBe(eighth);
    else expect(kept).toBeGreaterThan(eighth);
  }
});

testBeside("files that are open at the start leave fewer clients", async () => {
  const server = startInheriting(20);
  const [, port] = await server.logged(/listening on \S+:(\d+)\n/);
  server.port = Number(port);
  expect(clientsOf(server)).toBeGreaterThan(0);
  expect(clientsOf(server)).toBeLessThanOrEqual(FILES_MAX - 20);
  const files = watchFiles(server.pid);
  const members = await callAll(server, clientsOf(server));
  await server.members(members.length);
  const refused = await callAll(server, 100);
  await expectAtEase(server, files);
  for (const one of refused) expect(await one.hearsAll()).toBe("* room is full\n");
  members[0]?.say("undisturbed\n");
  await members.at(-1)?.hears("undisturbed\n");
});

testBeside(
  "so many that no client fits, or not as many as are asked for, end the start",
  async () => {
    for (const [server, clients] of [
      [startInheriting(52), 1],
      [startInheriting(20, "--max-clients", "30"), 30],
    ] as const) {
      expect(await Promise.race([server.exited, server.logged("listening")])).toBe(1);
      const why = `no files for ${clients} clients: ulimit -n is 64, \\d+ are open, and \\d+ clients fit`;
      expect(server.stderr).toMatch(new RegExp(`^linechat-server: ${why}\\n$`));
    }
  },
);

testBeside("members that leave together with arrivals that take their seats", async () => {
  const server = await startAfter("ulimit -n 64", "--max-line", "64", ...passFile());
  const files = watchFiles(server.pid);
  const members = await callAll(server, clientsOf(server));
  for (const member of members) member.say(SECRET);
  await server.members(members.length);
  // All are told why they have to go and stay nevertheless, while as many others come.
  for (const member of members) member.say("x".repeat(100));
  await server.members(0);
  const arrivals = await callAll(server, members.length);
  await expectAtEase(server, files);
  for (const arrival of arrivals) arrival.say(SECRET);
  for (const member of members)
    expect(await member.hearsAll()).toBe("* line longer than 64 bytes\n");
  // Each is in by now, or was told that there was no seat.
  await eventually("an answer to each", () => {
    const here = Number(/\((\d+) here\)\n$/.exec(server.stderr)?.[1]);
    const full = arrivals.filter((arrival) => arrival.text === "* room is full\n");
    return here + full.length >= arrivals.length;
  });
});

for (const what of ["pass phrase", "handshake"])
  testBeside(`three times as many arrivals that never give a ${what}`, async () => {
    const options = what === "handshake" ? tls() : passFile();
    const server = await startAfter("ulimit -n 64", ...options);
    const files = watchFiles(server.pid);
    const arrivals = await callAll(server, 3 * clientsOf(server));
    await expectAtEase(server, files);
    for (const arrival of arrivals) arrival.reset();
    const member = await Peer.connect(server.port, what === "handshake" ? TLS : {});
    member.say(SECRET);
    await server.logged(`joined ${member.name} (1 here)`);
  });

testBeside("over TLS, a full room whose members leave, and SIGHUP", async () => {
  const server = await startAfter("ulimit -n 64", "--max-line", "64", ...tls());
  const files = watchFiles(server.pid);
  const members = await callAll(server, clientsOf(server), TLS);
  await server.members(members.length);
  server.kill("SIGHUP");
  await server.logged("files read again");
  expect(openFiles(server.pid)).toBeGreaterThan(members.length);
  const refused = callAll(server, 60, TLS);
  for (const member of members) member.say("x".repeat(100));
  await Promise.all([refused, callAll(server, 60)]);
  await expectAtEase(server, files);
  for (const member of members)
    expect(await member.hearsAll()).toBe("* line longer than 64 bytes\n");
});

testBeside("members that half-close and do not read what is pending", async () => {
  const server = await startAfter("ulimit -n 64", "--buffer", "64M");
  const files = watchFiles(server.pid);
  const count = clientsOf(server);
  const talker = await server.join();
  const readers = await callAll(server, count - 1);
  await server.members(count);
  for (const reader of readers) reader.pause();
  expect(await talker.sayAll(Buffer.alloc(16 << 20, "0123456789abcde\n"))).toBe(true);
  for (const reader of readers) reader.endInput();
  const others = await callAll(server, 60);
  await expectAtEase(server, files);
  for (const other of others) expect(await other.endOfInput()).toBe(true);
});
