/** Stage 1: where a server listens, why it cannot, and that all is open before anybody is accepted. */

import { expect, spyOn, test } from "bun:test";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { ListenOptions } from "../../lib/server/api.ts";
import { listen } from "../../lib/server/listen.ts";
import { openServer } from "../doors/open-server.ts";
import {
  atEnd,
  endAfterEach,
  newFolder,
  Peer,
  ROOT,
  runToEnd,
  serverCommand,
  ServerProgram,
} from "../harness.ts";
import { freePort } from "../harness/tools.ts";
import { eventually } from "../harness/watched.ts";

endAfterEach();

const HERE = { host: "127.0.0.1", port: 0 };
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
  ["of a link to itself", (folder) => join(folder, "circle", "room"), WORDS],
  ["where no sockets can be", () => "/sys/room", WORDS],
];
test.each(PATHS)("the reason why a path cannot be listened on: %s", async (_, pathIn, reason) => {
  const folder = newFolder();
  writeFileSync(join(folder, "file"), "");
  symlinkSync("circle", join(folder, "circle"));
  const unix = pathIn(folder);
  expect(await reasonOf({ unix }, unix)).toMatch(reason);
});

/** Runs a program without the rights of root. */
const AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
const canBeNobody =
  process.getuid?.() === 0 &&
  Bun.which("setpriv") !== null &&
  Bun.spawnSync([...AS_NOBODY, ...serverCommand("--version")], { cwd: ROOT }).success;

test.skipIf(!canBeNobody)("the folder of another user is told to be that", async () => {
  const path = join(newFolder(), "room");
  const { stderr } = await runToEnd([...AS_NOBODY, ...serverCommand("--unix", path)]);
  expect(stderr).toBe(`linechat-server: cannot listen on ${path}: permission denied\n`);
});

/** Has each look-up of a name take a while. */
function lookUpSlowly(): void {
  const { lookup } = Bun.dns;
  const slow = spyOn(Bun.dns, "lookup").mockImplementation(async (...of) => {
    await Bun.sleep(50);
    return lookup(...of);
  });
  atEnd(() => slow.mockRestore());
}

/** A port that was free a moment ago, and somebody who connects to it as soon as that goes. */
function connectEagerly(): number {
  const port = freePort();
  let isOver = false;
  const attempt = async () => {
    while (!isOver)
      try {
        await Peer.connect(port);
        isOver = true;
      } catch {
        await new Promise((resolve) => setImmediate(resolve));
      }
  };
  const over = attempt();
  atEnd(async () => {
    isOver = true;
    await over;
  });
  return port;
}

test("a client that connects while ports open joins when listen() has returned", async () => {
  lookUpSlowly();
  const [port, place, told] = [connectEagerly(), { host: "localhost", port: 0 }, [] as string[]];
  const { events, happened } = await openServer({
    ...{ port, web: place, metrics: place, onWarning: (what) => told.push(what) },
    bot: () => ({ onJoin: () => void told.push("bot") }),
  });
  expect([...events, ...told]).toEqual([]);
  await happened(/^joined /);
  await eventually("the bot to be told", () => told.length > 0);
  expect([events.length, told]).toEqual([1, ["bot"]]);
});

test("a start that fails, as another port is in use, tells nobody anything, and closes all", async () => {
  const taken = await openServer();
  lookUpSlowly();
  for (const extra of ["web", "metrics"]) {
    const port = connectEagerly();
    const events: string[] = [];
    const event = (what: string) => () => void events.push(what);
    const starting = listen({
      ...{ ...HERE, port, [extra]: { ...HERE, port: taken.port } },
      ...{ onJoin: event("onJoin"), onLeave: event("onLeave"), onRefuse: event("onRefuse") },
    });
    await expect(starting).rejects.toThrow("address already in use");
    Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop(true);
    expect(events).toEqual([]);
  }
});
