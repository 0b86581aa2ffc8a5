/** The file limit, at which Bun would call accept in a tight loop: it is never reached. */

import { expect } from "bun:test";

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

/** For the shell before a server: a limit of 64 files, of which so many are open. */
const inheriting = (count: number) =>
  `ulimit -n ${FILES_MAX}; for n in $(seq ${count}); do exec {file}</dev/null; done`;

testBeside("the log tells how many clients there may be, and why", async () => {
  const numbers =
    /up to (\d+) clients, the file limit being (\d+): (\d+) files are open, (\d+) are kept/;
  for (const [before, limit, inherited, ...options] of [
    ["ulimit -n 1024", 1024, 0],
    ["ulimit -n 1024", 1024, 0, "--web", "0"],
    [inheriting(20), FILES_MAX, 20],
  ] as const) {
    const server = await startAfter(before, ...options);
    const [, ...found] = numbers.exec(server.stderr) ?? [];
    const [clients = 0, told = 0, open = 0, kept = 0] = found.map(Number);
    expect([told, clients + open + kept]).toEqual([limit, limit]);
    expect(open).toBeGreaterThan(inherited);
    const eighth = 8 + Math.floor((limit - open - 8) / 8);
    if (options.length === 0) expect(kept).toBe(eighth);
    else expect(kept).toBeGreaterThan(eighth);
  }
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

async function expectTold(peers: readonly Peer[], message: string): Promise<void> {
  for (const peer of peers) expect(await peer.hearsAll()).toBe(message);
}

/** A server with few files, for crowds: how many may be in it, and what has to hold after each crowd. */
async function startSmall(...options: string[]) {
  const denies = ["--deny", "127.0.0.2", "--max-line", "64"];
  const server = await startAfter(`ulimit -n ${FILES_MAX}`, ...denies, ...options);
  const files = watchFiles(server.pid);
  const [, count] = /up to (\d+) clients, the file limit being 64: /.exec(server.stderr) ?? [];
  /** Waits until the server rests, which one that calls accept in a tight loop never does. */
  const rests = async () => {
    let usedMs = Infinity;
    for (let tries = 0; tries < 50 && usedMs > 100; tries++) {
      const before = server.processorMs;
      await Bun.sleep(200);
      usedMs = server.processorMs - before;
    }
    expect(usedMs, "processor time of 200 ms").toBeLessThan(101);
    expect(files.most, "open files at most").toBeLessThan(FILES_MAX);
  };
  /** Crowds that do not get in, and hold no seat in the end; `how` is for those that are to join. */
  const undergoStrangers = async (how: object) => {
    const elsewhere = { from: "127.0.0.2" };
    await callAll(server, 300, elsewhere);
    const late = await Peer.connect(server.port, { ...elsewhere, ...how });
    await expectTold([late], "* not allowed from 127.0.0.2\n");
    await rests();
    const arrivals = await callAll(server, 3 * Number(count));
    await rests();
    for (const arrival of arrivals) arrival.reset();
    const member = await Peer.connect(server.port, { ...how, says: SECRET });
    await server.logged(`joined ${member.name} (1 here)`);
    member.reset();
    await server.members(0);
  };
  /** As many as there may be. */
  const fill = async (how: object) => {
    const members = await callAll(server, Number(count), { ...how, says: SECRET });
    await server.members(members.length);
    return members;
  };
  return { server, rests, undergoStrangers, fill };
}

testBeside("no crowd reaches the limit, or keeps the server from rest", async () => {
  const passFile = newFile("pass", SECRET);
  const small = await startSmall("--buffer", "64M", "--pass-file", passFile);
  const { server, rests, undergoStrangers, fill } = small;
  await undergoStrangers({});
  // All are told why they have to go and stay nevertheless, while as many others come.
  const members = await fill({});
  for (const member of members) member.say(TOO_LONG);
  await server.members(0);
  const arrivals = await callAll(server, members.length);
  await rests();
  for (const arrival of arrivals) arrival.say(SECRET);
  await server.members(arrivals.length);
  await expectTold(members, "* line longer than 64 bytes\n");
  // These half-close, and do not read what is pending.
  const [talker, ...readers] = arrivals;
  for (const reader of readers) reader.pause();
  expect(await talker?.sayAll(Buffer.alloc(16 << 20, "0123456789abcde\n"))).toBe(true);
  for (const reader of readers) reader.endInput();
  const others = await callAll(server, 60);
  await rests();
  for (const other of others) expect(await other.endOfInput()).toBe(true);
});

testBeside("nor does one over TLS, and SIGHUP", async () => {
  const { server, rests, undergoStrangers, fill } = await startSmall(...tlsOptions());
  await undergoStrangers(TLS);
  const members = await fill(TLS);
  server.kill("SIGHUP");
  await server.logged("files read again");
  expect(openFiles(server.pid)).toBeGreaterThan(members.length);
  const refused = callAll(server, 60, TLS);
  for (const member of members) member.say(TOO_LONG);
  await Promise.all([refused, callAll(server, 60)]);
  await rests();
  for (const member of members) await member.hears("* line longer than 64 bytes\n");
});
