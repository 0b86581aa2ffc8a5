/** Stage 1: where a server listens, and why it cannot. */

import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { listen } from "../../lib/server/listen.ts";
import {
  endAfterEach,
  newFolder,
  Peer,
  Program,
  serverCommand,
  ServerProgram,
} from "../harness.ts";
import { unprivileged } from "./served.ts";

endAfterEach();

/** Words, and no code of the system among them. */
const WORDS = /(?!.*\b[A-Z]{4,}\b)[a-z][^\n]*/;
/** Runs a server without the rights of root. */
const testUnprivileged = test.skipIf(!unprivileged || process.getuid?.() !== 0);

/** Fails unless a server ends at once, with one line that has a reason in words. */
async function expectReason(
  options: readonly string[],
  where: string,
  reason: string | RegExp,
  before: readonly string[] = [],
) {
  const program = new Program([...before, ...serverCommand(...options)]);
  const end = await Promise.race([program.exited, program.printed("listening on", "stderr")]);
  expect(end).toBe(1);
  const words = typeof reason === "string" ? RegExp.escape(reason) : reason.source;
  expect(program.stderr).toMatch(
    new RegExp(`^linechat-server: cannot listen on ${RegExp.escape(where)}: ${words}\\n$`),
  );
}

describe("the reason why a port cannot be listened on", () => {
  test.each([70_000, 65_536, -1, 1.5, Number.NaN])("listen({ port: %d })", async (port) => {
    const message = `port is a whole number from 0 to 65535, not ${port}`;
    await expect(listen({ host: "127.0.0.1", port })).rejects.toThrow(message);
  });

  test.each(["no-such-host.invalid", "256.1.1.1", "a b", `${"x".repeat(300)}.invalid`])(
    "unknown host: %.30s",
    async (host) => {
      await expectReason(["--host", host, "0"], `${host}:0`, "unknown host");
      const message = `cannot listen on ${host}:0: unknown host`;
      await expect(listen({ host, port: 0 })).rejects.toThrow(message);
    },
  );

  test.each([
    ["192.0.2.1", "192.0.2.1:0", "address not available"],
    ["2001:db8::1", "[2001:db8::1]:0", "address not available"],
    ["fe80::1", "[fe80::1]:0", /[^\n]*interface[^\n]*fe80::1%[^\n]*/],
  ])("no address of this machine: %s", (host, where, reason) =>
    expectReason(["--host", host, "0"], where, reason),
  );

  test("in use, on the address, on all of them, and for listen()", async () => {
    const { port } = await ServerProgram.start();
    const reason = "address already in use";
    await expectReason(["--host", "127.0.0.1", `${port}`], `127.0.0.1:${port}`, reason);
    await expectReason([`${port}`], `[::]:${port}`, reason);
    await expect(listen({ host: "127.0.0.1", port })).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port}: ${reason}`,
    );
  });

  const start = Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8"));
  test.skipIf(!unprivileged || start < 2)("permission denied", async () => {
    const where = `127.0.0.1:${start - 1}`;
    const options = ["--host", "127.0.0.1", `${start - 1}`];
    await expectReason(options, where, "permission denied", unprivileged);
  });
});

describe("a host by its name is logged as the address it got", () => {
  test.each([
    ["localhost", String.raw`127\.0\.0\.1|\[::1\]`],
    ["127.1", String.raw`127\.0\.0\.1`],
    ["::ffff:127.0.0.1", String.raw`127\.0\.0\.1`],
  ])("%s", async (host, address) => {
    const server = new Program(serverCommand("--host", host, "0"));
    const listening = new RegExp(`listening on (${address}):(\\d+)\\n`);
    const [, where = "", port] = await server.printed(listening, "stderr");
    const hostname = where.replace(/[[\]]/g, "");
    const socket = await Bun.connect({ hostname, port: Number(port), socket: { data() {} } });
    await server.printed(`joined ${where}:`, "stderr");
    socket.terminate();
  });

  test("and server.address has it", async () => {
    await using server = await listen({ host: "localhost", port: 0 });
    const addresses = ["127.0.0.1", "[::1]"].map((host) => `${host}:${server.port}`);
    expect(addresses).toContain(server.address);
  });
});

test("two servers share a port with --reuse-port, each with some of the clients", async () => {
  const one = await ServerProgram.start("--reuse-port");
  const options = ["--host", "127.0.0.1", `${one.port}`];
  const other = await ServerProgram.run(serverCommand("--reuse-port", ...options));
  for (let count = 0; count < 40; count++) await Peer.connect(one.port);
  for (const server of [one, other]) await server.logged(/ joined /);
  await expectReason(options, `127.0.0.1:${one.port}`, "address already in use");
});

describe("the reason why a path cannot be listened on", () => {
  const cases: [what: string, path: (folder: string) => string, reason: string | RegExp][] = [
    [
      "it is too long for a socket",
      (folder) => join(folder, "x".repeat(120)),
      "the path is too long",
    ],
    ["a name in it is too long", (folder) => join(folder, "x".repeat(300)), "the path is too long"],
    ["a folder is missing", (folder) => join(folder, "none", "room"), "no such file or directory"],
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
  test.each(cases)("%s", async (_, pathIn, reason) => {
    const path = pathIn(newFolder());
    await expectReason(["--unix", path], path, reason);
    const message = typeof reason === "string" ? `cannot listen on ${path}: ${reason}` : path;
    await expect(listen({ unix: path })).rejects.toThrow(message);
  });

  for (const [what, mode] of [
    ["written to", "755"],
    ["looked into", "700"],
  ] as const)
    testUnprivileged(`its directory may not be ${what}`, async () => {
      const folder = newFolder();
      const locked = join(folder, "locked");
      mkdirSync(locked);
      Bun.spawnSync(["chmod", "755", folder]);
      Bun.spawnSync(["chmod", mode, locked]);
      const path = join(locked, "room");
      await expectReason(["--unix", path], path, "permission denied", unprivileged);
    });
});
