/** Relaying, slow readers, leaving, stopping: what a room does with sockets that a test moves. */

import { describe, expect, test } from "bun:test";

import { LineLog } from "../../lib/room/line-log.ts";
import type { RoomOptions } from "../../lib/room/room.ts";
import { FakeSocket } from "./fake-socket.ts";
import { openRoom } from "./open-room.ts";

/** A log that four lines like `1\n` fill. */
const SMALL = { logBytes: 8, lineBytesMax: 8 };
const LINES = "1\n2\n3\n4\n5\n6\n";

/** A room with a sender, and a reader that takes so much. */
function openPair(options: Partial<RoomOptions> = {}, takes?: number) {
  const opened = openRoom(options);
  return { ...opened, ann: opened.join("ann"), bob: opened.join("bob", takes) };
}

describe("what one sends", () => {
  test("has the same quantum in the largest log", () => {
    const { room, ann } = openPair({ logBytes: 2 ** 31, lineBytesMax: 2 });
    ann.sends("\n".repeat(100 << 10));
    expect(room.log.head).toBe(64 << 10);
  });

  test("reaches all in one order, in one write a turn", () => {
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

  test("is written 256 KiB at most in a turn, so that one far behind makes nobody late", () => {
    const { join, pass, due, ann, bob } = openPair({ logBytes: 1 << 20 }, 0);
    const eve = join("eve");
    for (let line = 0; line < 10; line++) ann.sends(`${"x".repeat((64 << 10) - 1)}\n`);
    for (let turn = 1; turn <= 3; turn++) {
      pass(0);
      expect(eve.received.length).toBe(Math.min(turn * 256, 640) << 10);
      expect(due.now).toBe(turn < 3);
    }
    bob.drains(1 << 20);
    pass(0);
    expect(bob.received.length).toBe(256 << 10);
  });

  test("waits for room in turn with others, a quantum each", () => {
    const { join, pass, ann, bob } = openPair({ logBytes: 64, lineBytesMax: 4 });
    const listener = join("listener");
    ann.sends("a\n".repeat(6));
    bob.sends("b\n".repeat(4));
    pass(0);
    pass(0);
    expect(listener.received.replaceAll("\n", "")).toBe("aaaabbaabb");
  });
});

describe("a reader whose socket is full", () => {
  test("is kept while it takes 64 KiB in each patience, and not if it stops or takes less", () => {
    for (const takes of [0, (64 << 10) - 1]) {
      const { pass, ann, bob } = openPair({ logBytes: 256 << 10, patienceMs: 1000 }, 0);
      for (let line = 0; line < 20; line++) ann.sends(`${"x".repeat((64 << 10) - 1)}\n`);
      pass(0);
      for (let second = 0; second < 9; second++) {
        bob.room = 64 << 10;
        pass(999);
        bob.room = 0;
        pass(1);
        expect(bob.reset).toBe(false);
      }
      bob.room = takes;
      pass(1000);
      expect(bob.reset).toBe(true);
    }
  });

  test("is charged a second at most for a time in which the server itself has slept", () => {
    const { pass, ann, bob } = openPair({ ...SMALL, patienceMs: 3000 }, 0);
    ann.sends(LINES);
    pass(0);
    pass(3_600_000);
    pass(1000);
    expect(bob.reset).toBe(false);
    pass(1000);
    expect(bob.reset).toBe(true);
  });

  test("is written nothing more until it drains, but each 100 ms if it holds the room up", () => {
    const { pass, settle, due, ann, bob } = openPair(SMALL, 3);
    ann.sends("1\n2\n");
    pass(0);
    pass(0);
    expect(bob.writes).toBe(1);
    ann.sends(LINES);
    settle();
    const { writes } = bob;
    expect(due.inMs).toBe(100);
    pass(99);
    expect(bob.writes).toBe(writes);
    pass(1);
    expect(bob.writes).toBe(writes + 1);
    bob.data.closed();
    expect(due.now).toBe(true);
  });

  test("is dropped after the patience, together with all others that have stopped", () => {
    const { join, pass, events, ann, bob } = openPair({ ...SMALL, patienceMs: 1000 }, 0);
    const stopped = [bob, ...[1, 2, 3].map((takes) => join(`${takes}`, takes))];
    const reader = join("reader");
    ann.sends(LINES);
    pass(0);
    pass(999);
    expect(stopped.map(({ reset }) => reset)).toEqual([false, false, false, false]);
    pass(1);
    expect(stopped.map(({ reset }) => reset)).toEqual([true, true, true, true]);
    expect(events).toContain("left bob: too slow, 8 bytes behind");
    pass(0);
    expect([reader.received, ann.paused]).toEqual([LINES, false]);
  });
});

describe("a member that leaves", () => {
  test("disconnected by the program: what it gets is the same, and half a line is not relayed", () => {
    const { member, pass, left, ann, bob } = openPair({}, 3);
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
    expect(() => toLeave.disconnect("a\nb")).toThrow("a disconnect reason is one line");
  });

  test("is closed in the end if it does not close itself", () => {
    const { pass, ann } = openPair({ lineBytesMax: 8, lingerMs: 500 });
    ann.sends("123456789");
    pass(0);
    pass(499);
    expect(ann.closed).toBe(false);
    pass(1);
    expect([ann.closed, ann.reset]).toEqual([true, false]);
  });

  test("and takes 64 KiB in each time is kept until it has all or stops, drained or not", () => {
    for (const [drains, parts] of [
      [true, 4],
      [false, 4],
      [false, 1],
    ] as const) {
      const { room, pass, ann, bob } = openPair({ patienceMs: 500, lingerMs: 500 });
      ann.room = 0;
      for (let line = 0; line < 4; line++) bob.sends(`${"x".repeat((64 << 10) - 1)}\n`);
      pass(0);
      ann.data.ended();
      for (let part = 0; part < parts; part++) {
        expect(ann.reset).toBe(false);
        ann.room = 64 << 10;
        if (drains) ann.data.drained();
        pass(1000);
      }
      ann.room = 0;
      pass(1000);
      expect([ann.received.length, ann.ended, ann.reset]).toEqual([
        parts << 16,
        parts === 4,
        parts < 4,
      ]);
      expect(room.counters.deliveredBytes).toBe(parts << 16);
    }
  });

  test("and is gone inside a write is used no more", () => {
    const { room, pass, ann, bob } = openPair({}, 0);
    ann.sends("1\n");
    pass(0);
    bob.data.ended();
    const refused = new FakeSocket();
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

  test("and takes less is reset, and gives its seat back then", () => {
    const { room, join, pass, events, bob } = openPair({ patienceMs: 500, lingerMs: 500 });
    const eve = new FakeSocket();
    let seats = 1;
    room.join(eve, "eve", "eve", () => seats--);
    expect(join("zoe").received).toBe("");
    eve.room = 0;
    bob.sends("1\n2\n3\n");
    pass(0);
    eve.data.ended();
    eve.drains(5);
    pass(999);
    expect([eve.reset, seats]).toEqual([false, 1]);
    pass(1);
    expect([eve.reset, seats]).toEqual([true, 0]);
    expect(events.at(-1)).toBe("left eve: too slow, 1 bytes behind");
  });

  test("has one time to take what its socket had room for all along, and not another for that", () => {
    const { join, pass, events, bob } = openPair({ patienceMs: 500, lingerMs: 500 });
    const eve = join("eve");
    eve.room = 0;
    for (let lines = 0; lines < 40; lines++) bob.sends(`${"x".repeat(50_000)}\n`);
    pass(0);
    // More than is written in a turn, of which nothing tells.
    eve.room = 1_000_000;
    eve.data.ended();
    pass(999);
    expect(eve.reset).toBe(false);
    pass(1);
    expect(eve.reset).toBe(true);
    expect(events.at(-1)).toMatch(/^left eve: too slow, /);
  });
});

describe("a room that stops", () => {
  test("sends a newcomer EOF and no message, and gives its seat back, as when it is refused", () => {
    for (const refusal of [undefined, "out of sync"]) {
      const order = Object.assign(new LineLog(8), refusal === undefined ? {} : { refusal });
      const { room, events } = openRoom({ order });
      if (refusal === undefined) room.stop();
      const late = new FakeSocket();
      let seats = 1;
      room.join(late, "late", "late", () => seats--);
      expect([late.received, seats]).toEqual([refusal ? `* ${refusal}\n` : "", 0]);
      expect([late.ended, events.length]).toEqual([true, refusal ? 1 : 0]);
    }
  });

  test("at once, resets those that still have to get something", () => {
    const { room, pass, ann, bob } = openPair({}, 0);
    ann.sends("hello\n");
    pass(0);
    room.stop();
    pass(0);
    pass(0);
    expect(ann.ended).toBe(true);
    room.abort();
    expect([ann.closed, ann.reset, bob.reset]).toEqual([true, false, true]);
    expect(room.size).toBe(0);
  });
});
