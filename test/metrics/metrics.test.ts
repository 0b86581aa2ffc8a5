/** `--metrics`: figures that tell what has happened, in a form that Prometheus takes, and health. */

import { expect, test } from "bun:test";

import { passPhrase } from "../../lib/doors/pass-phrase.ts";
import { names } from "../../lib/extras/names/names.ts";
import type { Part } from "../../lib/extras/part.ts";
import { presence } from "../../lib/extras/presence.ts";
import { metrics } from "../../lib/metrics/metrics.ts";
import { LASTING, REFUSALS } from "../../lib/program/server-messages.ts";
import type { Member } from "../../lib/room/member.ts";
import { version } from "../../package.json";
import { type Make, openParts, type Options } from "../extras/open-parts.ts";
import { atEnd, endAfterEach, rejection, ServerProgram, testBeside } from "../harness.ts";
import { figuresOf } from "../harness/figures.ts";
import { testWith } from "../harness/tools.ts";

endAfterEach();

/** A room with figures. */
async function openRoom(options: Options = {}, ...others: Make[]) {
  let part: Part = {};
  const place = { host: "127.0.0.1", port: 0 };
  const make: Make = (context) => (part = metrics(place, options, context));
  const opened = openParts([...others, make], options);
  const listen = await part.open?.(opened.connections, { kind: "tcp", doors: [], open: 0 });
  const { metrics: url = "" } = listen?.() ?? {};
  atEnd(() => part.close?.());
  const ask = async (what: string) => (await fetch(url.replace("metrics", what))).text();
  /** All of them by name and labels, once the room has done what there was to do. */
  const figures = async (): Promise<Record<string, number>> => {
    for (let turn = 0; turn < 3; turn++) opened.pass(0);
    const lines = (await ask("metrics")).matchAll(/^([^#].*) (\S+)$/gm);
    return Object.fromEntries(Array.from(lines, ([, name, value]) => [name, Number(value)]));
  };
  return { ...opened, part, ask, figures };
}

test("figures tell who is here, has left or was refused, and what was sent", async () => {
  const secrets = { passPhrase: Buffer.from("open sesame") };
  const options = { secrets, clientsMax: 3, lineBytesMax: 16 };
  const { accept, figures } = await openRoom(options, passPhrase);
  const clients = async () => {
    const all = await figures();
    return ["guest", "member", "leaver"].map((state) => all[`linechat_clients{state="${state}"}`]);
  };
  const [ann, bob, eve] = [accept(), accept(), accept()];
  for (const one of [ann, bob]) one.sends("open sesame\n");
  // One that is refused lingers, because it does not close.
  accept();
  expect(await clients()).toEqual([1, 2, 1]);
  eve.sends("open wheat\n");
  expect(await clients()).toEqual([0, 2, 2]);
  ann.sends("one\ntwo\n\n");
  ann.sends("three\n");
  await figures();
  bob.sends("a line that is too long\n");
  ann.terminate();
  const all = await figures();
  expect(all).toMatchObject({
    'linechat_clients{state="member"}': 0,
    'linechat_left_total{reason="reset"}': 1,
    'linechat_left_total{reason="line too long"}': 1,
    'linechat_left_total{reason="end of input"}': 0,
    'linechat_refused_total{reason="room is full"}': 1,
    'linechat_refused_total{reason="wrong pass phrase"}': 1,
    linechat_joined_total: 2,
    linechat_sent_lines_total: 4,
    linechat_sent_bytes_total: 15,
    linechat_delivered_bytes_total: 15,
    linechat_log_pending_bytes: 0,
    linechat_log_size_bytes: 8 << 20,
    linechat_clients_max: 3,
    [`linechat_build_info{version="${version}",bun="${Bun.version}"}`]: 1,
  });
  const { user, system } = process.cpuUsage();
  for (const [name, min, max] of [
    ["process_open_fds", 5, Infinity],
    ["process_max_fds", 100, Infinity],
    ["process_resident_memory_bytes", 10 << 20, Infinity],
    ["process_cpu_seconds_total", 0.01, (user + system) / 1e6],
    ["process_start_time_seconds", Date.now() / 1000 - 3600, Date.now() / 1000],
  ] as const)
    expect(all[name], name).toBeWithin(min, max);
});

test("notices are not what members have sent, and names are", async () => {
  const { accept, figures } = await openRoom({}, names, presence);
  const [ann, bob] = [accept(), accept()];
  ann.sends("ann\nhello\n");
  bob.sends("bob\n");
  const sent = { linechat_sent_lines_total: 1, linechat_sent_bytes_total: "ann: hello\n".length };
  expect(await figures()).toMatchObject(sent);
  expect(ann.received).toContain("* bob joined (2 here)\n");
});

test("figures tell that a reader holds the room up, and what is pending for it", async () => {
  const { join, pass, figures } = await openRoom({ logBytes: 64 << 10 });
  join("reader", 10);
  join("sender").sends(`${"x".repeat(63)}\n`.repeat(2 << 10));
  for (const ms of [0, 500]) pass(ms);
  expect(await figures()).toMatchObject({
    linechat_held_up_seconds_total: 0.5,
    linechat_log_pending_bytes: (64 << 10) - 10,
    linechat_log_size_bytes: 64 << 10,
    linechat_delivered_bytes_total: 10,
  });
});

test("what other parts measure is told too, and what keeps clients from the server", async () => {
  const moons = ["linechat_moons", "Moons.", 7] as const;
  const stars = ["linechat_stars_total", "Stars.", 8] as const;
  const other = { figures: () => [moons, stars], ailment: () => "the moon is away" };
  const { part, ask } = await openRoom({}, () => other);
  const figures = await ask("metrics");
  expect(figures).toContain(
    "# HELP linechat_moons Moons.\n# TYPE linechat_moons gauge\nlinechat_moons 7\n",
  );
  expect(figures).toContain("# TYPE linechat_stars_total counter\nlinechat_stars_total 8\n");
  expect(await ask("health")).toBe("the moon is away\n");
  await part.close?.();
  expect(await rejection(ask("health"))).toBeInstanceOf(Error);
});

test("each reason is counted by its beginning, and one that is not known as another", async () => {
  const { part, room, ask } = await openRoom();
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
  expect(Array.from(counted, ([, what, reason]) => `${what} ${reason}`).sort()).toEqual([
    ...["left idle", "left other", "left out of sync", "left server stopping", "left the name"],
    ...["left too slow", "refused a name is", "refused certificate", "refused no name"],
    ...["refused no pass phrase", "refused not allowed", "refused other", "refused room is full"],
    ...["refused speaks TLS", "refused the handshake failed", "refused the name"],
    ...["refused too many connections", "refused too many wrong pass phrases"],
    "refused wrong pass phrase",
  ]);
});

testWith("promtool")("promtool finds nothing to say about the figures", async () => {
  const { ask } = await openRoom();
  const stdin = Buffer.from(await ask("metrics"));
  const { stdout, stderr } = Bun.spawnSync(["promtool", "check", "metrics"], { stdin });
  expect([`${stdout}`, `${stderr}`]).toEqual(["", ""]);
});

testBeside("health is 200 while clients are taken, and 503 while the server stops", async () => {
  const server = await ServerProgram.start("--metrics", "localhost:0");
  const { url, health, becomes } = await figuresOf(server);
  expect(await health()).toBe("200 ok");
  const other = await fetch(url.replace("/metrics", "/"));
  expect([other.status, await other.text()]).toEqual([404, "/metrics or /health\n"]);
  const [stuck, sender] = [await server.join({ stopped: true }), await server.join()];
  await becomes('linechat_connections{kind="tcp"}', 2);
  await sender.sayAll(Buffer.alloc(8 << 20, `${"x".repeat(63)}\n`));
  server.kill("SIGTERM");
  await server.logged("stopping\n");
  expect(await health()).toBe("503 stopping");
  stuck.reset();
  sender.reset();
  expect(await server.exited).toBe(0);
});
