import { beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { type Certificates, makeCertificates } from "../certificates.ts";
import { endAfterEach, newFolder, ServerProgram } from "../harness.ts";
import { Caller, type CallerOptions } from "../server/caller.ts";
import { openFiles, processorMs, startAfter, watchFiles } from "../server/served.ts";

const SECRET = "open sesame";

let certificates: Certificates;
let pem: (name: string) => string;
beforeAll(() => {
  certificates = makeCertificates();
  pem = certificates.file;
});
endAfterEach();

const tls = () => ["--tls-cert", pem("server.pem"), "--tls-key", pem("server.key")];

function passFile(): string[] {
  const file = join(newFolder(), "pass");
  writeFileSync(file, `${SECRET}\n`);
  return ["--pass-file", file];
}

/** Fails unless one reads why it is refused, then EOF, and the log says the same. */
async function expectRefused(server: ServerProgram, caller: Caller, why: string): Promise<void> {
  expect(await caller.ended()).toBe("end of input");
  expect(caller.text).toBe(`* ${why}\n`);
  await server.printed(
    new RegExp(`Z refused ${RegExp.escape(caller.name)}: ${RegExp.escape(why)} \\(\\d+ here\\)\\n`),
    "stderr",
  );
}

describe("a client that is refused reads why, and the log has the same words", () => {
  for (const [over, options, caller] of [
    ["TCP", () => [], {}],
    ["TCP with a pass phrase", passFile, {}],
    ["TLS", tls, { tls: {} }],
    ["TLS with a pass phrase", () => [...tls(), ...passFile()], { tls: {} }],
  ] as [string, () => string[], CallerOptions][])
    test(`over ${over}`, async () => {
      const server = await ServerProgram.start(
        ...["--allow", "127.0.0.0/30", "--deny", "127.0.0.3", "--max-clients-per-address", "2"],
        ...["--max-clients", "3", ...options()],
      );
      const come = async (from: string, phrase = SECRET) => {
        const member = await Caller.connect(server, { ...caller, from });
        if (caller.tls) await Promise.race([member.handshaken(), member.ended()]);
        if (over.includes("pass")) member.say(`${phrase}\n`);
        return member;
      };
      for (const from of ["127.0.0.3", "127.0.0.4"])
        await expectRefused(server, await come(from), `not allowed from ${from}`);
      if (over.includes("pass"))
        await expectRefused(server, await come("127.0.0.1", "open caraway"), "wrong pass phrase");
      for (const count of [1, 2]) {
        await come("127.0.0.1");
        await server.members(count);
      }
      const third = await come("127.0.0.1");
      await expectRefused(server, third, "too many connections from 127.0.0.1");
      await come("127.0.0.2");
      await server.members(3);
      await expectRefused(server, await come("127.0.0.2"), "room is full");
    });

  test("also when it sends without pause", async () => {
    const server = await ServerProgram.start("--deny", "127.0.0.1");
    for (let n = 0; n < 5; n++) {
      const caller = await Caller.connect(server, { stays: true });
      void caller.sayAll(Buffer.alloc(16 << 20, "0123456789abcde\n"));
      expect(await caller.ended()).toBe("end of input");
      expect(caller.text).toBe("* not allowed from 127.0.0.1\n");
      caller.reset();
    }
  });

  test("with IPv4 mapped into IPv6, the address is the IPv4 one", async () => {
    const server = await ServerProgram.run([
      ...[process.execPath, "server.ts", "--host", "::", "--deny", "127.0.0.1", "0"],
    ]);
    const caller = await Caller.connect(server);
    await expectRefused(server, caller, "not allowed from 127.0.0.1");
  });
});

describe("many that are refused at once", () => {
  for (const [what, options, caller, seated] of [
    ["of an address that is not allowed", () => ["--deny", "127.0.0.2"], {}, 0],
    ["of one address", () => ["--max-clients-per-address", "1"], {}, 1],
    ["over TLS", () => ["--deny", "127.0.0.2", ...tls()], { tls: {} }, 0],
    ["that do not even shake hands", () => ["--deny", "127.0.0.2", ...tls()], {}, 0],
  ] as [string, () => string[], CallerOptions, number][])
    test(`${what}, and do not go, never reach the file limit and disturb nobody`, async () => {
      const words = options();
      const server = await startAfter("ulimit -n 64", "--max-clients", "20", ...words);
      const files = watchFiles(server.pid);
      let addresses = 10;
      const enter = () =>
        Caller.connect(server, {
          from: `127.0.0.${addresses++}`,
          tls: words.includes("--tls-cert") ? {} : undefined,
        });
      const [ann, bob] = [await enter(), await enter()];
      await server.members(2);
      const calls = Array.from({ length: 300 }, () =>
        Caller.connect(server, { ...caller, from: "127.0.0.2", stays: true }),
      );
      await Promise.allSettled(calls);
      const beforeMs = processorMs(server.pid);
      await Bun.sleep(300);
      expect(processorMs(server.pid) - beforeMs).toBeLessThan(200);
      expect(files.most).toBeLessThan(64);
      ann.say("undisturbed\n");
      await bob.hears("undisturbed\n");
      // They have taken no seat.
      for (let n = 2 + seated; n < 20; n++) await enter();
      await server.printed("(20 here)", "stderr");
    });

  test("all read why, as they come one after another and do not go", async () => {
    const server = await startAfter("ulimit -n 64", "--deny", "127.0.0.2");
    for (let n = 0; n < 100; n++) {
      const caller = await Caller.connect(server, { from: "127.0.0.2", stays: true });
      expect(await caller.ended()).toBe("end of input");
      expect(caller.text).toBe("* not allowed from 127.0.0.2\n");
    }
    expect(openFiles(server.pid)).toBeLessThan(64);
  });
});
