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

/** The common name of the certificate that a server shows. */
function shownBy(server: ServerProgram): string | undefined {
  const command = ["openssl", "s_client", "-connect", `127.0.0.1:${server.port}`];
  const { stdout } = Bun.spawnSync(command, { stdin: null });
  return /subject=CN ?= ?(\w+)/.exec(stdout.toString())?.[1];
}

testBeside("SIGHUP reads all files again, or none, and disturbs nobody", async () => {
  const folder = newFolder();
  const [cert, ownKey, pass] = [`${folder}/live.pem`, `${folder}/live.key`, `${folder}/pass`];
  const show = (name: string) => {
    copyFileSync(pem(name), cert);
    copyFileSync(key(name), ownKey);
  };
  const ask = (phrase: string) => writeFileSync(pass, `${phrase}\n`);
  show("server");
  ask("first phrase");
  const options = `--tls-cert ${cert} --tls-key ${ownKey} --pass-file ${pass}`.split(" ");
  const server = await ServerProgram.start(...options);
  const ann = await server.join({ ...TLS, says: "first phrase\n" });
  const hangUp = (event: string) => {
    server.kill("SIGHUP");
    return server.logged(`Z ${event}\n`);
  };

  show("second");
  ask("two\nlines");
  const noLine = "a pass phrase is one line of 1 to 1024 bytes";
  await hangUp(`nothing changes: cannot use ${pass}: ${noLine}`);
  writeFileSync(ownKey, "no key");
  ask("second phrase");
  await hangUp(`nothing changes: cannot use ${cert} with ${ownKey}: no PEM key found`);
  expect(shownBy(server)).toBe("server");
  await server.join({ ...TLS, says: "first phrase\n" });

  show("second");
  await hangUp("files read again");
  expect(shownBy(server)).toBe("second");
  const late = await Peer.connect(server.port, { ...TLS, says: "first phrase\n" });
  expect(await late.hearsAll()).toBe("* wrong pass phrase\n");
  const bob = await server.join({ ...TLS, says: "second phrase\n" });
  bob.say("hello\n");
  await ann.hears("hello\n");
  expect(ann.text).toBe("hello\n");

  // SIGTERM comes while some are in the middle of the handshake, or of the pass phrase.
  const arrivals = await callAll(server, 20);
  arrivals.push(...(await callAll(server, 20, { ...TLS, says: "second phr" })));
  server.kill("SIGHUP");
  server.kill("SIGTERM");
  for (const one of [...arrivals, ann, bob]) {
    await one.endOfInput();
    one.endInput();
  }
  expect(await server.exited).toBe(0);
  expect(server.stderr).not.toContain("error");
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
      await server.logged("Z the pass phrase travels in the clear: there is no TLS\n");
      await server.logged(/listening on [^]* nothing changes: .*: it is no regular file\n/);
      await server.stop();
    }
    expect(await server.exited).toBe(0);
  });

testBeside("signals that were ignored at the start stay ignored", async () => {
  const server = await startAfter("trap '' HUP INT TERM");
  const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
  const ignored = Number.parseInt(/SigIgn:\s+\w*(\w{4})/.exec(status)?.[1] ?? "0", 16);
  // Those with the numbers 1, 2 and 15.
  expect(ignored & 0x4003).toBe(0x4003);
});
