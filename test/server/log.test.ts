/** The log on stderr: whatever reads it, or does not, nothing is held up, and no flood fills it. */

import { expect, spyOn, test } from "bun:test";
import { join } from "node:path";

import { stderr } from "../../lib/program/process.ts";
import { openEventLog } from "../../lib/server/event-log.ts";
import {
  atEnd,
  commandAfter,
  endAfterEach,
  newFolder,
  Peer,
  Program,
  serverCommand,
  testBeside,
} from "../harness.ts";
import { Fifo } from "../harness/fifo.ts";
import { eventually } from "../harness/watched.ts";

endAfterEach();

const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;

// The third one is a pipe that nobody reads any more; into the first, nothing fits.
for (const outlet of ["2<>FULL", "2>/dev/full", "2> >(:)", "2>&-", "0<&- 1>&- 2>&-", "2</dev/null"])
  testBeside(`with ${outlet} lines are relayed, and exit codes stay`, async () => {
    const pipe = new Fifo();
    pipe.fill();
    const start = (...words: string[]) =>
      new Program(
        commandAfter(`exec ${outlet.replace("FULL", pipe.path)}`, serverCommand(...words)),
      );
    const unix = join(newFolder(), "room");
    const server = start("--unix", unix);
    // Nothing tells that it listens.
    const connect = (): Promise<Peer> =>
      Peer.connect(0, { unix }).catch(() => Bun.sleep(10).then(connect));
    const [ann, bob] = [await connect(), await connect()];
    for (let n = 0; n < 50; n++) (await connect()).reset();
    ann.say("hello\n");
    await bob.hears("hello\n");
    server.kill("SIGTERM");
    expect(await bob.hearsAll()).toBe("hello\n");
    for (const peer of [ann, bob]) peer.endInput();
    expect(await server.exited).toBe(0);
    expect(await start("--nope", "0").exited).toBe(2);
    expect(await start("--host", "192.0.2.1", "0").exited).toBe(1);
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
