/** The order of a shared room, over a stream that answers when the test has it do so. */

import { describe, expect, test } from "bun:test";

import { Inbox } from "../../lib/redis/inbox.ts";
import { Forgotten } from "../../lib/redis/stream.ts";
import { LineLog } from "../../lib/room/line-log.ts";
import { FakeSocket } from "../room/fake-socket.ts";
import { SilentStream } from "./silent-stream.ts";

const WITH_NAMES = { names: true };
const LOST = "* this server has lost the thread of the room\n";
const NOT_IN = "* this server is not in the room at the moment\n";

test("while nothing gets its place, those who come and go take no memory without end", () => {
  const stream = new SilentStream();
  const { join, settle } = stream.openRoom();
  const come = () => {
    const socket = join("one");
    socket.data.ended();
    socket.data.failed();
    return socket.heard;
  };
  let count = 0;
  while (come() === "" && count < 1e6) count++;
  expect(count).toBe(48 << 10);
  expect(come()).toBe(NOT_IN);
  stream.places();
  settle();
  stream.places();
  settle();
  expect(come()).toBe("");
});

describe("what the program around a room says", () => {
  test("is said once it has come back", async () => {
    const stream = new SilentStream();
    const { room, join, settle } = stream.openRoom();
    const ann = join("ann");
    const said = room.say("hello");
    settle();
    expect(await Promise.race([said, "not yet"])).toBe("not yet");
    stream.places();
    settle();
    expect(await said).toBe(true);
    expect(ann.heard).toBe("hello\n");
  });

  test("is not said if the thread is lost before", async () => {
    const stream = new SilentStream();
    const { room, join, settle } = stream.openRoom();
    const ann = join("ann");
    const said = room.say("hello");
    settle();
    stream.events?.onLost(new Forgotten("all"));
    settle();
    expect(await said).toBe(false);
    expect(ann.heard).toBe(LOST);
  });
});

test("of an entry longer than the log, no more comes to it at a time than it holds beside history", () => {
  const log = new LineLog(100, undefined, 1000, 400);
  const speaker = { lastRun: -1 };
  const say = (lines: string) => {
    log.append(speaker, Buffer.from(lines));
    log.release(log.head);
  };
  for (let count = 0; count < 20; count++) {
    say("x\n".repeat(40));
  }
  const inbox = new Inbox();
  inbox.add([{ speaker, run: Buffer.from("a longer line\n".repeat(75)) }], () => {});
  while (!inbox.isEmpty) {
    expect(inbox.moveTo(log, 100)).toBe(true);
    log.release(log.head);
  }
  for (let count = 0; count < 300; count++) say("x\n");
  expect(log.head - log.historyStart).toBe(300 * 2 + 28 * 14);
});

describe("a name that is asked for", () => {
  const identity = { name: "ann", fingerprint: "A1" };

  test("is not taken over by a certificate before it is known to be free at the other servers", () => {
    for (const granted of [true, false]) {
      const stream = new SilentStream(WITH_NAMES);
      const { room, join, settle } = stream.openRoom(WITH_NAMES);
      const [first, second] = [new FakeSocket(), new FakeSocket()];
      const witness = join("witness");
      for (const [at, socket] of [first, second].entries()) {
        room.join(socket, `ann${at}`, identity);
        socket.says(`from ${at}\n`);
      }
      for (const { number } of stream.claims) stream.events?.onClaimed(number, granted);
      settle();
      stream.places();
      settle();
      stream.places();
      settle();
      const taken = "* the name ann is taken\n";
      expect(second.heard.includes(taken)).toBe(!granted);
      expect(witness.heard.includes("from 1")).toBe(granted);
      expect([first.ended, second.ended]).toEqual([true, !granted]);
    }
  });

  test("and the lines that wait for it are counted if the thread is lost", () => {
    const reports: string[] = [];
    const stream = new SilentStream({ ...WITH_NAMES, onChange: (what) => reports.push(what) });
    const { join, settle } = stream.openRoom(WITH_NAMES);
    const ann = join("ann");
    ann.says("ann\n1\n2\n");
    settle();
    stream.events?.onLost(new Forgotten("all"));
    settle();
    expect(reports).toContain("lines said here that have found no place: 2");
  });

  test("is free at once for whoever comes back after the thread was lost", () => {
    const stream = new SilentStream(WITH_NAMES);
    const { join, pass, settle } = stream.openRoom(WITH_NAMES);
    const ann = join("ann");
    ann.says("ann\n");
    settle();
    stream.events?.onClaimed(stream.claims[0]?.number ?? 0, true);
    settle();
    stream.events?.onLost(new Forgotten("all"));
    pass(1000);
    expect(ann.heard).toEndWith(LOST);
    stream.events?.onOpen();
    stream.events?.onJoined("2-0", new Map([["one", "2-0"]]), []);
    const next = join("ann");
    next.says("ann\n");
    settle();
    expect(next.heard).toBe("* say your name first\n");
    expect(stream.claims.map(({ what }) => what)).toEqual(["claim", "claim"]);
  });
});

test("a server is silent only once what was said here a moment ago is back, and all before it", () => {
  const reports: string[] = [];
  const stream = new SilentStream({ onChange: (what) => reports.push(what) });
  const { pass } = stream.openRoom({}, ["two"]);
  for (const second of [1, 2, 3]) {
    pass(1000);
    stream.places(1 + 1000 * second);
  }
  pass(1000);
  pass(3500); // What it said before is late, and so may be what the other has said since.
  stream.places(8000);
  expect(reports).toEqual([]);
  pass(1000);
  stream.places(9000);
  expect(reports).toEqual(["server two is waited for no more"]);
});
