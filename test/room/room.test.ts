import { describe, expect, test } from "bun:test";

import type { RoomOptions } from "../../lib/room/options.ts";
import { Room } from "../../lib/room/room.ts";
import { FakeSocket } from "./fake-socket.ts";

/** A room with a clock that the test moves, and a list of what it reported. */
function openRoom(options: Partial<RoomOptions> = {}) {
  const clock = { ms: 0 };
  const events: string[] = [];
  const room = new Room({
    now: () => clock.ms,
    wake: () => {},
    onJoin: (name) => events.push(`joined ${name}`),
    onLeave: (name, reason, behind) =>
      events.push(`left ${name}: ${reason}${behind > 0 ? `, ${behind} bytes behind` : ""}`),
    onRefuse: (name, why) => events.push(`refused ${name}: ${why}`),
    ...options,
  });
  const join = (name: string): FakeSocket => {
    const socket = new FakeSocket();
    room.join(socket, name);
    return socket;
  };
  const pass = (ms: number) => {
    clock.ms += ms;
    room.flush();
  };
  return { room, join, pass, events };
}

describe("what one says", () => {
  test("every other hears, and it does not", () => {
    const { room, join } = openRoom();
    const ann = join("ann");
    const bob = join("bob");
    const eve = join("eve");
    ann.says("hello\nwor");
    room.flush();
    expect([ann.heard, bob.heard, eve.heard]).toEqual(["", "hello\n", "hello\n"]);
    ann.says("ld\n");
    room.flush();
    expect(bob.heard).toBe("hello\nworld\n");
  });

  test("reaches all in one order, in one write a turn", () => {
    const { room, join } = openRoom();
    const talkers = ["ann", "bob", "eve"].map((name) => ({ name, socket: join(name) }));
    const listener = join("listener");
    for (let turn = 0; turn < 3; turn++)
      for (const { name, socket } of talkers) socket.says(`${name} ${turn}\n`);
    room.flush();
    for (const { name, socket } of talkers) {
      const others = listener.heard.split(/(?<=\n)/).filter((line) => !line.startsWith(name));
      expect(socket.heard).toBe(others.join(""));
      expect(socket.writes).toBe(1);
    }
    expect(listener.writes).toBe(1);
  });

  test("is not heard by who joins later", () => {
    const { room, join } = openRoom();
    const ann = join("ann");
    join("bob");
    ann.says("early\n");
    const late = join("late");
    ann.says("late\n");
    room.flush();
    expect(late.heard).toBe("late\n");
  });
});

describe("a reader whose socket is full", () => {
  test("goes on at the same byte once it drains, and misses nothing", () => {
    const { room, join } = openRoom();
    const ann = join("ann");
    const bob = join("bob");
    bob.room = 4;
    ann.says("hello\nworld\n");
    room.flush();
    ann.says("again\n");
    room.flush();
    expect(bob.heard).toBe("hell");
    bob.drains(100);
    room.flush();
    expect(bob.heard).toBe("hello\nworld\nagain\n");
  });

  test("slows the talker down, who goes on as soon as there is room", () => {
    const { room, join } = openRoom({ logBytes: 8, lineBytesMax: 8 });
    const ann = join("ann");
    const bob = join("bob");
    bob.room = 0;
    ann.says("1\n2\n3\n4\n5\n6\n");
    room.flush();
    expect(ann.paused).toBe(true);
    bob.drains(100);
    room.flush();
    expect(ann.paused).toBe(false);
    room.flush();
    expect(bob.heard).toBe("1\n2\n3\n4\n5\n6\n");
  });

  test("is dropped after the patience, not before, and the room goes on", () => {
    const { join, pass, events } = openRoom({
      logBytes: 8,
      lineBytesMax: 8,
      patienceMs: 1000,
    });
    const ann = join("ann");
    const stopped = join("stopped");
    const reader = join("reader");
    stopped.room = 0;
    ann.says("1\n2\n3\n4\n5\n6\n");
    pass(0);
    pass(999);
    expect(stopped.reset).toBe(false);
    pass(1);
    expect(stopped.reset).toBe(true);
    pass(0);
    expect(reader.heard).toBe("1\n2\n3\n4\n5\n6\n");
    expect(events).toContain("left stopped: too slow, 8 bytes behind");
  });

  test("is dropped though it takes a little all the time", () => {
    const { join, pass, events } = openRoom({ logBytes: 8, lineBytesMax: 8, patienceMs: 1000 });
    const ann = join("ann");
    const slow = join("slow");
    slow.room = 0;
    ann.says("1\n2\n3\n4\n5\n6\n7\n8\n");
    pass(0);
    for (let byte = 1; byte < 5; byte++) {
      slow.room = 1;
      pass(200);
    }
    expect(slow.heard).toBe("1\n2\n");
    slow.room = 1;
    pass(199);
    expect(slow.reset).toBe(false);
    slow.room = 0;
    pass(1);
    expect(slow.reset).toBe(true);
    expect(events).toEqual(["joined ann", "joined slow", "left slow: too slow, 7 bytes behind"]);
  });

  test("is kept while it takes 64 KiB in each patience, however much is said", () => {
    const logBytes = 256 << 10;
    const { join, pass } = openRoom({ logBytes, lineBytesMax: 64 << 10, patienceMs: 1000 });
    const [ann, slow] = [join("ann"), join("slow")];
    slow.room = 0;
    for (let line = 0; line < 20; line++) ann.says(`${"x".repeat((64 << 10) - 1)}\n`);
    pass(0);
    for (let second = 0; second < 8; second++) {
      slow.room = 64 << 10;
      pass(999);
      slow.room = 0;
      pass(1);
      expect(slow.reset).toBe(false);
    }
    slow.room = (64 << 10) - 1;
    pass(1000);
    expect(slow.reset).toBe(true);
  });

  test("is asked although others are further behind, since its socket drains rarely", () => {
    const { join, pass } = openRoom({ logBytes: 8, lineBytesMax: 8, patienceMs: 1000 });
    const [ann, stopped, slow] = [join("ann"), join("stopped"), join("slow")];
    stopped.room = 0;
    slow.room = 1;
    ann.says("1\n2\n3\n4\n5\n");
    pass(0);
    slow.room = 3;
    pass(100);
    expect(slow.heard).toBe("1\n2\n");
    expect([stopped.reset, slow.reset]).toEqual([false, false]);
  });

  test("is not charged for time in which it held nobody up", () => {
    const { join, pass } = openRoom({ logBytes: 8, lineBytesMax: 8, patienceMs: 1000 });
    const ann = join("ann");
    const bob = join("bob");
    bob.room = 0;
    ann.says("1\n");
    pass(3_600_000);
    ann.says("2\n3\n4\n5\n");
    pass(0);
    pass(999);
    expect(bob.reset).toBe(false);
    pass(1);
    expect(bob.reset).toBe(true);
  });

  test("is charged a second at most for a time in which the server itself has slept", () => {
    const { join, pass } = openRoom({ logBytes: 8, lineBytesMax: 8, patienceMs: 3000 });
    const ann = join("ann");
    const bob = join("bob");
    bob.room = 0;
    ann.says("1\n2\n3\n4\n5\n");
    pass(0);
    pass(3_600_000);
    pass(1000);
    expect(bob.reset).toBe(false);
    pass(1000);
    expect(bob.reset).toBe(true);
  });

  test("uses up one patience together with all others that have stopped", () => {
    const { join, pass } = openRoom({ logBytes: 8, lineBytesMax: 8, patienceMs: 1000 });
    const ann = join("ann");
    const stopped: FakeSocket[] = [];
    for (let n = 0; n < 4; n++) {
      const socket = join(`stopped ${n}`);
      socket.room = n;
      stopped.push(socket);
    }
    ann.says("1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    pass(0);
    pass(1000);
    pass(0);
    expect(stopped.map((socket) => socket.reset)).toEqual([true, true, true, true]);
    expect(ann.paused).toBe(false);
  });

  test("is dropped at once by a room without patience, which never slows a talker", () => {
    const { join, pass, events } = openRoom({ logBytes: 8, lineBytesMax: 8, patienceMs: 0 });
    const ann = join("ann");
    const bob = join("bob");
    bob.room = 0;
    ann.says("1\n2\n3\n4\n");
    pass(0);
    expect(bob.reset).toBe(false);
    ann.says("5\n");
    pass(0);
    expect(ann.paused).toBe(false);
    expect(events).toContain("left bob: too slow, 8 bytes behind");
  });
});

describe("leaving", () => {
  test("at the end of input, the last unfinished line is said, what is owed is handed out, then EOF", () => {
    const { room, join, events } = openRoom();
    const ann = join("ann");
    const bob = join("bob");
    ann.room = 3;
    bob.says("for ann\n");
    ann.says("bye");
    ann.data.ended();
    room.flush();
    bob.says("too late for ann\n");
    room.flush();
    expect(bob.heard).toBe("bye\n");
    expect(ann.ended).toBe(false);
    ann.drains(100);
    room.flush();
    expect(ann.heard).toBe("for ann\n");
    expect(ann.ended).toBe(true);
    expect(events).toContain("left ann: end of input");
  });

  test("lines of a talker that waits are said although it resets meanwhile", () => {
    const { room, join } = openRoom({ logBytes: 8, lineBytesMax: 8 });
    const ann = join("ann");
    const bob = join("bob");
    bob.room = 0;
    ann.says("1\n2\n3\n4\n5\n6\nunfinished");
    room.flush();
    ann.data.closed();
    bob.drains(100);
    room.flush();
    room.flush();
    expect(bob.heard).toBe("1\n2\n3\n4\n5\n6\n");
  });

  test("a line too long is answered with the reason after all that is owed, then EOF", () => {
    const { room, join, events } = openRoom({ lineBytesMax: 8 });
    const ann = join("ann");
    const bob = join("bob");
    bob.says("hi\n");
    ann.says("fine\n123456789\nnever said\n");
    room.flush();
    expect(ann.heard).toBe("hi\n* line longer than 8 bytes\n");
    expect(ann.ended).toBe(true);
    expect(ann.reset).toBe(false);
    expect(bob.heard).toBe("fine\n");
    expect(events).toContain("left ann: line too long");
  });

  test("who was told to go is closed in the end if it does not close itself", () => {
    const { join, pass } = openRoom({ lineBytesMax: 8, lingerMs: 500 });
    const ann = join("ann");
    ann.says("123456789");
    pass(0);
    pass(499);
    expect(ann.closed).toBe(false);
    pass(1);
    expect(ann.closed).toBe(true);
    expect(ann.reset).toBe(false);
  });

  test("who was told to go and does not even take that is reset in the end", () => {
    const { join, pass, events } = openRoom({
      lineBytesMax: 8,
      patienceMs: 500,
      lingerMs: 500,
    });
    const ann = join("ann");
    const bob = join("bob");
    ann.room = 0;
    bob.says("owed\n");
    ann.says("123456789");
    pass(0);
    pass(999);
    expect(ann.reset).toBe(false);
    pass(1);
    expect(ann.reset).toBe(true);
    expect(events).toContain("left ann: too slow, 5 bytes behind");
  });

  test("who half-closes and takes what it is owed, 64 KiB in each time, gets it all", () => {
    const { join, pass } = openRoom({ patienceMs: 500, lingerMs: 500 });
    const [ann, bob] = [join("ann"), join("bob")];
    ann.room = 0;
    for (let line = 0; line < 4; line++) bob.says(`${"x".repeat((50 << 10) - 1)}\n`);
    pass(0);
    ann.data.ended();
    for (let part = 0; part < 3; part++) {
      ann.drains(64 << 10);
      pass(999);
      pass(1);
      expect(ann.reset).toBe(false);
    }
    ann.drains(64 << 10);
    pass(0);
    expect([ann.heard.length, ann.ended]).toEqual([200 << 10, true]);
  });

  test("who half-closes and takes enough is kept, although its socket has not drained yet", () => {
    const { join, pass } = openRoom({ patienceMs: 500, lingerMs: 500 });
    const [ann, bob] = [join("ann"), join("bob")];
    ann.room = 0;
    for (let line = 0; line < 4; line++) bob.says(`${"x".repeat((50 << 10) - 1)}\n`);
    pass(0);
    ann.data.ended();
    for (let part = 0; part < 4; part++) {
      expect(ann.reset).toBe(false);
      ann.room = 64 << 10;
      pass(1000);
    }
    expect([ann.heard.length, ann.ended, ann.reset]).toEqual([200 << 10, true, false]);
  });

  test("who half-closes and takes less does not keep its seat", () => {
    const { room, join, pass, events } = openRoom({ patienceMs: 500, lingerMs: 500 });
    const [ann, bob] = [join("ann"), join("bob")];
    ann.room = 0;
    bob.says("1\n2\n3\n");
    pass(0);
    ann.data.ended();
    expect(room.seats).toBe(2);
    ann.drains(5);
    pass(999);
    expect(ann.reset).toBe(false);
    pass(1);
    expect(ann.reset).toBe(true);
    expect(room.seats).toBe(1);
    expect(events).toContain("left ann: too slow, 1 bytes behind");
  });

  test("who closes is forgotten: nothing is sent to it any more", () => {
    const { room, join, events } = openRoom();
    const ann = join("ann");
    const bob = join("bob");
    bob.data.closed();
    ann.says("hello\n");
    room.flush();
    expect(bob.writes).toBe(0);
    expect(room.size).toBe(1);
    expect(events).toContain("left bob: reset");
  });
});

describe("manners", () => {
  test("a talker over its rate is read later, a second's worth at once, and nothing is lost", () => {
    const { join, pass } = openRoom({ linesPerSecond: 2 });
    const ann = join("ann");
    const bob = join("bob");
    ann.says("1\n2\n3\n4\n5\n");
    pass(0);
    expect(bob.heard).toBe("1\n2\n");
    expect(ann.paused).toBe(true);
    pass(499);
    expect(bob.heard).toBe("1\n2\n");
    pass(1);
    expect(bob.heard).toBe("1\n2\n3\n");
    pass(1000);
    expect(bob.heard).toBe("1\n2\n3\n4\n5\n");
    expect(ann.paused).toBe(false);
  });

  test("a rate ends with its connection: what was heard is said", () => {
    const { join, pass } = openRoom({ linesPerSecond: 1 });
    const ann = join("ann");
    const bob = join("bob");
    ann.says("1\n2\n3\n");
    ann.data.closed();
    pass(0);
    expect(bob.heard).toBe("1\n2\n3\n");
  });

  test("who says no line for too long is told so and goes, with all it is owed", () => {
    const { room, join, pass, events } = openRoom({ idle: { ms: 60_000, word: "idle for 1m" } });
    const ann = join("ann");
    const bob = join("bob");
    pass(30_000);
    ann.says("hello\n");
    bob.says("no line end");
    pass(29_999);
    expect(bob.ended).toBe(false);
    pass(1);
    pass(0);
    expect(bob.heard).toBe("hello\n* idle for 1m\n");
    expect(bob.ended).toBe(true);
    expect(events).toContain("left bob: idle");
    expect(room.size).toBe(1);
  });

  test("talkers who wait for room speak in turn, a share each", () => {
    const { join, pass } = openRoom({ logBytes: 64, lineBytesMax: 4 });
    const ann = join("ann");
    const bob = join("bob");
    const listener = join("listener");
    ann.says("a\n".repeat(6));
    bob.says("b\n".repeat(4));
    pass(0);
    pass(0);
    expect(listener.heard.replaceAll("\n", "")).toBe("aaaabbaabb");
  });

  test("who opens TLS is told apart by its first bytes, which are said to nobody", () => {
    const { room, join, events } = openRoom({
      inspect: (first) => (first[0] === 0x16 ? "speaks TLS" : undefined),
    });
    const [ann, bob] = [join("ann"), join("bob")];
    ann.says("\x16\x03\nline\n");
    bob.says("hello\n\x16\n");
    room.flush();
    expect([ann.heard, ann.ended, bob.heard]).toEqual(["* speaks TLS\n", true, ""]);
    bob.says("\x16\n");
    room.flush();
    expect(bob.ended).toBe(false);
    expect(events).toContain("left ann: speaks TLS");
  });

  test("a member's first three bytes are looked at however they are cut, and no others", () => {
    const looked: string[] = [];
    const { room, join } = openRoom({
      inspect(first) {
        looked.push(Buffer.from(first).toString("latin1"));
        return first.length >= 3 && first[0] === 0x16 ? "speaks TLS" : undefined;
      },
    });
    const [ann, bob] = [join("ann"), join("bob")];
    for (const part of ["\x16", "\x03", "\x01\nmore\n"]) ann.says(part);
    for (const part of ["a", "\n", "bc\n", "d\n"]) bob.says(part);
    room.flush();
    const [ofAnn, ofBob] = [
      ["\x16", "\x16\x03", "\x16\x03\x01\nmore\n"],
      ["a", "a\n", "a\nbc\n"],
    ];
    expect(looked).toEqual([...ofAnn, ...ofBob]);
    expect([ann.heard, ann.ended, bob.heard]).toEqual(["* speaks TLS\n", true, ""]);
  });
});

describe("stopping", () => {
  test("hands everybody what they are owed, then EOF", () => {
    const { room, join, pass, events } = openRoom({ logBytes: 8, lineBytesMax: 8 });
    const [ann, bob] = [join("ann"), join("bob")];
    bob.room = 0;
    ann.says("1\n2\n3\n4\n5\n6\n");
    pass(0);
    room.stop();
    ann.says("not any more\n");
    pass(0);
    expect(ann.ended).toBe(false);
    bob.drains(100);
    for (let turn = 0; turn < 4; turn++) pass(0);
    expect(bob.heard).toBe("1\n2\n3\n4\n5\n6\n");
    expect([ann.ended, bob.ended]).toEqual([true, true]);
    expect(events).toContain("left bob: server stopping");
  });

  test("who comes to a room that stops gets EOF and no word", () => {
    const { room, join, events } = openRoom();
    room.stop();
    const late = join("late");
    expect([late.heard, late.ended]).toEqual(["", true]);
    expect(events).toEqual([]);
  });

  test("at once, it resets who is still owed something", () => {
    const { room, join } = openRoom();
    const [ann, bob] = [join("ann"), join("bob")];
    bob.room = 0;
    ann.says("hello\n");
    room.flush();
    room.stop();
    room.flush();
    room.flush();
    expect(ann.ended).toBe(true);
    room.abort();
    expect([ann.closed, ann.reset, bob.reset]).toEqual([true, false, true]);
    expect(room.size).toBe(0);
  });
});
