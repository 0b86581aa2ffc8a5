/** The server as a service: what systemd is told, what its journal gets, and the unit in the README. */

import { describe, expect, test } from "bun:test";
import { fstatSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { isJournal } from "../../lib/program/journal.ts";
import { endAfterEach, newFolder, Program, ROOT, runToEnd } from "../harness.ts";
import { testWith } from "../harness/tools.ts";
import { Caller } from "./caller.ts";
import { endAllAfterEach } from "./ends.ts";
import { exitOf, Pipe, serve } from "./served.ts";

endAfterEach();
endAllAfterEach();

const LOCAL = ["--host", "127.0.0.1", "--max-line", "8", "0"];

function streamOf(descriptor: number): string {
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  return `${dev}:${ino}`;
}

describe("the journal", () => {
  test("gets no times, and warnings are marked", async () => {
    const pipe = new Pipe();
    const before = `export JOURNAL_STREAM=${streamOf(pipe.writer)}`;
    const server = serve(LOCAL, { stderr: pipe.writer, before });
    const [, port] = await pipe.printed(/^listening on 127\.0\.0\.1:(\d+)$/m);
    const caller = await Caller.connect({ port: Number(port) });
    caller.say("far too long\n");
    await pipe.printed(/^<4>left \S+: line too long \(0 here\)$/m);
    await pipe.printed(/^joined \S+ \(1 here\)$/m);
    server.kill("SIGTERM");
    await exitOf(server);
    expect(pipe.text).not.toMatch(/\d\d:\d\d:\d\d/);
  });

  test("is not whatever else stderr is", async () => {
    const pipe = new Pipe();
    const before = "export JOURNAL_STREAM=8:8";
    serve(LOCAL, { stderr: pipe.writer, before });
    await pipe.printed(/^\d{4}-\d\d-\d\dT\S+Z listening on /m);
    expect(isJournal(pipe.writer, undefined)).toBeFalse();
    expect(isJournal(pipe.writer, streamOf(pipe.writer))).toBeTrue();
    expect(isJournal(1 << 20, "8:8")).toBeFalse();
  });

  test("gets what ends the server as an error", async () => {
    const pipe = new Pipe();
    const before = `export JOURNAL_STREAM=${streamOf(pipe.writer)}`;
    const server = serve(["--nope"], { stderr: pipe.writer, before });
    await pipe.printed(/^<3>linechat-server: unknown option --nope/);
    expect(await exitOf(server)).toBe(2);
  });
});

describe("a service manager", () => {
  const socat = testWith("socat");

  for (const kind of ["a path", "an abstract name"])
    socat(`is told at ${kind} that the server is ready, reads anew, and stops`, async () => {
      const path = join(newFolder(), "notify");
      const isPath = kind === "a path";
      const from = isPath ? `UNIX-RECV:${path}` : `ABSTRACT-RECV:${path}`;
      const manager = new Program(["socat", "-dd", "-u", from, "STDOUT"]);
      await manager.printed("starting data transfer", "stderr");
      const address = isPath ? path : `@${path}`;
      const pipe = new Pipe();
      const before = `export NOTIFY_SOCKET=${address}`;
      const server = serve(LOCAL, { stderr: pipe.writer, before });
      await manager.printed(/^READY=1$/);
      expect(pipe.text + (await pipe.printed(/listening/)).input).toContain("listening on");
      server.kill("SIGHUP");
      await manager.printed(/^READY=1RELOADING=1\nMONOTONIC_USEC=\d+READY=1$/);
      const [seconds = ""] = readFileSync("/proc/uptime", "utf8").split(" ");
      const [, us] = await manager.printed(/USEC=(\d+)READY/);
      expect(Math.abs(Number(us) / 1e6 - Number(seconds))).toBeLessThan(60);
      server.kill("SIGTERM");
      await manager.printed(/READY=1STOPPING=1$/);
      expect(await exitOf(server)).toBe(0);
    });

  test("that is not there makes nobody wait, and is missed aloud", async () => {
    const pipe = new Pipe();
    const before = `export NOTIFY_SOCKET=${join(newFolder(), "nobody")}`;
    serve(LOCAL, { stderr: pipe.writer, before });
    const [, port] = await pipe.printed(/listening on 127\.0\.0\.1:(\d+)\n/);
    const [ann, bob] = [
      await Caller.connect({ port: Number(port) }),
      await Caller.connect({ port: Number(port) }),
    ];
    ann.say("hello\n");
    await bob.hears("hello\n");
    await pipe.printed(/the service manager does not take what it is told at \S+nobody\n/);
  });

  test("whose address makes no sense ends the start", async () => {
    const told = await runToEnd([
      "env",
      "NOTIFY_SOCKET=vsock:2:1",
      process.execPath,
      "server.ts",
      ...LOCAL,
    ]);
    expect(told.code).toBe(1);
    expect(told.stderr).toContain("NOTIFY_SOCKET is neither a path nor @ and a name: vsock:2:1\n");
  });
});

testWith("systemd-analyze")("systemd takes the unit in the README, and rates it safe", async () => {
  const readme = readFileSync(join(ROOT, "lib/server/service.md"), "utf8");
  const [, unit = ""] = /```ini\n([^]*?)```/.exec(readme) ?? [];
  const file = join(newFolder(), "linechat.service");
  // The program is where the README has it installed, and not here.
  writeFileSync(file, unit.replace(/(?<=^ExecStart=)\S+/m, "/bin/true"));
  const nothing = { code: 0, stdout: "", stderr: "" };
  expect(await runToEnd(["systemd-analyze", "verify", "--man=no", file])).toEqual(nothing);
  const rate = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15"];
  const rated = await runToEnd([...rate, file]);
  expect(rated.stdout).toMatch(/Overall exposure level for linechat\.service: 1\.\d OK/);
  expect(rated.code).toBe(0);
});
