/** `--metrics`: figures that tell what has happened, in a form that Prometheus takes, and health. */

import { describe, expect, test } from "bun:test";

import type { Way } from "../../lib/doors/door.ts";
import type { Part } from "../../lib/extras/part.ts";
import { metrics } from "../../lib/metrics/metrics.ts";
import { LASTING, REFUSALS } from "../../lib/program/server-messages.ts";
import type { Member } from "../../lib/room/member.ts";
import { Room } from "../../lib/room/room.ts";
import { Connections } from "../../lib/server/connections.ts";
import { version } from "../../package.json";
import {
  endAfterEach,
  newFile,
  Peer,
  runToEnd,
  serverCommand,
  ServerProgram,
  testBeside,
} from "../harness.ts";
import { figuresOf } from "../harness/figures.ts";
import { testWith } from "../harness/tools.ts";

endAfterEach();

/** A room with figures. */
async function start(...options: string[]) {
  const server = await ServerProgram.start("--metrics", "0", ...options);
  return { server, ...(await figuresOf(server)) };
}

testBeside("figures tell what was sent, how many have left and how many were refused", async () => {
  const options = ["--max-clients", "3", "--max-line", "16"];
  const { server, figure, becomes, exceeds } = await start(...options);
  const [ann, bob, eve] = [await server.join(), await server.join(), await server.join()];
  ann.say("one\ntwo\n\n");
  ann.say("three\n");
  await bob.hears("one\ntwo\n\nthree\n");
  await eve.hears("three\n");
  const refused = await Peer.connect(server.port);
  expect(await refused.hearsAll()).toBe("* room is full\n");
  eve.say("a line that is too long\n");
  await eve.endOfInput();
  bob.reset();
  await becomes('linechat_clients{state="member"}', 1);
  await becomes('linechat_left_total{reason="reset"}', 1);
  await becomes('linechat_left_total{reason="line too long"}', 1);
  await becomes('linechat_left_total{reason="end of input"}', 0);
  await becomes('linechat_refused_total{reason="room is full"}', 1);
  await becomes("linechat_joined_total", 3);
  await becomes("linechat_sent_lines_total", 4);
  await becomes("linechat_sent_bytes_total", 15);
  await becomes("linechat_delivered_bytes_total", 30);
  await becomes("linechat_log_pending_bytes", 0);
  await becomes("linechat_clients_max", 3);
  expect(await figure("linechat_log_size_bytes")).toBe(8 << 20);
  await exceeds("process_open_fds", 5);
  await exceeds("process_resident_memory_bytes", 10 << 20);
  await exceeds("process_cpu_seconds_total", 0);
  const cpuSeconds = (await figure("process_cpu_seconds_total")) ?? 0;
  expect(cpuSeconds).toBeLessThanOrEqual(server.processorMs / 1000 + 0.1);
  expect(await figure("process_max_fds")).toBeGreaterThan(100);
  expect(await figure(`linechat_build_info{version="${version}",bun="${Bun.version}"}`)).toBe(1);
  const startedAt = (await figure("process_start_time_seconds")) ?? 0;
  expect(Math.abs(startedAt - Date.now() / 1000)).toBeLessThan(60);
});

testBeside("notices are not what members have sent, and names are", async () => {
  const { server, becomes } = await start("--names", "--announce");
  const [ann, bob] = [await server.connectNamed("ann"), await server.connectNamed("bob")];
  ann.say("hello\n");
  await bob.hears("ann: hello\n");
  bob.endInput();
  await ann.hears("* bob left (1 here)\n");
  await becomes("linechat_sent_lines_total", 1);
  await becomes("linechat_sent_bytes_total", "ann: hello\n".length);
});

testBeside("figures tell that a reader holds the room up, and what is pending for it", async () => {
  const { server, figure, becomes, exceeds } = await start("--buffer", "64K", "--patience", "1h");
  const sinceMs = performance.now();
  const sender = await server.join();
  const reader = await server.join({ stopped: true });
  void sender.flood(Buffer.alloc(32 << 10, `${"x".repeat(63)}\n`));
  await exceeds("linechat_held_up_seconds_total", 0);
  const heldUpMs = ((await figure("linechat_held_up_seconds_total")) ?? 0) * 1000;
  expect(heldUpMs).toBeLessThan(performance.now() - sinceMs);
  await exceeds("linechat_log_pending_bytes", 32 << 10);
  await exceeds("linechat_delivered_bytes_total", 0);
  expect(await figure("linechat_log_size_bytes")).toBe(64 << 10);
  reader.reset();
  await becomes('linechat_left_total{reason="reset"}', 1);
});

testBeside("figures tell guests and leavers from members", async () => {
  const phrase = newFile("phrase", "open sesame\n");
  const { server, becomes } = await start("--pass-file", phrase);
  const guest = await Peer.connect(server.port);
  await becomes('linechat_clients{state="guest"}', 1);
  await becomes('linechat_connections{kind="tcp"}', 1);
  guest.say("open sesame\n");
  await becomes('linechat_clients{state="member"}', 1);
  await becomes('linechat_clients{state="guest"}', 0);
  // It is refused, and lingers, because it does not close.
  const other = await Peer.connect(server.port);
  other.say("open wheat\n");
  await other.hears("* wrong pass phrase\n");
  await becomes('linechat_clients{state="leaver"}', 1);
  await becomes('linechat_refused_total{reason="wrong pass phrase"}', 1);
});

testBeside("health is 200 while the server takes clients, and 503 while it stops", async () => {
  const { server, health } = await start();
  expect(await health()).toBe("200 ok");
  const stuck = await server.join({ stopped: true });
  const sender = await server.join();
  await sender.sayAll(Buffer.alloc(8 << 20, `${"x".repeat(63)}\n`));
  server.kill("SIGTERM");
  await server.logged("stopping\n");
  expect(await health()).toBe("503 stopping");
  stuck.reset();
  sender.reset();
  expect(await server.exited).toBe(0);
});

describe("the part of a server that is asked for figures", () => {
  /** Its figures without a room that does anything. */
  async function openPart(...parts: Part[]) {
    const context = { parts, onError: undefined, onWarning() {} };
    const part = metrics({ host: "127.0.0.1", port: 0 }, {}, context);
    const room = new Room({ now: () => 0, wake() {} });
    const way: Way = { kind: "tcp", doors: [], open: 0 };
    const { metrics: url = "" } = (await part.open?.(new Connections(room, {}), way))?.() ?? {};
    const ask = async (what: string) => (await fetch(url.replace("metrics", what))).text();
    return { part, room, ask };
  }

  test("tells what other parts measure too, and what keeps clients from the server", async () => {
    const moons = ["linechat_moons", "Moons.", 7] as const;
    const stars = ["linechat_stars_total", "Stars.", 8] as const;
    const other = { figures: () => [moons, stars], ailment: () => "the moon is away" };
    const { part, room, ask } = await openPart(other);
    const figures = await ask("metrics");
    expect(figures).toContain(
      "# HELP linechat_moons Moons.\n# TYPE linechat_moons gauge\nlinechat_moons 7\n",
    );
    expect(figures).toContain("# TYPE linechat_stars_total counter\nlinechat_stars_total 8\n");
    expect(await ask("health")).toBe("the moon is away\n");
    room.stop();
    expect(await ask("health")).toBe("stopping\n");
    await part.close?.();
    await expect(ask("health")).rejects.toThrow();
  });

  test("counts each reason by its beginning, and one that it does not know as another", async () => {
    const { part, room, ask } = await openPart();
    const extra = part.extra?.(room);
    const member = {} as Member; // Nothing is asked of it.
    const left = ["too slow", "idle", "the name ann was taken over", "out of sync", "bad talk"];
    for (const reason of [...left, "server stopping"]) extra?.gone?.(member, reason, 0);
    const refused = [
      ...[REFUSALS.roomIsFull, LASTING.speaks("TLS"), LASTING.wrongPassPhrase],
      ...[REFUSALS.notAllowedFrom("192.0.2.1"), REFUSALS.tooManyFrom("192.0.2.1")],
      REFUSALS.tooManyGuessesFrom("192.0.2.1"),
      ...[LASTING.noPassPhraseWithin("10s"), REFUSALS.noNameWithin("1m")],
      ...[REFUSALS.nameTaken("ann"), LASTING.notAName, LASTING.noNameCertified],
      ...["the handshake failed: the client has gone", LASTING.noProxyHeader],
    ];
    for (const message of refused) extra?.refused?.("203.0.113.9:7", message);
    const counted = (await ask("metrics")).matchAll(/^linechat_(\w+)_total\{reason="(.*)"\} 1$/gm);
    expect([...counted].map(([, what, reason]) => `${what} ${reason}`).sort()).toEqual([
      ...["left idle", "left other", "left out of sync", "left server stopping", "left the name"],
      ...["left too slow", "refused a name is", "refused certificate", "refused no name"],
      ...["refused no pass phrase", "refused not allowed", "refused other", "refused room is full"],
      ...["refused speaks TLS", "refused the handshake failed", "refused the name"],
      ...["refused too many connections", "refused too many wrong pass phrases"],
      "refused wrong pass phrase",
    ]);
  });
});

testBeside(
  "there is nothing else, a place may have a host, and one that is taken is named",
  async () => {
    const named = await ServerProgram.start("--metrics", "localhost:0");
    await named.logged(/metrics at http:\/\/(127\.0\.0\.1|\[::1\]):\d+\/metrics\n/);
    const { url } = await start();
    const other = await fetch(url.replace("/metrics", "/"));
    expect([other.status, await other.text()]).toEqual([404, "/metrics or /health\n"]);
    expect((await fetch(url, { method: "POST" })).status).toBe(404);
    expect((await fetch(url, { method: "HEAD" })).status).toBe(200);
    const { host } = new URL(url);
    const command = serverCommand("--host", "127.0.0.1", "--metrics", host, "0");
    const { code, stderr } = await runToEnd(command);
    expect(code).toBe(1);
    expect(stderr).toContain(`cannot listen on ${host}: address already in use\n`);
  },
);

testWith("promtool")("promtool finds nothing to say about the figures", async () => {
  const { server, url } = await start();
  const ann = await server.join();
  ann.say("hello\n");
  const promtool = Bun.spawn(["promtool", "check", "metrics"], {
    stdin: await fetch(url),
    stdout: "pipe",
    stderr: "pipe",
  });
  const told = [await promtool.stdout.text(), await promtool.stderr.text()];
  expect([...told, await promtool.exited]).toEqual(["", "", 0]);
});
