/** Stage 1: where a server listens, why it cannot, and that all is open before anybody is accepted. */

import { expect, spyOn, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import type { ListenOptions } from "../../lib/server/api.ts";
import { openServer } from "../doors/open-server.ts";
import {
  atEnd,
  endAfterEach,
  newFolder,
  Peer,
  rejection,
  runToEnd,
  serverCommand,
  ServerProgram,
} from "../harness.ts";
import { freePort, TLS } from "../harness/tools.ts";
import { CERTIFICATE } from "../simulation/certificate.ts";

endAfterEach();

/** Words, and no code of the system among them. */
const WORDS = /^(?!.*\b[A-Z]{4,}\b)[a-z][^\n]*$/;

/** Why it cannot be listened there. */
async function reasonOf(options: Partial<ListenOptions>, where: string): Promise<string> {
  const failure = await openServer(options).catch(String);
  const start = `UserError: cannot listen on ${where}: `;
  expect(failure).toStartWith(start);
  return String(failure).slice(start.length);
}

test("the reason why a port cannot be listened on is told", async () => {
  const linkLocal = "a link-local address needs its interface, like fe80::1%eth0";
  for (const [host, reason] of [
    ["no-such-host.invalid", "unknown host"],
    ["256.1.1.1", "unknown host"],
    ["a b", "unknown host"],
    [`${"x".repeat(300)}.invalid`, "unknown host"],
    ["192.0.2.1", "address not available"],
    ["2001:db8::1", "address not available"],
    ["fe80::1", `invalid argument; ${linkLocal}`],
  ] as const) {
    const where = host.includes(":") ? `[${host}]:0` : `${host}:0`;
    expect(await reasonOf({ host }, where)).toBe(reason);
  }
  const { port } = await openServer();
  const reason = "address already in use";
  expect(await reasonOf({ port }, `127.0.0.1:${port}`)).toBe(reason);
  expect(await reasonOf({ host: undefined, port }, `[::]:${port}`)).toBe(reason);
});

test("a host by its name is told as the address it got", async () => {
  for (const [host, address] of [
    ["localhost", /^(127\.0\.0\.1|\[::1\]):\d+$/],
    ["127.1", /^127\.0\.0\.1:\d+$/],
    ["::ffff:127.0.0.1", /^127\.0\.0\.1:\d+$/],
  ] as const)
    expect((await openServer({ host })).server.address).toMatch(address);
});

test("two servers share a port with --reuse-port, each with some of the clients", async () => {
  const one = await ServerProgram.start("--reuse-port");
  const options = ["--host", "127.0.0.1", `${one.port}`];
  const other = await ServerProgram.run(serverCommand("--reuse-port", ...options));
  for (let count = 0; count < 40; count++) await Peer.connect(one.port);
  for (const server of [one, other]) await server.logged(/ joined /);
  const { stderr } = await runToEnd(serverCommand(...options));
  expect(stderr).toEndWith(": address already in use\n");
});

const PATHS: [what: string, path: (folder: string) => string, reason: string | RegExp][] = [
  ["too long for a socket", (folder) => join(folder, "x".repeat(120)), "the path is too long"],
  ["in no folder", (folder) => join(folder, "none", "room"), "no such file or directory"],
  ["behind a file", (folder) => join(folder, "file", "room"), WORDS],
  ["where no sockets can be", () => "/sys/room", WORDS],
];
test.each(PATHS)("the reason why a path cannot be listened on: %s", async (_, pathIn, reason) => {
  const folder = newFolder();
  writeFileSync(join(folder, "file"), "");
  const unix = pathIn(folder);
  expect(await reasonOf({ unix }, unix)).toMatch(reason);
});

test("a stop does not wait for the handshake of a client", async () => {
  const hourMs = 3_600_000;
  const { cert, key } = CERTIFICATE;
  const { server, port, join } = await openServer({ tls: { cert, key }, arrivalMs: hourMs });
  const arrival = await Peer.connect(port);
  const member = await join(TLS); // The other was accepted before.
  const stopped = server.stop(hourMs);
  for (const one of [arrival, member]) {
    await one.endOfInput();
    one.endInput();
  }
  await stopped;
});

test("nobody is accepted before all ports are open; a start that fails closes those that are", async () => {
  let turned = false;
  const { listen } = Bun;
  const opens = spyOn(Bun, "listen").mockImplementation(((how: never) => {
    setImmediate(() => (turned = true)); // From then on, somebody may have been accepted.
    return listen(how);
  }) as typeof listen);
  const lookUps = spyOn(Bun.dns, "lookup").mockImplementation(async () => {
    await Bun.sleep(10);
    return [{ address: "127.0.0.1", family: 4, ttl: 0 }];
  });
  for (const spy of [opens, lookUps]) atEnd(() => spy.mockRestore());
  const place = { host: "localhost", port: 0 };
  const { port } = await openServer({ ...place, web: place, metrics: place });
  expect([turned, opens.mock.calls.length]).toEqual([false, 1]);
  for (const extra of ["web", "metrics"]) {
    const free = freePort();
    const failing = openServer({ port: free, [extra]: { host: "localhost", port } });
    expect((await rejection(failing)).message).toContain("address already in use");
    Bun.listen({ hostname: "127.0.0.1", port: free, socket: { data() {} } }).stop(true);
  }
});
