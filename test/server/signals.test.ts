import { beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, unlinkSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";

import { listen } from "../../lib/server/listen.ts";
import { type Certificates, makeCertificates } from "../certificates.ts";
import { Peer, serverCommand, ServerProgram } from "../harness.ts";
import { Caller, type CallerOptions } from "./caller.ts";
import { endAllAfterEach, eventually } from "./ends.ts";
import { ignores, newFolder, openFiles, startAfter } from "./served.ts";

const MIB = 1 << 20;
/** More than all buffers between a server and a client that does not read. */
const MUCH = Buffer.alloc(16 * MIB, "0123456789abcde\n");
const SIGHUP = 1;
const SIGINT = 2;
const SIGTERM = 15;

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});
endAllAfterEach();

/** Files that a server reads, and that a test changes. */
class Files {
  readonly #folder = newFolder();
  readonly cert = join(this.#folder, "live.pem");
  readonly key = join(this.#folder, "live.key");
  readonly pass = join(this.#folder, "pass");

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

  get tls(): string[] {
    return ["--tls-cert", this.cert, "--tls-key", this.key];
  }

  get passFile(): string[] {
    return ["--pass-file", this.pass];
  }
}

/** The common name of the certificate that a server shows. */
function shownBy(server: ServerProgram): string | undefined {
  const { stdout } = Bun.spawnSync(
    ["openssl", "s_client", "-connect", `127.0.0.1:${server.port}`],
    { stdin: null },
  );
  return /subject=CN ?= ?(\w+)/.exec(stdout.toString())?.[1];
}

/** One that has said a phrase and is in. */
async function enter(server: ServerProgram, phrase: string, options?: CallerOptions) {
  const caller = await Caller.connect(server, options);
  if (options?.tls) await caller.handshaken();
  caller.say(`${phrase}\n`);
  await server.printed(`joined ${caller.name} `, "stderr");
  return caller;
}

function countIn(server: ServerProgram, event: string): number {
  return server.stderr.split(event).length - 1;
}

/** Sends SIGHUP and waits for what is logged of it. */
async function hangUp(server: ServerProgram, event: string): Promise<void> {
  const before = countIn(server, event);
  server.kill("SIGHUP");
  await server.until(event, () => countIn(server, event) > before);
}

describe("SIGHUP", () => {
  test("without files to read changes nothing but the log", async () => {
    const server = await ServerProgram.start();
    const [ann, bob] = [await server.join(), await server.join()];
    await hangUp(server, "SIGHUP: there are no files to read anew\n");
    await hangUp(server, "SIGHUP: there are no files to read anew\n");
    ann.say("still here?\n");
    await bob.hears("still here?\n");
    (await server.join()).say("me too\n");
    await ann.hears("me too\n");
    server.kill("SIGTERM");
    expect(await server.exited).toBe(0);
  });

  test("has newcomers say the new pass phrase, and disturbs no member", async () => {
    const files = new Files();
    const server = await ServerProgram.start(...files.passFile);
    const ann = await enter(server, "first phrase");
    files.ask("second phrase");
    await hangUp(server, "Z pass phrase read anew\n");
    const late = await Caller.connect(server);
    late.say("first phrase\n");
    expect(await late.ended()).toBe("end of input");
    expect(late.text).toBe("* wrong pass phrase\n");
    const bob = await enter(server, "second phrase");
    bob.say("hello\n");
    await ann.hears("hello\n");
    expect(ann.text).toBe("hello\n");
  });

  test("leaves the pass phrase as it was when the file will not do, and says why", async () => {
    const files = new Files();
    const server = await ServerProgram.start(...files.passFile);
    files.ask("two\nlines");
    const reason = `${files.pass} is to hold one line of 1 to 1024 bytes`;
    server.kill("SIGHUP");
    await server.printed(
      new RegExp(`Z pass phrase stays? as (it was|they were): ${RegExp.escape(reason)}\\n`),
      "stderr",
    );
    await enter(server, "first phrase");
  });

  test("reads certificates and pass phrase anew", async () => {
    const files = new Files();
    const server = await ServerProgram.start(...files.tls, ...files.passFile);
    const ann = await enter(server, "first phrase", { tls: {} });
    files.show("second");
    files.ask("second phrase");
    await hangUp(server, "Z certificates and pass phrase read anew\n");
    expect(shownBy(server)).toBe("second");
    const bob = await enter(server, "second phrase", { tls: {} });
    bob.say("hello\n");
    await ann.hears("hello\n");
  });

  for (const [what, spoil, reason] of [
    [
      "the certificate",
      (files: Files) => {
        writeFileSync(files.key, "no key");
        files.ask("second phrase");
      },
      (files: Files) => `${files.key} holds no private key in PEM`,
    ],
    [
      "the pass phrase",
      (files: Files) => {
        files.show("second");
        files.ask("");
      },
      (files: Files) => `${files.pass} is to hold one line of 1 to 1024 bytes`,
    ],
  ] as const)
    test(`changes neither of both when ${what} will not do`, async () => {
      const files = new Files();
      const server = await ServerProgram.start(...files.tls, ...files.passFile);
      spoil(files);
      await hangUp(server, `Z certificates and pass phrase stay as they were: ${reason(files)}\n`);
      expect(shownBy(server)).toBe("server");
      await enter(server, "first phrase", { tls: {} });
    });

  test("while the server starts is done when it has", async () => {
    const files = new Files();
    unlinkSync(files.pass);
    Bun.spawnSync(["mkfifo", files.pass]);
    const command = serverCommand("--host", "127.0.0.1", ...files.passFile, "0");
    const server = new ServerProgram(command);
    // Opening it for writing waits until the server opens it for reading.
    const phrase = await open(files.pass, "w");
    server.kill("SIGHUP");
    await phrase.write("first phrase\n");
    await phrase.close();
    await server.printed(
      /listening on [^]* pass phrase stays? as (it was|they were): \S+ is no regular file\n/,
      "stderr",
    );
    expect(await server.stop()).toBe(0);
  });

  test("does not hold the room up with a file that nobody writes", async () => {
    const files = new Files();
    const server = await ServerProgram.start(...files.passFile);
    const ann = await enter(server, "first phrase");
    const bob = await enter(server, "first phrase");
    unlinkSync(files.pass);
    Bun.spawnSync(["mkfifo", files.pass]);
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
      await hangUp(server, "Z certificates read anew\n");
      const before = count;
      await eventually("others to come", () => count > before + 5 || failures.length > 0);
    }
    hammering = false;
    await Promise.all(hammers);
    expect(failures).toEqual([]);
  });

  test("a burst of it, with clients that had connected and were not accepted yet", async () => {
    const files = new Files();
    const server = await ServerProgram.start(...files.tls);
    const callers = [await Caller.connect(server, { tls: {} })];
    await server.members(1);
    for (let n = 0; n < 20; n++) {
      // They are in the backlog when it wakes, and the signals are the first it sees.
      server.kill("SIGSTOP");
      for (let m = 0; m < 10; m++) callers.push(await Caller.connect(server, { tls: {} }));
      server.kill("SIGHUP");
      server.kill("SIGCONT");
      await server.until("certificates", () => countIn(server, "Z certificates read anew\n") > n);
    }
    await Promise.all(callers.map((caller) => Promise.race([caller.handshaken(), caller.ended()])));
    expect(callers.filter((caller) => caller.ending)).toHaveLength(0);
    await server.members(callers.length);
  });

  test("leaves nobody else a way to listen on its port", async () => {
    const files = new Files();
    const server = await ServerProgram.start(...files.tls);
    const inUse = async () => {
      const words = ["server.ts", "--host", "127.0.0.1", ...files.tls, String(server.port)];
      const second = Bun.spawn([process.execPath, ...words], { stderr: "pipe" });
      const ended = await Promise.race([second.exited, Bun.sleep(1_500).then(() => "it listens")]);
      second.kill("SIGKILL");
      return ended;
    };
    expect(await inUse()).toBe(1);
    await hangUp(server, "Z certificates read anew\n");
    expect(await inUse()).toBe(1);
  });

  test("after SIGTERM opens nothing again", async () => {
    const files = new Files();
    const server = await ServerProgram.start(...files.tls, "--buffer", "32M");
    const stopped = await Caller.connect(server, { tls: {} });
    const talker = await Caller.connect(server, { tls: {} });
    await server.members(2);
    stopped.pause();
    await talker.sayAll(MUCH);
    talker.halfClose();
    await server.printed(`left ${talker.name}: end of input`, "stderr");
    server.kill("SIGTERM");
    await server.printed("stopping\n", "stderr");
    const comesIn = () =>
      Caller.connect(server).then(
        () => true,
        () => false,
      );
    while (await comesIn()) await Bun.sleep(10);
    server.kill("SIGHUP");
    for (let n = 0; n < 20; n++) {
      expect(await comesIn()).toBe(false);
      await Bun.sleep(10);
    }
    // It was there all the time, for the one that does not read.
    expect(openFiles(server.pid)).toBeGreaterThan(0);
  });
});

describe("a signal that was ignored at the start stays ignored", () => {
  for (const [name, number] of [
    ["HUP", SIGHUP],
    ["INT", SIGINT],
    ["TERM", SIGTERM],
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
      expect(server.stderr).not.toContain("anew");
      expect(server.stderr).not.toContain("stopping");
      expect(server.stderr).not.toContain("SIGHUP");
    });

  test("so that a server under nohup lives on", async () => {
    const server = await ServerProgram.run([
      ...["nohup", process.execPath, "server.ts", "--host", "127.0.0.1", "0"],
    ]);
    server.kill("SIGHUP");
    const [ann, bob] = [await server.join(), await server.join()];
    ann.say("still here\n");
    await bob.hears("still here\n");
    expect(server.stderr).not.toContain("SIGHUP");
  });
});

describe("SIGTERM ends the server", () => {
  /** Fails unless SIGTERM ends it in less than a second, with everybody's connection ended. */
  async function expectEnd(server: ServerProgram, callers: Caller[]): Promise<void> {
    const sinceMs = performance.now();
    server.kill("SIGTERM");
    expect(await server.exited).toBe(0);
    expect(performance.now() - sinceMs).toBeLessThan(1_000);
    for (const caller of callers) await caller.ended();
    expect(server.stderr).not.toContain("error");
  }

  test("amid handshakes and pass phrases", async () => {
    const files = new Files();
    const server = await ServerProgram.start(...files.tls, ...files.passFile);
    const silent = await Promise.all(
      Array.from({ length: 20 }, () => Caller.connect(server, { stays: true })),
    );
    const guests = await Promise.all(
      Array.from({ length: 20 }, () => Caller.connect(server, { stays: true, tls: {} })),
    );
    for (const guest of guests) {
      await guest.handshaken();
      guest.say("first phr");
    }
    await expectEnd(server, [...silent, ...guests]);
  });

  test("in order from the moment on that it says it listens", async () => {
    for (let n = 0; n < 20; n++) {
      const server = await ServerProgram.start();
      server.kill(n % 2 === 0 ? "SIGTERM" : "SIGINT");
      expect(await server.exited).toBe(0);
    }
  });

  test("amid handshakes that come at the same moment", async () => {
    const files = new Files();
    const server = await ServerProgram.start(...files.tls);
    await Caller.connect(server, { tls: {} });
    await server.members(1);
    const calls = Array.from({ length: 30 }, () => Caller.connect(server, { tls: {} }));
    const settled = Promise.allSettled(calls);
    await Promise.race(calls);
    await expectEnd(server, []);
    await settled;
  });

  test("with newcomers that were refused and members that had their last word, all of whom stay", async () => {
    const server = await ServerProgram.start("--max-clients", "5", "--max-line", "16");
    const members = await Promise.all(
      Array.from({ length: 5 }, () => Caller.connect(server, { stays: true })),
    );
    await server.members(5);
    const refused = await Promise.all(
      Array.from({ length: 5 }, () => Caller.connect(server, { stays: true })),
    );
    for (const one of refused) await one.ended();
    for (const member of members) member.say("much too long a line\n");
    for (const member of members) await member.ended();
    const sinceMs = performance.now();
    server.kill("SIGTERM");
    expect(await server.exited).toBe(0);
    // They are waited for as always.
    expect(performance.now() - sinceMs).toBeLessThan(2_500);
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
  const passPhrase = new TextEncoder().encode("open sesame");

  test("ends guests too, before it is done", async () => {
    const server = await listen({ host: "127.0.0.1", port: 0, passPhrase });
    const guests = await Promise.all(
      Array.from({ length: 5 }, () => Caller.connect(server, { stays: true })),
    );
    guests[0]?.say("open ses");
    await Bun.sleep(20);
    await server.stop();
    for (const guest of guests) await guest.ended(500);
    expect(server.room.size).toBe(0);
  });

  test("ends those in a handshake too", async () => {
    const [cert, key] = ["server.pem", "server.key"].map((name) => certificates.file(name));
    if (!cert || !key) throw new Error("there are both");
    const server = await listen({
      host: "127.0.0.1",
      port: 0,
      tls: { cert: await Bun.file(cert).text(), key: await Bun.file(key).text() },
    });
    const silent = await Caller.connect(server, { stays: true });
    silent.say(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
    await Bun.sleep(20);
    await server.stop();
    await silent.ended(500);
  });

  test("lets nobody in who says the pass phrase meanwhile", async () => {
    const joined: string[] = [];
    const server = await listen({
      ...{ host: "127.0.0.1", port: 0, passPhrase, logBytes: 32 * MIB },
      onJoin: (name) => void joined.push(name),
    });
    const stopped = await Caller.connect(server);
    const talker = await Caller.connect(server);
    for (const member of [stopped, talker]) member.say("open sesame\n");
    await eventually("both to join", () => server.room.size === 2);
    const guest = await Caller.connect(server, { stays: true });
    await Bun.sleep(20);
    stopped.pause();
    await talker.sayAll(MUCH);
    await Bun.sleep(50);
    const end = server.stop(400);
    guest.say("open sesame\nlate words\n");
    await end;
    await guest.ended(500);
    expect(joined).toHaveLength(2);
    expect(talker.text).not.toContain("late words");
  });

  test("called again returns the same promise", async () => {
    const server = await listen({ host: "127.0.0.1", port: 0 });
    const peer = await Peer.connect(server.port);
    await eventually("a member", () => server.room.size === 1);
    const first = server.stop();
    expect(server.stop()).toBe(first);
    await first;
    expect(server.stop()).toBe(first);
    expect(await peer.endOfInput()).toBe(true);
    expect(server.room.size).toBe(0);
  });

  test("has the grace time as its limit, whoever is still owed something", async () => {
    const server = await listen({ host: "127.0.0.1", port: 0, logBytes: 32 * MIB });
    const stopped = await Peer.connect(server.port, { stopped: true });
    const talker = await Peer.connect(server.port);
    await eventually("both to join", () => server.room.size === 2);
    const witness = await Peer.connect(server.port, { countOnly: true });
    await eventually("all to join", () => server.room.size === 3);
    talker.say(MUCH);
    await witness.hearsBytes(MUCH.length);
    stopped.endInput();
    const sinceMs = performance.now();
    await server.stop(300);
    expect(performance.now() - sinceMs).toBeGreaterThan(250);
    expect(performance.now() - sinceMs).toBeLessThan(1_500);
    stopped.resume();
    expect(await stopped.closed()).toBe("error");
  });
});
