/** What signals do to a server: SIGHUP reads files again, SIGTERM and SIGINT end it in order. */

import { beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, unlinkSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";

import { loadTls } from "../../lib/program/files.ts";
import { listen } from "../../lib/server/listen.ts";
import { type Certificates, makeCertificates } from "../certificates.ts";
import { endAfterEach, newFolder, Peer, serverCommand, ServerProgram } from "../harness.ts";
import { eventually } from "../harness/watched.ts";
import { Caller, type CallerOptions } from "./caller.ts";
import { ignores, startAfter } from "./served.ts";

const MIB = 1 << 20;
/** More than all buffers between a server and a client that does not read. */
const MUCH = Buffer.alloc(16 * MIB, "0123456789abcde\n");
/** The start of a ClientHello. */
const HALF_A_HANDSHAKE = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]);

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});
endAfterEach();

/** Files that a server reads, and that a test changes. */
class Files {
  readonly #folder = newFolder();
  readonly cert = join(this.#folder, "live.pem");
  readonly key = join(this.#folder, "live.key");
  readonly pass = join(this.#folder, "pass");
  readonly tls = ["--tls-cert", this.cert, "--tls-key", this.key];
  readonly passFile = ["--pass-file", this.pass];

  constructor() {
    this.show("server");
    this.ask("first phrase");
  }

  show(name: string): void {
    copyFileSync(certificates.file(`${name}.pem`), this.cert);
    copyFileSync(certificates.file(`${name}.key`), this.key);
  }

  ask(phrase: string): void {
    writeFileSync(this.pass, `${phrase}\n`);
  }

  /** Has the phrase come through a pipe, which nobody writes to yet. */
  askByPipe(): void {
    unlinkSync(this.pass);
    Bun.spawnSync(["mkfifo", this.pass]);
  }
}

/** The common name of the certificate that a server shows. */
function shownBy(server: ServerProgram): string | undefined {
  const command = ["openssl", "s_client", "-connect", `127.0.0.1:${server.port}`];
  const { stdout } = Bun.spawnSync(command, { stdin: null });
  return /subject=CN ?= ?(\w+)/.exec(stdout.toString())?.[1];
}

/** One that has sent a phrase and is in. */
async function enter(server: ServerProgram, phrase: string, options?: CallerOptions) {
  const caller = await Caller.connect(server, options);
  if (options?.tls) await caller.handshaken();
  caller.say(`${phrase}\n`);
  await server.logged(`joined ${caller.name} `);
  return caller;
}

const callMany = (server: ServerProgram, count: number, options?: CallerOptions) =>
  Promise.all(Array.from({ length: count }, () => Caller.connect(server, options)));

/** Sends SIGHUP and waits for what is logged of it. */
async function hangUp(server: ServerProgram, event: string): Promise<void> {
  const count = () => server.stderr.split(event).length;
  const before = count();
  server.kill("SIGHUP");
  await server.until(event, () => count() > before);
}

describe("SIGHUP", () => {
  test("without files to read changes nothing but the log", async () => {
    const server = await ServerProgram.start();
    const [ann, bob] = [await server.join(), await server.join()];
    for (let n = 0; n < 2; n++) await hangUp(server, "Z no files read again\n");
    ann.say("still here?\n");
    await bob.hears("still here?\n");
  });

  for (const [what, options, how] of [
    ["the pass phrase", (files: Files) => files.passFile, {}],
    [
      "certificates and pass phrase",
      (files: Files) => [...files.tls, ...files.passFile],
      { tls: {} },
    ],
  ] as const)
    test(`reads ${what} again, for newcomers, and disturbs no member`, async () => {
      const files = new Files();
      const server = await ServerProgram.start(...options(files));
      const ann = await enter(server, "first phrase", how);
      files.ask("second phrase");
      files.show("second");
      await hangUp(server, "Z files read again\n");
      if ("tls" in how) expect(shownBy(server)).toBe("second");
      const late = await Caller.connect(server, how);
      if ("tls" in how) await late.handshaken();
      late.say("first phrase\n");
      expect(await late.ended()).toBe("end of input");
      expect(late.text).toBe("* wrong pass phrase\n");
      const bob = await enter(server, "second phrase", how);
      bob.say("hello\n");
      await ann.hears("hello\n");
      expect(ann.text).toBe("hello\n");
    });

  for (const [what, spoil] of [
    [
      "certificate",
      (files: Files) => {
        writeFileSync(files.key, "no key");
        files.ask("second phrase");
        return `cannot use ${files.cert} with ${files.key}: no start line`;
      },
    ],
    [
      "pass phrase",
      (files: Files) => {
        files.show("second");
        files.ask("two\nlines");
        return `${files.pass} is to hold one line of 1 to 1024 bytes`;
      },
    ],
  ] as const)
    test(`changes neither of both when the ${what} will not do, and says why`, async () => {
      const files = new Files();
      const server = await ServerProgram.start(...files.tls, ...files.passFile);
      const why = spoil(files);
      await hangUp(server, `Z nothing changes: ${why}\n`);
      expect(shownBy(server)).toBe("server");
      await enter(server, "first phrase", { tls: {} });
    });

  test("while the server starts is done when it has", async () => {
    const files = new Files();
    files.askByPipe();
    const options = ["--host", "127.0.0.1", ...files.passFile, "0"];
    const server = new ServerProgram(serverCommand(...options));
    // Opening it for writing waits until the server opens it for reading.
    const phrase = await open(files.pass, "w");
    server.kill("SIGHUP");
    await phrase.write("first phrase\n");
    await phrase.close();
    await server.logged(
      /listening on [^]* nothing changes: cannot read \S+: it is no regular file\n/,
    );
    expect(await server.stop()).toBe(0);
  });

  test("does not hold the room up with a file that nobody writes", async () => {
    const files = new Files();
    const server = await ServerProgram.start(...files.passFile);
    const [ann, bob] = [await enter(server, "first phrase"), await enter(server, "first phrase")];
    files.askByPipe();
    server.kill("SIGHUP");
    for (let n = 0; n < 20; n++) {
      ann.say(`line ${n}\n`);
      await bob.hears(`line ${n}\n`);
      await Bun.sleep(10);
    }
    server.kill("SIGTERM");
    expect(await bob.ended()).toBe("end of input");
    expect(await server.exited).toBe(0);
  });

  test("again and again while clients come without pause: none is refused or reset", async () => {
    const files = new Files();
    const server = await ServerProgram.start(...files.tls);
    let hammering = true;
    let count = 0;
    const failures: unknown[] = [];
    const hammer = async () => {
      while (hammering)
        try {
          const caller = await Caller.connect(server, { tls: {} });
          await Promise.race([caller.handshaken(), caller.ended()]);
          if (caller.ending) failures.push(caller.ending);
          caller.halfClose();
          await caller.ended();
          count++;
        } catch (error) {
          failures.push(error);
        }
    };
    const hammers = Array.from({ length: 16 }, hammer);
    for (let n = 0; n < 30; n++) {
      files.show(n % 2 === 0 ? "second" : "server");
      await hangUp(server, "Z files read again\n");
      const before = count;
      await eventually("others to come", () => count > before + 5 || failures.length > 0);
    }
    hammering = false;
    await Promise.all(hammers);
    expect(failures).toEqual([]);
  });

  test("a burst of it, with clients that had connected and were not accepted yet", async () => {
    const server = await ServerProgram.start(...new Files().tls);
    const callers = await callMany(server, 1, { tls: {} });
    await server.members(1);
    for (let n = 1; n <= 20; n++) {
      // They are in the backlog when it wakes, and the signals are the first it sees.
      server.kill("SIGSTOP");
      callers.push(...(await callMany(server, 10, { tls: {} })));
      server.kill("SIGHUP");
      server.kill("SIGCONT");
      await server.until("certificates", () => server.count(/Z files read again/) >= n);
    }
    await Promise.all(callers.map((caller) => Promise.race([caller.handshaken(), caller.ended()])));
    expect(callers.filter((caller) => caller.ending)).toHaveLength(0);
    await server.members(callers.length);
  });

  test("after SIGTERM opens nothing again", async () => {
    const server = await ServerProgram.start(...new Files().tls, "--web", "0", "--buffer", "32M");
    const [, page = ""] = await server.logged(/web at \S+:(\d+)\//);
    const [stopped, talker] = await callMany(server, 2, { tls: {} });
    await server.members(2);
    stopped?.pause();
    await talker?.sayAll(MUCH);
    talker?.halfClose();
    await server.logged(`left ${talker?.name}: end of input`);
    server.kill("SIGTERM");
    await server.logged("stopping\n");
    const comesIn = (port: number) => Caller.connect({ port }).then(Boolean, () => false);
    while (await comesIn(server.port)) await Bun.sleep(10);
    await hangUp(server, "Z files read again\n");
    for (const port of [server.port, Number(page)]) expect(await comesIn(port)).toBe(false);
  });
});

describe("a signal that was ignored at the start stays ignored", () => {
  for (const [name, number] of [
    ["HUP", 1],
    ["INT", 2],
    ["TERM", 15],
  ] as const)
    test(`SIG${name}, with certificates and a pass phrase`, async () => {
      const files = new Files();
      const server = await startAfter(`trap '' ${name}`, ...files.tls, ...files.passFile);
      const ann = await enter(server, "first phrase", { tls: {} });
      expect(ignores(server.pid, number)).toBe(true);
      for (let n = 0; n < 3; n++) server.kill(`SIG${name}`);
      const bob = await enter(server, "first phrase", { tls: {} });
      bob.say("undisturbed\n");
      await ann.hears("undisturbed\n");
      expect(server.stderr).not.toMatch(/read again|stopping/);
    });

  test("so that a server under nohup lives on", async () => {
    const server = await ServerProgram.run(["nohup", ...serverCommand("--host", "127.0.0.1", "0")]);
    server.kill("SIGHUP");
    const [ann, bob] = [await server.join(), await server.join()];
    ann.say("still here\n");
    await bob.hears("still here\n");
    expect(server.stderr).not.toContain("SIGHUP");
  });
});

describe("SIGTERM ends the server", () => {
  /** Fails unless it ends in time, with everybody's connection ended. */
  async function expectEnd(server: ServerProgram, callers: Caller[], withinMs = 1_000) {
    const sinceMs = performance.now();
    expect(await server.stop()).toBe(0);
    expect(performance.now() - sinceMs).toBeLessThan(withinMs);
    for (const caller of callers) await caller.ended();
    expect(server.stderr).not.toContain("error");
  }

  test("amid handshakes and pass phrases", async () => {
    const files = new Files();
    const server = await ServerProgram.start(...files.tls, ...files.passFile);
    const silent = await callMany(server, 20, { stays: true });
    const arriving = await callMany(server, 20, { stays: true, tls: {} });
    for (const caller of arriving) {
      await caller.handshaken();
      caller.say("first phr");
    }
    await expectEnd(server, [...silent, ...arriving]);
  });

  test("in order from the moment on that it says it listens", async () => {
    for (let n = 0; n < 20; n++) {
      const server = await ServerProgram.start();
      expect(await server.stop(n % 2 === 0 ? "SIGTERM" : "SIGINT")).toBe(0);
    }
  });

  test("amid handshakes that come at the same moment", async () => {
    const server = await ServerProgram.start(...new Files().tls);
    await callMany(server, 1, { tls: {} });
    await server.members(1);
    const calls = Array.from({ length: 30 }, () => Caller.connect(server, { tls: {} }));
    const settled = Promise.allSettled(calls);
    await Promise.race(calls);
    await expectEnd(server, []);
    await settled;
  });

  test("with clients that were refused or disconnected, all of whom stay", async () => {
    const server = await ServerProgram.start("--max-clients", "5", "--max-line", "16");
    const members = await callMany(server, 5, { stays: true });
    await server.members(5);
    const refused = await callMany(server, 5, { stays: true });
    for (const one of refused) await one.ended();
    for (const member of members) member.say("much too long a line\n");
    for (const member of members) await member.ended();
    // They are waited for as always.
    await expectEnd(server, [], 2_500);
  });

  test("together with SIGHUP", async () => {
    const files = new Files();
    const server = await ServerProgram.start(...files.tls, ...files.passFile);
    const member = await enter(server, "first phrase", { tls: {} });
    server.kill("SIGHUP");
    await expectEnd(server, [member]);
  });
});

describe("stop() of the library", () => {
  const LOCAL = { host: "127.0.0.1", port: 0 };
  const passPhrase = Buffer.from("open sesame");

  test("ends also those that are on their way in, and lets nobody in meanwhile", async () => {
    const joined: string[] = [];
    const server = await listen({
      ...{ ...LOCAL, passPhrase, logBytes: 32 * MIB },
      onJoin: ({ name }) => void joined.push(name),
    });
    const [stopped, talker] = [await Caller.connect(server), await Caller.connect(server)];
    for (const member of [stopped, talker]) member.say("open sesame\n");
    await eventually("both to join", () => server.size === 2);
    const late = await Caller.connect(server, { stays: true });
    late.say("open ses");
    await Bun.sleep(20);
    stopped.pause();
    await talker.sayAll(MUCH);
    await Bun.sleep(50);
    const end = server.stop(400);
    late.say("ame\nlate words\n");
    await end;
    await late.ended(500);
    expect([joined.length, server.size]).toEqual([2, 0]);
    expect(talker.text).not.toContain("late words");
  });

  test("ends those in a handshake too", async () => {
    const [cert, key] = [certificates.file("server.pem"), certificates.file("server.key")];
    const server = await listen({ ...LOCAL, tls: loadTls({ cert, key }) });
    const silent = await Caller.connect(server, { stays: true });
    silent.say(HALF_A_HANDSHAKE);
    await Bun.sleep(20);
    await server.stop();
    await silent.ended(500);
  });

  test("has the grace time as its limit, whatever is pending, and is the same when called again", async () => {
    const server = await listen({ ...LOCAL, logBytes: 32 * MIB });
    const stopped = await Peer.connect(server.port, { stopped: true });
    const talker = await Peer.connect(server.port);
    const witness = await Peer.connect(server.port, { countOnly: true });
    await eventually("all to join", () => server.size === 3);
    talker.say(MUCH);
    await witness.hearsBytes(MUCH.length);
    stopped.endInput();
    const sinceMs = performance.now();
    const end = server.stop(300);
    expect(server.stop()).toBe(end);
    await end;
    expect(server.stop()).toBe(end);
    expect(performance.now() - sinceMs).toBeGreaterThan(250);
    expect(performance.now() - sinceMs).toBeLessThan(1_500);
    stopped.resume();
    expect(await stopped.closed()).toBe("error");
  });
});
