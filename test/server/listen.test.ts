import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { listen } from "../../lib/server/listen.ts";
import { Program, ServerProgram } from "../harness.ts";
import { Caller } from "./caller.ts";
import { endAllAfterEach } from "./ends.ts";
import { newFolder, unprivileged } from "./served.ts";

endAllAfterEach();

const run = (...options: string[]) => new Program([process.execPath, "server.ts", ...options]);

/** Fails unless a program has ended with one line that has a reason in words. */
async function expectReason(program: Program, where: string, reason: string | RegExp) {
  const end = await Promise.race([program.exited, program.printed("listening on", "stderr")]);
  expect(end).toBe(1);
  const words = typeof reason === "string" ? RegExp.escape(reason) : reason.source;
  expect(program.stderr).toMatch(
    new RegExp(`^linechat-server: cannot listen on ${RegExp.escape(where)}: ${words}\\n$`),
  );
}

/** Words, and no code of the system among them. */
const WORDS = /(?!.*\b[A-Z]{4,}\b)[a-z][^\n]*/;

describe("the reason why a port cannot be listened on", () => {
  for (const port of [70_000, 65_536, -1, 1.5, Number.NaN])
    test(`listen({ port: ${port} }): out of range`, async () => {
      const attempt = listen({ host: "127.0.0.1", port }).then((server) => server.stop());
      await expect(attempt).rejects.toThrow(/^cannot listen on 127\.0\.0\.1:\S+: .*out of range/);
    });

  for (const host of ["no-such-host.invalid", "256.1.1.1", "a b", `${"x".repeat(300)}.invalid`])
    test(`unknown host: ${host.slice(0, 30)}`, async () => {
      await expectReason(run("--host", host, "0"), `${host}:0`, "unknown host");
    });

  test("unknown host, from listen()", async () => {
    const attempt = listen({ host: "no-such-host.invalid", port: 0 });
    await expect(attempt).rejects.toThrow(
      /^cannot listen on no-such-host\.invalid:0: unknown host$/,
    );
  });

  test("no such address", async () => {
    const reason = "this machine has no such address";
    await expectReason(run("--host", "192.0.2.1", "0"), "192.0.2.1:0", reason);
    await expectReason(run("--host", "2001:db8::1", "0"), "[2001:db8::1]:0", reason);
  });

  test("a link-local address without its interface", async () => {
    await expectReason(
      run("--host", "fe80::1", "0"),
      "[fe80::1]:0",
      /[^\n]*interface[^\n]*fe80::1%[^\n]*/,
    );
  });

  test("in use, on the address, on all of them, and for listen()", async () => {
    const { port } = await ServerProgram.start();
    const reason = "the address is in use";
    await expectReason(run("--host", "127.0.0.1", `${port}`), `127.0.0.1:${port}`, reason);
    await expectReason(run(`${port}`), `[::]:${port}`, reason);
    await expect(listen({ host: "127.0.0.1", port })).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port}: ${reason}`,
    );
  });

  const start = Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8"));
  test.skipIf(!unprivileged || start < 2)("permission denied", async () => {
    const port = start - 1;
    const words = ["server.ts", "--host", "127.0.0.1", `${port}`];
    const program = new Program([...(unprivileged ?? []), process.execPath, ...words]);
    await expectReason(program, `127.0.0.1:${port}`, "permission denied");
  });
});

describe("a host by its name is logged as the address it got", () => {
  for (const [host, address] of [
    ["localhost", String.raw`(127\.0\.0\.1|\[::1\])`],
    ["127.1", String.raw`127\.0\.0\.1`],
    ["::ffff:127.0.0.1", String.raw`127\.0\.0\.1`],
  ] as const)
    test(host, async () => {
      const server = run("--host", host, "0");
      const [, where = "", port] = await server
        .printed(new RegExp(`listening on (${address}):(\\d+)\\n`), "stderr")
        .then((match) => [match[0], match[1], match.at(-1)]);
      const hostname = where.replace(/[[\]]/g, "");
      const socket = await Bun.connect({ hostname, port: Number(port), socket: { data() {} } });
      await server.printed(`joined ${where}:`, "stderr");
      socket.terminate();
    });

  test("and server.address has it", async () => {
    const server = await listen({ host: "localhost", port: 0 });
    expect(["127.0.0.1", "[::1]"].map((host) => `${host}:${server.port}`)).toContain(
      server.address,
    );
    await server.stop();
  });
});

describe("the reason why a path cannot be listened on", () => {
  const cases: [what: string, path: (folder: string) => string, reason: string | RegExp][] = [
    [
      "it is too long for a socket",
      (folder) => join(folder, "x".repeat(120)),
      "the path is too long",
    ],
    ["a name in it is too long", (folder) => join(folder, "x".repeat(300)), "the path is too long"],
    ["there is no such directory", (folder) => join(folder, "none", "room"), "no such directory"],
    ["it is a directory", (folder) => folder, "it exists and is no socket"],
    [
      "a file stands where a directory should",
      (folder) => {
        writeFileSync(join(folder, "file"), "");
        return join(folder, "file", "room");
      },
      WORDS,
    ],
    [
      "its links go round in circles",
      (folder) => {
        symlinkSync("circle", join(folder, "circle"));
        return join(folder, "circle", "room");
      },
      WORDS,
    ],
    ["the file system takes no sockets", () => "/sys/room", WORDS],
  ];
  for (const [what, pathIn, reason] of cases)
    test(what, async () => {
      const path = pathIn(newFolder());
      await expectReason(run("--unix", path), path, reason);
    });

  for (const [what, mode] of [
    ["written to", 0o755],
    ["looked into", 0o700],
  ] as const)
    test.skipIf(!unprivileged || process.getuid?.() !== 0)(
      `its directory may not be ${what}`,
      async () => {
        const folder = newFolder();
        const locked = join(folder, "locked");
        mkdirSync(locked);
        Bun.spawnSync(["chmod", "755", folder]);
        Bun.spawnSync(["chmod", mode.toString(8), locked]);
        const path = join(locked, "room");
        const words = ["server.ts", "--unix", path];
        const program = new Program([...(unprivileged ?? []), process.execPath, ...words]);
        await expectReason(program, path, "permission denied");
      },
    );

  test("from listen(), a message as well", async () => {
    const path = join(newFolder(), "x".repeat(300));
    await expect(listen({ unix: path })).rejects.toThrow(
      `cannot listen on ${path}: the path is too long`,
    );
  });
});

test("a path is an address as good as a port, from listen()", async () => {
  const unix = join(newFolder(), "room");
  const server = await listen({ unix });
  expect([server.address, server.port]).toEqual([unix, 0]);
  const [ann, bob] = [await Caller.connect({ unix }), await Caller.connect({ unix })];
  ann.say("hello\n");
  bob.say("hello\n");
  await Promise.all([ann.hears("hello\n"), bob.hears("hello\n")]);
  ann.halfClose();
  bob.halfClose();
  await server.stop();
  expect(server.room.size).toBe(0);
});
