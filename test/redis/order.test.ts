/** What the simulator's worlds are too small for, or rarely see: what is held and kept, and how a server leaves. */

import { expect, test } from "bun:test";

import { history } from "../../lib/extras/history.ts";
import { DISCONNECTS } from "../../lib/program/server-messages.ts";
import { ENTRY_BYTES, Kept, Peers } from "../../lib/redis/peers.ts";
import { Session } from "../../lib/redis/session.ts";
import type { RoomOptions } from "../../lib/room/room.ts";
import { FakeSocket } from "../room/fake-socket.ts";
import { openRoom } from "../room/open-room.ts";
import { SimulatedLink, SimulatedStream } from "../simulation/shared/stream.ts";

const watcher = { joined() {}, dropped() {}, looks() {}, delivered() {} };

/** A room over a simulated stream; `answer` has everything happen that was asked for. */
function openShared(historyBytes: number, options: Partial<RoomOptions> = {}) {
  const kept = { bytes: 8 << 20, ms: 60_000, historyBytes };
  const stream = new SimulatedStream(() => 0, kept);
  const links: SimulatedLink[] = [];
  const reports: string[] = [];
  const session = new Session({
    ...{ room: "lib", takenBytesMax: 2 << 20, kept, newName: () => "one" },
    report: (what) => void reports.push(what),
    open(onLost) {
      const link = new SimulatedLink(stream, onLost, watcher);
      links.push(link);
      return link;
    },
  });
  const { room, join, pass, settle } = openRoom({ order: session.order, ...options });
  void session.start(room);
  const step = () => links.some((link) => link.work() || link.answer(ENTRIES_MAX));
  const answer = () => {
    do settle();
    while (step());
  };
  return { stream, links, reports, session, room, join, pass, settle, step, answer };
}

/** Another server joins, and adds lines, each in an entry of its own. */
function addElsewhere(stream: SimulatedStream, lines: readonly string[]): void {
  const common = { by: "other", read: "0-0", isPassing: false, requests: [] };
  stream.join({ ...common, instead: "", number: 1, keys: [] });
  for (const [at, line] of lines.entries())
    stream.add({ ...common, number: at + 2, tail: "0-0", runs: [Buffer.from(line)] });
}

const ENTRIES_MAX = 100;
const NOT_IN_ROOM = "* this server is not in the room at the moment\n";

test("while nothing gets its place, clients that come and go take no memory without end", () => {
  const { join, answer } = openShared(0);
  answer();
  const come = () => {
    const socket = join("one");
    socket.data.ended();
    socket.data.failed();
    return socket.received;
  };
  let count = 0;
  while (come() === "" && count < 1e6) count++;
  expect(count).toBeLessThan(50_000);
  expect(come()).toBe(NOT_IN_ROOM);
  answer();
  expect(come()).toBe("");
});

test("nobody joins before all of the history is in the log, and it ends with its mark", () => {
  const bytes = 500;
  const { keptBytes = 0, extra } = history({ bytes }, 0);
  const extras = extra ? [extra] : [];
  const limits = { logBytes: 100, lineBytesMax: 100, keptBytes, extras };
  const { stream, join, pass, step, answer } = openShared(bytes, limits);
  const lines = Array.from({ length: 50 }, (_, n) => `${n}`.padEnd(99, ".") + "\n");
  addElsewhere(stream, lines);
  let socket = join("early");
  for (let tries = 0; socket.received === NOT_IN_ROOM && tries < 1000; tries++) {
    if (!step()) pass(0);
    socket = join("early");
  }
  answer();
  expect(socket.received).toBe(`${lines.slice(-5).join("")}* end of history\n`);
});

type Shared = ReturnType<typeof openShared>;

for (const [what, happens] of Object.entries({
  "a heartbeat is answered late": () => {},
  "its connection is lost": ({ links }: Shared) => links[0]?.cut(0),
  "much is sent elsewhere": ({ stream, links, settle }: Shared) => {
    addElsewhere(stream, [`${"x".repeat(299 << 10)}\n`]);
    links[0]?.answer(ENTRIES_MAX);
    settle();
  },
}))
  test(`a server that leaves is gone, and has nothing to tell of that, when ${what} meanwhile`, () => {
    const shared = openShared(0);
    const { links, reports, session, pass, settle, answer } = shared;
    answer();
    pass(1_000);
    session.leave(() => session.end());
    settle();
    happens(shared);
    answer();
    for (let count = 0; count < 3; count++) {
      pass(1_000);
      answer();
    }
    expect([links.length, links[0]?.isClosed]).toEqual([1, true]);
    expect(reports.filter((report) => report !== "redis is away: cut")).toEqual([]);
  });

test("out of sync, it frees the seats of those that are gone; what is sent then waits for its place", () => {
  const { stream, links, session, room, pass, settle, answer } = openShared(0);
  answer();
  let seats = 0;
  // All that may be sent at once, which waits for its place; and what waits for its turn.
  for (const lines of [1 << 21, 1]) {
    const socket = new FakeSocket();
    room.join(socket, "gone", "gone", () => seats++);
    socket.sends("\n".repeat(lines));
    settle();
    socket.data.closed();
  }
  expect(seats).toBe(0);
  links[0]?.onLost("out of sync", "forgotten");
  expect(seats).toBe(2);
  session.order.append({ lastRun: -1 }, Buffer.from("said by a bot\n"));
  pass(250);
  links[1]?.cut(0);
  pass(250);
  answer();
  expect(stream.placed.at(-1)?.lines).toBe("said by a bot\n");
});

test("it is out of sync where lines come in its name, as of a copy of the machine, and not from it", () => {
  const { stream, join, answer } = openShared(0);
  answer();
  const member = join("one");
  const of = { by: "one", number: 2, read: "0-0", tail: "0-0", isPassing: false, requests: [] };
  stream.add({ ...of, runs: [Buffer.from("hello\n")] });
  answer();
  expect(member.received).toBe(`* ${DISCONNECTS.outOfSync}\n`);
});

test("a server is silent if it has not changed in four looks, and only then", () => {
  const peers = new Peers();
  const look = (states: Readonly<Record<string, string>>) =>
    peers.look(new Map(Object.entries(states)), "own");
  for (let count = 0; count < 9; count++) {
    look({ own: "1 0-0", one: "1 0-0", two: `${count >> 1} 0-0` });
    expect(peers.silent).toEqual(count < 4 ? [] : [["one", "1 0-0"]]);
  }
  // It is told of when it is gone; one that has left is not.
  expect(look({})).toEqual(["one"]);
});

test.each([
  ["everything, until a server knows of more than that", 512, 0, 0, 512],
  ["so many bytes, however young they are", 10_000, 0, 0, 512],
  ["so many bytes, however old they are", 10_000, 100, 0, 512],
  ["what is younger than so much, if that is less", 1000, 1000, 0, 60],
  ["all that is history", 10_000, 1000, 700, 700],
])("the stream keeps %s", (_, count, msEach, history, kept) => {
  // Entries of 1000 bytes.
  const lineBytes = 1000 - ENTRY_BYTES;
  const stream = new Kept({ bytes: 512_000, ms: 60_000, historyBytes: history * lineBytes });
  stream.begin(0);
  for (let at = 1; at <= count; at++) stream.add(`${at}-0`, lineBytes, false, at * msEach);
  stream.forget(count * msEach);
  const forgotten = Math.max(0, Number.parseInt(stream.start, 10) - 1);
  expect(count - forgotten).toBeWithin(kept, kept + 3);
});
