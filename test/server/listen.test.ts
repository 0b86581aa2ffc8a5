/** Stage 1: where a server listens, why it cannot, and that all is open before anybody is accepted. */

import { describe, expect, spyOn, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { type Place, type Server } from "../../lib/server/api.ts";
import { listen } from "../../lib/server/listen.ts";
import {
  atEnd,
  endAfterEach,
  newFolder,
  Peer,
  runToEnd,
  serverCommand,
  ServerProgram,
} from "../harness.ts";
import { eventually } from "../harness/watched.ts";
import { unprivileged } from "./served.ts";

endAfterEach();

const HERE = { host: "127.0.0.1", port: 0 };
/** Words, and no code of the system among them. */
const WORDS = /^(?!.*\b[A-Z]{4,}\b)[a-z][^\n]*$/;

async function open(options: Place & object): Promise<Server> {
  const server = await listen(options);
  atEnd(() => server.stop(0));
  return server;
}

/** Why it cannot be listened there. */
async function reasonOf(options: Place, where: string): Promise<string> {
  const failure = await open(options).catch(String);
  const start = `UserError: cannot listen on ${where}: `;
  expect(failure).toStartWith(start);
  return String(failure).slice(start.length);
}

describe("the reason why a port cannot be listened on", () => {
  test("unknown host", async () => {
    for (const host of ["no-such-host.invalid", "256.1.1.1", "a b", `${"x".repeat(300)}.invalid`])
      expect(await reasonOf({ host, port: 0 }, `${host}:0`)).toBe("unknown host");
  });

  test("no address of this machine", async () => {
    for (const [host, where] of [
      ["192.0.2.1", "192.0.2.1:0"],
      ["2001:db8::1", "[2001:db8::1]:0"],
    ] as const)
      expect(await reasonOf({ host, port: 0 }, where)).toBe("address not available");
    const reason = await reasonOf({ host: "fe80::1", port: 0 }, "[fe80::1]:0");
    expect(reason).toContain("a link-local address needs its interface, like fe80::1%");
  });

  test("in use, on the address, and on all of them", async () => {
    const { port } = await open(HERE);
    const reason = "address already in use";
    expect(await reasonOf({ ...HERE, port }, `127.0.0.1:${port}`)).toBe(reason);
    expect(await reasonOf({ port }, `[::]:${port}`)).toBe(reason);
  });
});

test("a host by its name is told as the address it got", async () => {
  for (const [host, address] of [
    ["localhost", /^(127\.0\.0\.1|\[::1\]):\d+$/],
    ["127.1", /^127\.0\.0\.1:\d+$/],
    ["::ffff:127.0.0.1", /^127\.0\.0\.1:\d+$/],
  ] as const)
    expect((await open({ host, port: 0 })).address).toMatch(address);
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
  ["of a directory", (folder) => folder, "it exists and is no socket"],
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

test.skipIf(!unprivileged || process.getuid?.() !== 0)("a folder of another user", async () => {
  const folder = newFolder();
  mkdirSync(join(folder, "locked"), { mode: 0o700 });
  Bun.spawnSync(["chmod", "755", folder]);
  const path = join(folder, "locked", "room");
  const command = serverCommand("--unix", path);
  const { stderr } = await runToEnd([...(unprivileged ?? []), ...command]);
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
function connectEagerly() {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  listener.stop();
  const eager = { port: listener.port, connections: 0 };
  let isOver = false;
  const attempt = async () => {
    while (!isOver && eager.connections === 0)
      try {
        await Peer.connect(listener.port);
        eager.connections++;
      } catch {
        await new Promise((resolve) => setImmediate(resolve));
      }
  };
  const over = attempt();
  atEnd(async () => {
    isOver = true;
    await over;
  });
  return eager;
}

test("a client that connects while ports open joins when listen() has returned", async () => {
  lookUpSlowly();
  const eager = connectEagerly();
  const events: string[] = [];
  const event = (what: string) => () => void events.push(what);
  const server = await listen({
    ...{ ...HERE, port: eager.port, web: { host: "localhost", port: 0 } },
    ...{ onJoin: event("join"), onRefuse: event("refuse"), onWarning: event("warning") },
    ...{ metrics: { host: "localhost", port: 0 }, bot: () => ({ onJoin: event("bot") }) },
  });
  events.push("listen");
  atEnd(() => server.stop(0));
  await eventually("a member", () => server.size > 0 && events.length > 2);
  expect(events.toSorted()).toEqual(["bot", "join", "listen"]);
  expect(events[0]).toBe("listen");
});

test("a start that fails, as another port is in use, tells nobody anything, and closes all", async () => {
  const taken = await open(HERE);
  lookUpSlowly();
  for (const extra of ["web", "metrics"]) {
    const { port } = connectEagerly();
    const events: string[] = [];
    const event = (what: string) => () => void events.push(what);
    const starting = listen({
      ...{ ...HERE, port, [extra]: { host: "127.0.0.1", port: taken.port } },
      ...{ onJoin: event("onJoin"), onLeave: event("onLeave"), onRefuse: event("onRefuse") },
    });
    await expect(starting).rejects.toThrow("address already in use");
    const again = Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } });
    again.stop(true);
    expect(events).toEqual([]);
  }
});
