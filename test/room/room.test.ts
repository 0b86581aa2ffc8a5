/** A room in a few stories, with sockets that a test moves; the simulator tells all the others. */

import { expect, test } from "bun:test";

import { LineLog } from "../../lib/room/line-log.ts";
import { FakeSocket } from "./fake-socket.ts";
import { openRoom } from "./open-room.ts";

/** A line of 64 KiB, as much as a slow reader has to take in each patience. */
const LONG_LINE = `${"x".repeat((64 << 10) - 1)}\n`;

test("what members send reaches all others in one order, in one write a turn", () => {
  const { join, pass } = openRoom();
  const senders = ["ann", "bob", "eve"].map((name) => ({ name, socket: join(name) }));
  const listener = join("listener");
  for (let turn = 0; turn < 3; turn++)
    for (const { name, socket } of senders) socket.sends(`${name} ${turn}\n`);
  pass(0);
  for (const { name, socket } of senders) {
    const others = listener.received.split(/(?<=\n)/).filter((line) => !line.startsWith(name));
    expect([socket.received, socket.writes]).toEqual([others.join(""), 1]);
  }
  expect(listener.writes).toBe(1);
});

test("senders take turns of 64 KiB, and a turn writes 256 KiB to a reader, so that nobody is late", () => {
  const { room, join, pass, due } = openRoom();
  const [ann, bob, listener] = [join("ann"), join("bob"), join("listener")];
  ann.sends(LONG_LINE.repeat(7));
  expect(room.log.head).toBe(LONG_LINE.length);
  bob.sends("hello\n");
  const turns = [64, 320, 448].map((kib) => {
    pass(0);
    return [listener.received.length - (kib << 10), due.now];
  });
  expect(turns).toEqual([
    [0, true],
    [0, true],
    ["hello\n".length, false],
  ]);
  expect(listener.received.indexOf("hello\n")).toBe(2 * LONG_LINE.length);
  // One whose end came with them, while it stood at a door, is not paused after it.
  ann.sends(LONG_LINE.repeat(7));
  expect(ann.paused).toBe(true);
  ann.data.ended();
  expect(ann.paused).toBe(false);
});

test("a reader that stops is offered more each 100 ms while it holds the room up", () => {
  const { join, pass, settle, due } = openRoom({ logBytes: 8, lineBytesMax: 8 });
  const [ann, bob] = [join("ann"), join("bob", 3)];
  ann.sends("1\n2\n");
  pass(0);
  pass(0);
  expect(bob.writes).toBe(1);
  ann.sends("3\n4\n5\n6\n");
  settle();
  const { writes } = bob;
  expect([ann.paused, due.inMs]).toEqual([true, 100]);
  pass(99);
  expect(bob.writes).toBe(writes);
  pass(1);
  expect(bob.writes).toBe(writes + 1);
  bob.data.closed();
  expect(due.now).toBe(true);
});

test("no more than a second counts of a time in which the server itself has slept", () => {
  const { join, pass } = openRoom({ logBytes: 8, lineBytesMax: 8, patienceMs: 3000 });
  const [ann, bob] = [join("ann"), join("bob", 0)];
  ann.sends("1\n2\n3\n4\n5\n");
  for (const ms of [0, 3_600_000, 1000]) pass(ms);
  expect(bob.reset).toBe(false);
  pass(1000);
  expect(bob.reset).toBe(true);
});

test("a reader is dropped, with all others that stop, once it takes less than 64 KiB in the patience", () => {
  for (const takes of [0, (64 << 10) - 1]) {
    const { join, pass, events } = openRoom({ logBytes: 256 << 10, patienceMs: 1000 });
    const [ann, reader, ...slow] = [join("ann"), join("reader"), join("1", 0), join("2", 0)];
    ann.sends(LONG_LINE.repeat(12));
    pass(0);
    for (let second = 0; second < 5; second++) {
      for (const one of slow) one.room = 64 << 10;
      pass(999);
      for (const one of slow) one.room = 0;
      pass(1);
      expect(slow.map(({ reset }) => reset)).toEqual([false, false]);
    }
    for (const one of slow) one.room = takes;
    pass(1000);
    expect(slow.map(({ reset }) => reset)).toEqual([true, true]);
    expect(events.at(-1)).toBe(`left 2: too slow, ${(256 << 10) - takes} bytes behind`);
    for (let turn = 0; turn < 3; turn++) pass(0);
    expect([reader.received.length, ann.paused]).toEqual([12 * LONG_LINE.length, false]);
  }
});

test("a member that is disconnected gets what is pending, why, and EOF; then it has to close", () => {
  const { join, member, pass, left } = openRoom({ lingerMs: 500 });
  const [ann, bob] = [join("ann"), join("bob", 3)];
  ann.sends("hello\n");
  bob.sends("half a li");
  pass(0);
  const toLeave = member("bob");
  for (const reason of ["flooding", "again"]) toLeave.disconnect(reason);
  bob.sends("ne\n");
  ann.sends("later\n");
  bob.drains(100);
  pass(0);
  toLeave.disconnect("again");
  expect([bob.received, bob.ended, ann.received]).toEqual(["hello\n* flooding\n", true, ""]);
  expect(left).toEqual(["bob: flooding"]);
  pass(499);
  expect(bob.closed).toBe(false);
  pass(1);
  expect([bob.closed, bob.reset]).toEqual([true, false]);
  expect(() => toLeave.disconnect("a\nb")).toThrow("a disconnect reason is one line");
});

test("a leaver is kept while it takes 64 KiB in the patience and the time to close", () => {
  for (const parts of [4, 1]) {
    const { room, join, pass } = openRoom({ patienceMs: 500, lingerMs: 500 });
    const [ann, bob] = [join("ann", 0), join("bob")];
    bob.sends(LONG_LINE.repeat(4));
    pass(0);
    ann.data.ended();
    for (let part = 0; part < parts; part++) {
      expect(ann.reset).toBe(false);
      ann.room = 64 << 10;
      pass(1000);
    }
    ann.room = 0;
    pass(1000);
    expect([ann.ended, ann.reset]).toEqual([parts === 4, parts < 4]);
    expect(room.counters.deliveredBytes).toBe(parts * LONG_LINE.length);
  }
});

test("it has one time to take what its socket had room for all along, and not another for that", () => {
  const { join, pass, left } = openRoom({ patienceMs: 500, lingerMs: 500 });
  const [bob, eve] = [join("bob"), join("eve", 0)];
  bob.sends(LONG_LINE.repeat(30));
  for (let turn = 0; turn < 2; turn++) pass(0);
  eve.room = 1_000_000; // More than is written in a turn, and nothing tells of it.
  eve.data.ended();
  pass(999);
  expect(eve.reset).toBe(false);
  pass(1);
  expect([eve.reset, left]).toEqual([true, ["eve: too slow"]]);
});

test("and one that is gone inside a write is used no more", () => {
  const { room, join, pass } = openRoom();
  const [ann, bob, refused] = [join("ann"), join("bob", 0), new FakeSocket()];
  ann.sends("1\n");
  pass(0);
  bob.data.ended();
  for (const socket of [bob, refused])
    socket.write = (_, __, length) => {
      socket.data.closed();
      return length;
    };
  bob.data.drained();
  pass(0);
  room.refuse(refused, "eve", "room is full");
  expect([room.lingering.size, refused.ended]).toEqual([0, false]);
});

test("a room that stops, or is out of sync, takes nobody in; the time over, it resets those behind", () => {
  for (const refusal of [undefined, "out of sync"]) {
    const order = Object.assign(new LineLog(8), refusal === undefined ? {} : { refusal });
    const { room, events } = openRoom({ order });
    if (refusal === undefined) room.stop();
    const late = new FakeSocket();
    let seats = 1;
    room.join(late, "late", "late", () => seats--);
    expect([late.received, late.ended, seats]).toEqual([refusal ? `* ${refusal}\n` : "", true, 0]);
    expect(events.length).toBe(refusal ? 1 : 0);
  }
  const { room, join, pass } = openRoom();
  const [ann, bob] = [join("ann"), join("bob", 0)];
  ann.sends("hello\n");
  pass(0);
  room.stop();
  pass(0);
  pass(0);
  expect(ann.ended).toBe(true);
  room.abort();
  expect([ann.closed, ann.reset, bob.reset, room.size]).toEqual([true, false, true, 0]);
});

test("the log is full when its notes are, of which lines of one author in a row need one", () => {
  const log = new LineLog(1000, 0, 4);
  const [ann, bob] = [{ lastRun: -1 }, { lastRun: -1 }];
  const line = Buffer.from("a\n");
  for (const author of [ann, bob, ann, ann, ann]) log.append(author, line);
  expect(log.freeBytes).toBe(990);
  log.append(bob, line);
  expect(log.freeBytes).toBe(0);
  log.release(2);
  expect(log.freeBytes).toBe(990);
  expect(new LineLog(1000, 500).freeBytes).toBe(1000); // What is kept is not for senders.
});
