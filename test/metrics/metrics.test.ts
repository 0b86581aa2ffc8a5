/** `--metrics`: figures that tell what has happened, in a form that Prometheus takes, and health. */

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { endAfterEach, newFolder, Peer, runToEnd, ServerProgram } from "../harness.ts";
import { figuresOf } from "../harness/figures.ts";
import { testWith } from "../harness/tools.ts";

endAfterEach();

/** A room with figures. */
async function start(...options: string[]) {
  const server = await ServerProgram.start("--metrics", "0", ...options);
  return { server, ...(await figuresOf(server)) };
}

test("figures tell who is here, what was said, who has left and who was refused", async () => {
  const { server, figure, becomes } = await start("--max-clients", "3", "--max-line", "16");
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
  await becomes("linechat_lines_said_total", 4);
  await becomes("linechat_said_bytes_total", 15);
  await becomes("linechat_delivered_bytes_total", 30);
  await becomes("linechat_log_owed_bytes", 0);
  await becomes("linechat_clients_max", 3);
  expect(await figure("linechat_log_size_bytes")).toBe(8 << 20);
  expect(await figure("process_open_fds")).toBeGreaterThan(5);
  expect(await figure("process_resident_memory_bytes")).toBeGreaterThan(10 << 20);
  expect(await figure("process_cpu_seconds_total")).toBeGreaterThan(0);
  const startedAt = (await figure("process_start_time_seconds")) ?? 0;
  expect(Math.abs(startedAt - Date.now() / 1000)).toBeLessThan(60);
});

test("figures tell that a reader holds the room up, and what it is owed", async () => {
  const { server, figure, becomes } = await start("--buffer", "64K", "--patience", "1h");
  const talker = await server.join();
  const reader = await server.join({ stopped: true });
  void talker.flood(Buffer.alloc(32 << 10, `${"x".repeat(63)}\n`));
  // At first it is held up only now and then, while the system still takes what the reader does not.
  const isStuck = async () =>
    Number(await figure("linechat_held_up_seconds_total")) > 0 &&
    Number(await figure("linechat_log_owed_bytes")) > 32 << 10;
  for (let tries = 0; tries < 500 && !(await isStuck()); tries++) await Bun.sleep(10);
  expect(await figure("linechat_held_up_seconds_total")).toBeGreaterThan(0);
  expect(await figure("linechat_log_owed_bytes")).toBeGreaterThan(32 << 10);
  expect(await figure("linechat_delivered_bytes_total")).toBeGreaterThan(0);
  reader.reset();
  await becomes('linechat_left_total{reason="reset"}', 1);
});

test("figures tell guests and leavers from members", async () => {
  const phrase = join(newFolder(), "phrase");
  writeFileSync(phrase, "open sesame\n");
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

test("health is 200 while the server takes clients, and 503 while it stops", async () => {
  const { server, health } = await start();
  expect(await health()).toBe("200 ok");
  const stuck = await server.join({ stopped: true });
  const talker = await server.join();
  await talker.sayAll(Buffer.alloc(8 << 20, `${"x".repeat(63)}\n`));
  server.kill("SIGTERM");
  await server.logged("stopping\n");
  expect(await health()).toBe("503 stopping");
  stuck.reset();
  expect(await server.exited).toBe(0);
});

test("there is nothing else, and a port that is taken is named", async () => {
  const { url } = await start();
  const other = await fetch(url.replace("/metrics", "/"));
  expect([other.status, await other.text()]).toEqual([404, "/metrics or /health\n"]);
  expect((await fetch(url, { method: "POST" })).status).toBe(405);
  expect((await fetch(url, { method: "HEAD" })).status).toBe(200);
  const { host } = new URL(url);
  const words = ["server.ts", "--host", "127.0.0.1", "--metrics", host, "0"];
  const { code, stderr } = await runToEnd([process.execPath, ...words]);
  expect(code).toBe(1);
  expect(stderr).toContain(`cannot listen on ${host}: the address is in use\n`);
});

test("a place is a port, or a host and a port", async () => {
  for (const wrong of ["x", "70000", "1.2.3.4", "::1:80", "[::1]", "a b:1", ":1"]) {
    const { code, stderr } = await runToEnd([
      process.execPath,
      "server.ts",
      "--metrics",
      wrong,
      "0",
    ]);
    expect([wrong, code]).toEqual([wrong, 2]);
    expect(stderr).toContain("--metrics takes a port like 8081, or a host and a port like");
  }
  const server = await ServerProgram.start("--metrics", "localhost:0");
  await server.logged(/metrics at http:\/\/(127\.0\.0\.1|\[::1\]):\d+\/metrics\n/);
});

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
