/** What signals do to a server: SIGHUP reads files again, SIGTERM and SIGINT end it in order. */

import { expect } from "bun:test";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";

import { key, pem } from "../certificates.ts";
import {
  endAfterEach,
  newFolder,
  Peer,
  serverCommand,
  ServerProgram,
  testBeside,
} from "../harness.ts";
import { TLS } from "../harness/tools.ts";
import { callAll, startAfter } from "./served.ts";

endAfterEach();

/** Files that a server reads, and that a test changes. */
function newFiles() {
  const folder = newFolder();
  const [live, ownKey, pass] = [`${folder}/live.pem`, `${folder}/live.key`, `${folder}/pass`];
  const show = (name: string) => {
    copyFileSync(pem(name), live);
    copyFileSync(key(name), ownKey);
  };
  const ask = (phrase: string) => writeFileSync(pass, `${phrase}\n`);
  show("server");
  ask("first phrase");
  const tls = ["--tls-cert", live, "--tls-key", ownKey];
  return { cert: live, key: ownKey, pass, tls, both: [...tls, "--pass-file", pass], show, ask };
}

/** The common name of the certificate that a server shows. */
function shownBy(server: ServerProgram): string | undefined {
  const command = ["openssl", "s_client", "-connect", `127.0.0.1:${server.port}`];
  const { stdout } = Bun.spawnSync(command, { stdin: null });
  return /subject=CN ?= ?(\w+)/.exec(stdout.toString())?.[1];
}

/** Sends SIGHUP and waits for what is logged of it. */
async function hangUp(server: ServerProgram, event: string): Promise<void> {
  const count = () => server.stderr.split(event).length;
  const before = count();
  server.kill("SIGHUP");
  await server.until(event, () => count() > before);
}

testBeside("SIGHUP reads certificates and pass phrase again, and disturbs no member", async () => {
  const files = newFiles();
  const server = await ServerProgram.start(...files.both);
  const ann = await server.join({ ...TLS, says: "first phrase\n" });
  files.ask("second phrase");
  files.show("second");
  await hangUp(server, "Z files read again\n");
  expect(shownBy(server)).toBe("second");
  const late = await Peer.connect(server.port, { ...TLS, says: "first phrase\n" });
  expect(await late.hearsAll()).toBe("* wrong pass phrase\n");
  const bob = await server.join({ ...TLS, says: "second phrase\n" });
  bob.say("hello\n");
  await ann.hears("hello\n");
  expect(ann.text).toBe("hello\n");
});

testBeside("SIGHUP changes neither of both when one will not do, and says why", async () => {
  const files = newFiles();
  const server = await ServerProgram.start(...files.both);
  files.show("second");
  files.ask("two\nlines");
  const noLine = `cannot use ${files.pass}: a pass phrase is one line of 1 to 1024 bytes`;
  await hangUp(server, `Z nothing changes: ${noLine}\n`);
  writeFileSync(files.key, "no key");
  files.ask("second phrase");
  const noKey = `cannot use ${files.cert} with ${files.key}: no PEM key found`;
  await hangUp(server, `Z nothing changes: ${noKey}\n`);
  expect(shownBy(server)).toBe("server");
  await server.join({ ...TLS, says: "first phrase\n" });
});

for (const signal of ["SIGHUP", "SIGTERM", "SIGINT"] as const)
  testBeside(`${signal} while the server starts`, async () => {
    const file = join(newFolder(), "pass");
    Bun.spawnSync(["mkfifo", file]);
    const options = ["--host", "127.0.0.1", "--pass-file", file, "0"];
    const server = new ServerProgram(serverCommand(...options));
    // Opening it for writing waits until the server opens it for reading.
    const phrase = await open(file, "w");
    server.kill(signal);
    await phrase.write("first phrase\n");
    await phrase.close();
    if (signal === "SIGHUP") {
      await server.logged(/listening on [^]* nothing changes: .*: it is no regular file\n/);
      await server.stop();
    }
    expect(await server.exited).toBe(0);
  });

testBeside("SIGHUP resets no client that has connected and is not accepted yet", async () => {
  const server = await ServerProgram.start(...newFiles().tls);
  for (let n = 1; n <= 10; n++) {
    // They are in the backlog when it wakes, and the signals are the first it sees.
    server.kill("SIGSTOP");
    const peers = callAll(server, 10, TLS);
    await Bun.sleep(20);
    server.kill("SIGHUP");
    server.kill("SIGCONT");
    await server.until("certificates", () => server.count(/Z files read again/) >= n);
    await peers;
  }
  await server.members(100);
});

testBeside("SIGHUP after SIGTERM opens nothing again", async () => {
  const server = await ServerProgram.start(...newFiles().tls, "--web", "0", "--buffer", "32M");
  const [, page = ""] = await server.logged(/web at \S+:(\d+)\//);
  const [stopped, talker] = await callAll(server, 2, TLS);
  await server.members(2);
  stopped?.pause();
  await talker?.sayAll(Buffer.alloc(16 << 20, "0123456789abcde\n"));
  talker?.endInput();
  await server.logged(`left ${talker?.name}: end of input`);
  server.kill("SIGTERM");
  await server.logged("stopping\n");
  const comesIn = (port: number) => Peer.connect(port).then(Boolean, () => false);
  while (await comesIn(server.port)) await Bun.sleep(10);
  await hangUp(server, "Z files read again\n");
  for (const port of [server.port, Number(page)]) expect(await comesIn(port)).toBe(false);
});

testBeside("signals that were ignored at the start stay ignored", async () => {
  const server = await startAfter("trap '' HUP INT TERM");
  const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
  const ignored = Number.parseInt(/SigIgn:\s+\w*(\w{4})/.exec(status)?.[1] ?? "0", 16);
  // Those with the numbers 1, 2 and 15.
  expect(ignored & 0x4003).toBe(0x4003);
});

testBeside("SIGTERM ends the server amid handshakes, pass phrases and SIGHUP", async () => {
  const files = newFiles();
  const server = await ServerProgram.start(...files.both);
  const callers = await callAll(server, 20);
  for (const caller of await callAll(server, 20, TLS)) {
    caller.say("first phr");
    callers.push(caller);
  }
  server.kill("SIGHUP");
  expect(await server.stop()).toBe(0);
  for (const caller of callers) await caller.endOfInput();
  expect(server.stderr).not.toContain("error");
});
