/** The log on stderr: whatever reads it, or does not, nothing is held up, and no flood fills it. */

import { expect, spyOn, test } from "bun:test";
import { join } from "node:path";

import { stderr } from "../../lib/program/process.ts";
import { openEventLog } from "../../lib/server/event-log.ts";
import { atEnd, endAfterEach, newFolder, Peer, ROOT, testBeside } from "../harness.ts";
import { Fifo } from "../harness/fifo.ts";
import { eventually } from "../harness/watched.ts";

endAfterEach();

const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;

/** A server whose stderr is a descriptor, or goes where the shell redirects it. */
function serve(words: readonly string[], { stderr = -1, redirect = "" }) {
  const script = `exec "$0" server.ts "$@" ${redirect}`;
  const server = Bun.spawn(["bash", "-c", script, process.execPath, ...words], {
    cwd: ROOT,
    stdio: ["ignore", "ignore", stderr < 0 ? "ignore" : stderr],
  });
  atEnd(async () => {
    server.kill("SIGKILL");
    await server.exited;
  });
  return server;
}

/** Connects so many, as soon as somebody listens, and there is room in the backlog. */
function callMany(unix: string, count: number): Promise<Peer[]> {
  const connect = (): Promise<Peer> =>
    Peer.connect(0, { unix }).catch(() => Bun.sleep(10).then(connect));
  return Promise.all(Array.from({ length: count }, connect));
}

for (const what of ["is full", "was full before the start", "has no reader any more"])
  testBeside(`a pipe that ${what} holds nothing up, and SIGTERM ends the server`, async () => {
    const pipe = new Fifo();
    const unix = join(newFolder(), "room");
    if (what === "was full before the start") pipe.fill();
    const server = serve(["--unix", unix], { stderr: pipe.held });
    if (what !== "was full before the start") await pipe.printed(/listening on .*\n/);
    if (what === "is full") pipe.fill();
    if (what === "has no reader any more") pipe.close();
    const peers = await callMany(unix, 450);
    peers.at(-1)?.say("hello\n");
    await peers[0]?.hears("hello\n");
    server.kill("SIGTERM");
    for (const peer of peers) {
      expect(await peer.endOfInput()).toBe(true);
      peer.endInput();
    }
    expect([await server.exited, pipe.isNonBlocking]).toEqual([0, false]);
  });

for (const redirect of ["2>&-", "2>/dev/full", "0<&- 1>&- 2>&-", "2</dev/null"])
  testBeside(`with ${redirect} lines are relayed, and nothing else is received`, async () => {
    const unix = join(newFolder(), "room");
    const server = serve(["--unix", unix], { redirect });
    const [ann, bob] = await callMany(unix, 2);
    for (const peer of await callMany(unix, 50)) peer.reset();
    ann?.say("hello\n");
    await bob?.hears("hello\n");
    server.kill("SIGTERM");
    expect(await bob?.hearsAll()).toBe("hello\n");
    for (const peer of [ann, bob]) peer?.endInput();
    expect(await server.exited).toBe(0);
  });

for (const [what, words, code] of [
  ["a mistake on the command line", ["--nope", "0"], 2],
  ["an address that is not there", ["--host", "192.0.2.1", "0"], 1],
] as const)
  testBeside(`${what} gives exit code ${code} also where it cannot be told`, async () => {
    const pipe = new Fifo();
    pipe.fill();
    for (const to of [{ stderr: pipe.held }, { redirect: "2>&-" }, { redirect: "2>/dev/full" }])
      expect(await serve(words, to).exited).toBe(code);
  });

/** A log, and what it has written. */
function openLog(quiet = false) {
  const written: string[] = [];
  const write = spyOn(stderr, "write").mockImplementation((line) => void written.push(line));
  const { lineOf } = stderr;
  atEnd(() => {
    write.mockRestore();
    stderr.lineOf = lineOf;
  });
  const log = openEventLog(quiet, () => 3);
  return { ...log, events: log.events, texts: () => written.map((line) => line.slice(25)) };
}

test("each event is a line with the time, and --quiet leaves what is no warning out", () => {
  const about = { name: "ann", label: "ann 10.0.0.1:5", disconnect() {} };
  const warnings = [
    "left ann 10.0.0.1:5: too slow, 9 bytes behind (3 here)\n",
    "left ann 10.0.0.1:5: line too long (3 here)\n",
    "refused 10.0.0.2:7: room is full (3 here)\n",
    "error: Error: oops at here at there\n",
  ];
  for (const quiet of [false, true]) {
    const { events, note, texts } = openLog(quiet);
    note("listening on [::]:8080");
    events.onJoin(about);
    events.onLeave(about, "end of input", 0);
    events.onLeave(about, "too slow", 9);
    events.onLeave(about, "line too long", 0);
    events.onRefuse("10.0.0.2:7", "room is full");
    const stack = "Error: oops\n  at here\n  at there";
    events.onError(Object.assign(new Error("oops"), { stack }));
    const notes = [
      "listening on [::]:8080\n",
      "joined ann 10.0.0.1:5 (3 here)\n",
      "left ann 10.0.0.1:5: end of input (3 here)\n",
    ];
    expect(texts()).toEqual(quiet ? warnings : [...notes, ...warnings]);
  }
  expect(stderr.lineOf("x")).toMatch(new RegExp(`^${TIME} x\n$`));
});

test("refusals cannot flood it: one of an address and reason a second, 20 in all, the rest counted", async () => {
  const { events, end, texts } = openLog();
  for (let n = 0; n < 100; n++) events.onRefuse(`127.0.0.1:${n}`, "not allowed");
  events.onRefuse("127.0.0.1:5", "room is full");
  expect(texts()).toHaveLength(2);
  for (let n = 0; n < 1_000; n++) events.onRefuse(`127.0.1.${n}:5`, "not allowed");
  expect(texts()).toHaveLength(20);
  await eventually("a second to pass", () => texts().length > 20);
  expect(texts()[20]).toBe("1081 more refused\n");
  events.onRefuse("127.0.0.1:5", "room is full");
  events.onRefuse("127.0.0.1:6", "room is full");
  end();
  expect(texts().slice(21)).toEqual([
    "refused 127.0.0.1:5: room is full (3 here)\n",
    "1 more refused\n",
  ]);
});
