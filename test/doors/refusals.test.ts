import { beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { type Certificates, makeCertificates } from "../certificates.ts";
import { Peer, Program, ServerProgram } from "../harness.ts";
import { Caller, type CallerOptions } from "../server/caller.ts";
import { atEnd, endAllAfterEach } from "../server/ends.ts";
import { newFolder, openFiles, processorMs, startAfter, watchFiles } from "../server/served.ts";

const SECRET = "open sesame";

let certificates: Certificates;
let pem: (name: string) => string;
beforeAll(() => {
  certificates = makeCertificates();
  pem = certificates.file;
});
endAllAfterEach();

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

describe("whoever is refused reads why, and the log has the same words", () => {
  for (const [over, options, caller] of [
    ["TCP", () => [], {}],
    ["TCP with a pass phrase", passFile, {}],
    ["TLS", tls, { tls: {} }],
    ["TLS with a pass phrase", () => [...tls(), ...passFile()], { tls: {} }],
  ] as [string, () => string[], CallerOptions][]) {
    /** One that is in. */
    const enter = async (server: ServerProgram, from = "127.0.0.1") => {
      const member = await Caller.connect(server, { ...caller, from });
      if (caller.tls) await member.handshaken();
      if (over.includes("pass")) member.say(`${SECRET}\n`);
      await server.printed(`joined ${member.name} `, "stderr");
      return member;
    };

    test(`over ${over}: an address that is denied`, async () => {
      const server = await ServerProgram.start("--deny", "127.0.0.2/31", ...options());
      await enter(server);
      const from = "127.0.0.3";
      const denied = await Caller.connect(server, { ...caller, from });
      await expectRefused(server, denied, `not allowed from ${from}`);
    });

    test(`over ${over}: an address that is not among those allowed`, async () => {
      const server = await ServerProgram.start("--allow", "127.0.0.2", ...options());
      await enter(server, "127.0.0.2");
      const stranger = await Caller.connect(server, caller);
      await expectRefused(server, stranger, "not allowed from 127.0.0.1");
    });

    test(`over ${over}: one connection more of an address than it may have`, async () => {
      const server = await ServerProgram.start("--max-clients-per-address", "2", ...options());
      await enter(server);
      await enter(server);
      const third = await Caller.connect(server, caller);
      await expectRefused(server, third, "too many connections from 127.0.0.1");
      await enter(server, "127.0.0.2");
    });

    test(`over ${over}: one client more than --max-clients`, async () => {
      const server = await ServerProgram.start("--max-clients", "1", ...options());
      await enter(server);
      await expectRefused(server, await Caller.connect(server, caller), "room is full");
    });

    if (!over.includes("pass")) continue;
    test(`over ${over}: a wrong pass phrase`, async () => {
      const server = await ServerProgram.start(...options());
      const guest = await Caller.connect(server, caller);
      if (caller.tls) await guest.handshaken();
      guest.say("open caraway\n");
      await expectRefused(server, guest, "wrong pass phrase");
    });
  }

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

  test("--deny wins over --allow", async () => {
    const server = await ServerProgram.start("--allow", "127.0.0.0/8", "--deny", "127.0.0.2");
    await server.join();
    const denied = await Caller.connect(server, { from: "127.0.0.2" });
    await expectRefused(server, denied, "not allowed from 127.0.0.2");
  });
});

describe("--max-clients-per-address counts every open socket of an address", () => {
  test("guests that have not said the pass phrase", async () => {
    const server = await ServerProgram.start("--max-clients-per-address", "2", ...passFile());
    const guests = [await Caller.connect(server), await Caller.connect(server)];
    await expectRefused(
      server,
      await Caller.connect(server),
      "too many connections from 127.0.0.1",
    );
    expect(guests.map(({ ending }) => ending)).toEqual([undefined, undefined]);
  });

  test("handshakes that do not go on", async () => {
    const server = await ServerProgram.start("--max-clients-per-address", "2", ...tls());
    await Caller.connect(server, { stays: true });
    await Caller.connect(server, { stays: true });
    const third = await Caller.connect(server, { tls: {} });
    await expectRefused(server, third, "too many connections from 127.0.0.1");
  });

  test("members on their way out, until they are gone", async () => {
    const options = ["--max-clients-per-address", "1", "--max-line", "16"];
    const server = await ServerProgram.start(...options);
    const leaving = await Caller.connect(server, { stays: true });
    leaving.say("much too long a line\n");
    expect(await leaving.ended()).toBe("end of input");
    await expectRefused(
      server,
      await Caller.connect(server),
      "too many connections from 127.0.0.1",
    );
    leaving.reset();
    const enters = async () => {
      const caller = await Caller.connect(server);
      await Promise.race([caller.ended(300).catch(() => {}), Bun.sleep(100)]);
      return caller.ending === undefined;
    };
    while (!(await enters())) await Bun.sleep(50);
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

/** What a client says first over TLS. */
async function clientHello(): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (_, bytes) => resolve(Buffer.from(bytes)) },
  });
  atEnd(() => listener.stop(true));
  await Caller.connect({ port: listener.port }, { tls: {} });
  return promise;
}

describe("TLS on a port that does not speak it", () => {
  test("is logged as such, and said to nobody", async () => {
    const server = await ServerProgram.start();
    const [ann, bob] = [await server.join(), await server.join()];
    const mistaken = await Caller.connect(server, { tls: {} });
    await mistaken.ended();
    await server.printed(
      `left ${mistaken.name}: speaks TLS, this port does not (2 here)\n`,
      "stderr",
    );
    ann.say("undisturbed\n");
    await bob.hears("undisturbed\n");
    expect([ann.text, bob.text]).toEqual(["", "undisturbed\n"]);
  });

  test("from a real client too, with whatever line ends there are in its random bytes", async () => {
    const server = await ServerProgram.start();
    const ann = await server.join();
    for (let n = 1; n <= 10; n++) {
      new Program(["openssl", "s_client", "-connect", `127.0.0.1:${server.port}`]);
      await server.until(
        `${n} clients`,
        () => server.stderr.split(": speaks TLS, this port does not (1 here)\n").length > n,
      );
    }
    expect(ann.text).toBe("");
  });

  test("is refused where there is a pass phrase", async () => {
    const server = await ServerProgram.start(...passFile());
    const mistaken = await Caller.connect(server, { tls: {} });
    await mistaken.ended();
    await server.printed(
      `refused ${mistaken.name}: speaks TLS, this port does not (0 here)\n`,
      "stderr",
    );
    expect(server.stderr).not.toContain("wrong pass phrase");
  });

  test("is refused there however its hello is cut", async () => {
    const server = await ServerProgram.start(...passFile());
    const hello = await clientHello();
    for (const cut of [1, 2, 3, 5, 6]) {
      const mistaken = await Caller.connect(server);
      mistaken.say(hello.subarray(0, cut));
      await Bun.sleep(30);
      mistaken.say(hello.subarray(cut));
      await mistaken.ended();
      expect(mistaken.text).toBe("* speaks TLS, this port does not\n");
    }
  });

  test("is known from a hello whose head comes first, and has line ends in it", async () => {
    const server = await ServerProgram.start();
    const ann = await server.join();
    const hello = Buffer.concat([await clientHello(), Buffer.from("\n\nlines\n")]);
    for (const cut of [1, 2, 3, 5, 6, 11]) {
      const mistaken = await Caller.connect(server);
      await server.printed(`joined ${mistaken.name} `, "stderr");
      mistaken.say(hello.subarray(0, cut));
      await Bun.sleep(30);
      mistaken.say(hello.subarray(cut));
      await mistaken.ended();
      await server.printed(
        `left ${mistaken.name}: speaks TLS, this port does not (1 here)\n`,
        "stderr",
      );
    }
    expect(ann.text).toBe("");
  });

  test("is not what a member speaks whose lines only begin like it, or that said others before", async () => {
    const server = await ServerProgram.start();
    const ann = await server.join();
    const hello = await clientHello();
    for (const line of ["\x16\n", "\x16\x03\n", "\x16hello\n", "\x15\x03\x01\x02\x03\x01\n"]) {
      const bob = await Caller.connect(server);
      bob.say(line);
      await ann.hears(line);
      const before = ann.heardBytes;
      bob.say(Buffer.concat([hello, Buffer.from("\n")]));
      await ann.hearsBytes(before + hello.length + 1);
      expect(bob.ending).toBeUndefined();
    }
    expect(server.stderr).not.toContain("TLS");
  });
});

/** A hello that knows nothing newer than TLS 1.1. */
const HELLO_OF_TLS_1_1 = Buffer.concat([
  Buffer.from([0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2]),
  Buffer.alloc(32, 7),
  Buffer.from([0, 0, 2, 0, 0x2f, 1, 0]),
]);

describe("a handshake that fails is logged in words", () => {
  /** An openssl that tries to come in. */
  const openssl = (server: ServerProgram, ...options: string[]) => {
    const command = ["openssl", "s_client", "-connect", `127.0.0.1:${server.port}`, ...options];
    return new Program(command);
  };
  const show = (name: string) => ["-cert", pem(`${name}.pem`), "-key", pem(`${name}.key`)];

  for (const version of ["-tls1_2", "-tls1_3"])
    for (const [what, options, why] of [
      ["without a certificate", () => [], "no client certificate"],
      ["with a stranger's", () => show("stranger"), "a client certificate of another CA"],
      ["with an expired one", () => show("expired"), "an expired client certificate"],
      [
        "that does not accept the server's",
        () => [...show("client"), "-verify_return_error", "-CAfile", pem("stranger.pem")],
        "the client did not accept our certificate",
      ],
    ] as const)
      test(`a client ${what}, by ${version}`, async () => {
        const server = await ServerProgram.start(...tls(), "--tls-ca", pem("ca.pem"));
        openssl(server, version, ...options());
        await server.printed(
          new RegExp(`refused 127\\.0\\.0\\.1:\\d+: the handshake failed: ${why} \\(0 here\\)\\n`),
          "stderr",
        );
        expect(server.stderr).not.toContain("joined");
      });

  for (const [what, text] of [
    ["lines", "hello, is anybody there?\n"],
    ["a single byte", "\n"],
    ["HTTP", "GET / HTTP/1.0\r\n\r\n"],
  ] as const)
    test(`plain text: ${what}`, async () => {
      const server = await ServerProgram.start(...tls());
      const peer = await Peer.connect(server.port);
      peer.say(text);
      if (text.length < 5) peer.endInput();
      await peer.closed();
      if (text.length < 5) return;
      await server.printed(
        `refused ${peer.name}: the handshake failed: plain text (0 here)\n`,
        "stderr",
      );
    });

  const speak = async (server: ServerProgram, bytes: Buffer) =>
    (await Peer.connect(server.port)).say(bytes);

  for (const [what, attempt] of [
    ["a client of TLS 1.1", (server) => speak(server, HELLO_OF_TLS_1_1)],
    [
      "a client without a cipher in common",
      (server) => void openssl(server, "-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA"),
    ],
    [
      "a garbled hello",
      (server) => speak(server, Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0, 0, 0])),
    ],
    [
      "a client that hangs up because of our certificate",
      (server) =>
        Bun.connect({
          hostname: "127.0.0.1",
          port: server.port,
          tls: { rejectUnauthorized: true },
          socket: { data() {}, error() {}, handshake() {} },
        }).catch(() => {}),
    ],
  ] as [string, (server: ServerProgram) => unknown][])
    test(`${what}, without a code`, async () => {
      const server = await ServerProgram.start(...tls());
      await attempt(server);
      const [line] = await server.printed(/refused 127\.0\.0\.1:\d+: .* \(0 here\)\n/, "stderr");
      expect(line).not.toMatch(/[A-Z]{4,}|undefined|error:|SSL routines/);
    });
});
