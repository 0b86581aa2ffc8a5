/** The file limit, at which Bun would call accept in a tight loop: it is never reached. */

import { expect, test } from "bun:test";

import { openFiles } from "../bench/usage.ts";
import {
  commandAfter,
  endAfterEach,
  newFile,
  Peer,
  serverCommand,
  ServerProgram,
  testBeside,
} from "../harness.ts";
import { TLS, tlsOptions } from "../harness/tools.ts";
import { callAll, startAfter, watchFiles } from "./served.ts";

const FILES_MAX = 64;
const SECRET = "open sesame\n";
const TOO_LONG = "x".repeat(100);

endAfterEach();
const passFile = () => ["--pass-file", newFile("pass", SECRET)];

/** For the shell before a server: a limit of 64 files, of which so many are open. */
const inheriting = (count: number) =>
  `ulimit -n ${FILES_MAX}; for n in $(seq ${count}); do exec {file}</dev/null; done`;

/** How many clients a server says it takes. */
function clientsOf(server: ServerProgram): number {
  const [, count] = /up to (\d+) clients, the file limit being 64: /.exec(server.stderr) ?? [];
  return Number(count);
}

/** A room that is as full as it may be. */
async function fill(server: ServerProgram, options: object = {}): Promise<Peer[]> {
  const members = await callAll(server, clientsOf(server), options);
  await server.members(clientsOf(server));
  return members;
}

/** Waits until the server rests, which one that calls accept in a tight loop never does. */
async function expectAtEase(server: ServerProgram, files: { most: number }): Promise<void> {
  let usedMs = Infinity;
  for (let tries = 0; tries < 50 && usedMs > 100; tries++) {
    const before = server.processorMs;
    await Bun.sleep(200);
    usedMs = server.processorMs - before;
  }
  expect(usedMs, "processor time of 200 ms").toBeLessThan(101);
  expect(files.most, "open files at most").toBeLessThan(FILES_MAX);
}

async function expectTold(peers: readonly Peer[], message: string): Promise<void> {
  for (const peer of peers) expect(await peer.hearsAll()).toBe(message);
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
  const server = await startAfter(inheriting(20));
  expect(clientsOf(server)).toBeWithin(1, FILES_MAX - 20 + 1);
  const files = watchFiles(server.pid);
  const members = await fill(server);
  const refused = await callAll(server, 100);
  await expectAtEase(server, files);
  await expectTold(refused, "* room is full\n");
  members[0]?.say("undisturbed\n");
  await members.at(-1)?.hears("undisturbed\n");
});

testBeside("so many that no client fits, or too few, end the start", async () => {
  for (const [count, options, clients] of [
    [52, [], 1],
    [20, ["--max-clients", "30"], 30],
  ] as const) {
    const command = serverCommand("--host", "127.0.0.1", ...options, "0");
    const server = new ServerProgram(commandAfter(inheriting(count), command));
    expect(await Promise.race([server.exited, server.logged("listening")])).toBe(1);
    const why = `no files for ${clients} clients: ulimit -n is 64, \\d+ are open, and \\d+ clients fit`;
    expect(server.stderr).toMatch(new RegExp(`^linechat-server: ${why}\\n$`));
  }
});

/** A test of what a crowd does to a server, after which that has to rest. */
function crowded(
  what: string,
  options: () => string[],
  run: (server: ServerProgram, rests: () => Promise<void>) => Promise<unknown>,
): void {
  testBeside(`${what}: the limit is not reached, and the server rests`, async () => {
    const server = await startAfter(`ulimit -n ${FILES_MAX}`, ...options());
    const files = watchFiles(server.pid);
    await run(server, () => expectAtEase(server, files));
  });
}

crowded(
  "members that leave together, with arrivals that take their seats",
  () => ["--max-line", "64", ...passFile()],
  async (server, rests) => {
    const members = await callAll(server, clientsOf(server));
    for (const member of members) member.say(SECRET);
    await server.members(clientsOf(server));
    // All are told why they have to go and stay nevertheless, while as many others come.
    for (const member of members) member.say(TOO_LONG);
    await server.members(0);
    const arrivals = await callAll(server, clientsOf(server));
    await rests();
    for (const arrival of arrivals) arrival.say(SECRET);
    await server.members(clientsOf(server));
    await expectTold(members, "* line longer than 64 bytes\n");
  },
);

for (const [what, options, how] of [
  ["give a pass phrase", passFile, {}],
  ["shake hands", tlsOptions, TLS],
] as const)
  crowded(`three times as many arrivals that never ${what}`, options, async (server, rests) => {
    const arrivals = await callAll(server, 3 * clientsOf(server));
    await rests();
    for (const arrival of arrivals) arrival.reset();
    const member = await Peer.connect(server.port, { ...how, says: SECRET });
    await server.logged(`joined ${member.name} (1 here)`);
  });

crowded(
  "over TLS, a full room whose members leave, and SIGHUP",
  () => ["--max-line", "64", ...tlsOptions()],
  async (server, rests) => {
    const members = await fill(server, TLS);
    server.kill("SIGHUP");
    await server.logged("files read again");
    expect(openFiles(server.pid)).toBeGreaterThan(members.length);
    const refused = callAll(server, 60, TLS);
    for (const member of members) member.say(TOO_LONG);
    await Promise.all([refused, callAll(server, 60)]);
    await rests();
    await expectTold(members, "* line longer than 64 bytes\n");
  },
);

crowded(
  "members that half-close and do not read what is pending",
  () => ["--buffer", "64M"],
  async (server, rests) => {
    const [talker, ...readers] = await fill(server);
    for (const reader of readers) reader.pause();
    expect(await talker?.sayAll(Buffer.alloc(16 << 20, "0123456789abcde\n"))).toBe(true);
    for (const reader of readers) reader.endInput();
    const others = await callAll(server, 60);
    await rests();
    for (const other of others) expect(await other.endOfInput()).toBe(true);
  },
);

for (const [what, options, how] of [
  ["stay", () => [], {}],
  ["do not even shake hands", tlsOptions, TLS],
] as const)
  crowded(
    `many that are not allowed, and ${what}`,
    () => ["--max-clients", "20", "--deny", "127.0.0.2", ...options()],
    async (server, rests) => {
      const elsewhere = { from: "127.0.0.2" };
      await callAll(server, 300, elsewhere);
      const late = await Peer.connect(server.port, { ...elsewhere, ...how });
      await expectTold([late], "* not allowed from 127.0.0.2\n");
      await rests();
      // They have taken no seat.
      const members = await callAll(server, 20, how);
      await server.members(20);
      members[0]?.say("undisturbed\n");
      await members.at(-1)?.hears("undisturbed\n");
    },
  );
