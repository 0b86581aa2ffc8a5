import { describe, expect, test } from "bun:test";

import { type Member, Room, type RoomOptions, type RoomSocket } from "../../lib/room/room.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** A socket that takes as many bytes as the test says, and notes what the room does to it. */
class FakeSocket implements RoomSocket {
  heard = "";
  /** How many more bytes it takes. */
  room = Number.MAX_SAFE_INTEGER;
  paused = false;
  ended = false;
  closed = false;
  reset = false;
  writes = 0;

  write(from: Uint8Array, offset: number, length: number): number {
    this.writes++;
    const taken = Math.min(length, this.room);
    this.room -= taken;
    this.heard += new TextDecoder().decode(from.subarray(offset, offset + taken));
    return taken;
  }
  shutdown(): void {
    this.ended = true;
  }
  end(): void {
    this.closed = true;
  }
  terminate(): void {
    this.reset = true;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
}

/** A room with a clock that the test moves, and a list of what it reported. */
function openRoom(options: Partial<RoomOptions> = {}) {
  const clock = { ms: 0 };
  const events: string[] = [];
  const room = new Room({
    now: () => clock.ms,
    wake: () => {},
    onJoin: (member) => events.push(`joined ${member.name}`),
    onLeave: (member, reason) => events.push(`left ${member.name}: ${reason}`),
    onRefuse: (name, why) => events.push(`refused ${name}: ${why}`),
    ...options,
  });
  const join = (name: string): [Member, FakeSocket] => {
    const socket = new FakeSocket();
    return [room.join(socket, name), socket];
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
    const [ann, annSocket] = join("ann");
    const [, bobSocket] = join("bob");
    const [, eveSocket] = join("eve");
    room.hear(ann, bytes("hello\nwor"));
    room.flush();
    expect([annSocket.heard, bobSocket.heard, eveSocket.heard]).toEqual(["", "hello\n", "hello\n"]);
    room.hear(ann, bytes("ld\n"));
    room.flush();
    expect(bobSocket.heard).toBe("hello\nworld\n");
  });

  test("reaches all in one order, in one write a turn", () => {
    const { room, join } = openRoom();
    const seats = ["ann", "bob", "eve"].map((name) => ({ name, seat: join(name) }));
    const [, listener] = join("listener");
    for (let turn = 0; turn < 3; turn++)
      for (const { name, seat } of seats) room.hear(seat[0], bytes(`${name} ${turn}\n`));
    room.flush();
    for (const { name, seat } of seats) {
      const others = listener.heard.split(/(?<=\n)/).filter((line) => !line.startsWith(name));
      expect(seat[1].heard).toBe(others.join(""));
      expect(seat[1].writes).toBe(1);
    }
    expect(listener.writes).toBe(1);
  });

  test("is not heard by who joins later", () => {
    const { room, join } = openRoom();
    const [ann] = join("ann");
    join("bob");
    room.hear(ann, bytes("early\n"));
    const [, lateSocket] = join("late");
    room.hear(ann, bytes("late\n"));
    room.flush();
    expect(lateSocket.heard).toBe("late\n");
  });
});

describe("a reader whose socket is full", () => {
  test("goes on at the same byte once it drains, and misses nothing", () => {
    const { room, join } = openRoom();
    const [ann] = join("ann");
    const [bob, bobSocket] = join("bob");
    bobSocket.room = 4;
    room.hear(ann, bytes("hello\nworld\n"));
    room.flush();
    room.hear(ann, bytes("again\n"));
    room.flush();
    expect(bobSocket.heard).toBe("hell");
    bobSocket.room = 100;
    room.drain(bob);
    room.flush();
    expect(bobSocket.heard).toBe("hello\nworld\nagain\n");
  });

  test("slows the talker down, who goes on as soon as there is room", () => {
    const { room, join } = openRoom({ logBytes: 8, lineBytesMax: 8 });
    const [ann, annSocket] = join("ann");
    const [bob, bobSocket] = join("bob");
    bobSocket.room = 0;
    room.hear(ann, bytes("1\n2\n3\n4\n5\n6\n"));
    room.flush();
    expect(annSocket.paused).toBe(true);
    bobSocket.room = 100;
    room.drain(bob);
    room.flush();
    expect(annSocket.paused).toBe(false);
    room.flush();
    expect(bobSocket.heard).toBe("1\n2\n3\n4\n5\n6\n");
  });

  test("is dropped after the patience, not before, and the room goes on", () => {
    const { room, join, pass, events } = openRoom({
      logBytes: 8,
      lineBytesMax: 8,
      patienceMs: 1000,
    });
    const [ann] = join("ann");
    const [, stoppedSocket] = join("stopped");
    const [, readerSocket] = join("reader");
    stoppedSocket.room = 0;
    room.hear(ann, bytes("1\n2\n3\n4\n5\n6\n"));
    pass(0);
    pass(999);
    expect(stoppedSocket.reset).toBe(false);
    pass(1);
    expect(stoppedSocket.reset).toBe(true);
    pass(0);
    expect(readerSocket.heard).toBe("1\n2\n3\n4\n5\n6\n");
    expect(events).toContain("left stopped: too slow");
  });

  test("is kept however slow it is, as long as it takes a little", () => {
    const { room, join, pass } = openRoom({ logBytes: 8, lineBytesMax: 8, patienceMs: 1000 });
    const [ann] = join("ann");
    const [slow, slowSocket] = join("slow");
    slowSocket.room = 0;
    const said = "1\n2\n3\n4\n5\n6\n7\n8\n";
    room.hear(ann, bytes(said));
    // Its socket does not drain while the room is held up: the room has to ask.
    for (let byte = 0; byte < 8; byte++) {
      pass(900);
      slowSocket.room = 1;
    }
    expect(slowSocket.reset).toBe(false);
    slowSocket.room = 100;
    room.drain(slow);
    pass(0);
    pass(0);
    expect(slowSocket.heard).toBe(said);
    expect(slowSocket.reset).toBe(false);
  });

  test("is not charged for time in which it held nobody up", () => {
    const { room, join, pass } = openRoom({ logBytes: 8, lineBytesMax: 8, patienceMs: 1000 });
    const [ann] = join("ann");
    const [, bobSocket] = join("bob");
    bobSocket.room = 0;
    room.hear(ann, bytes("1\n"));
    pass(3_600_000);
    room.hear(ann, bytes("2\n3\n4\n5\n"));
    pass(0);
    pass(999);
    expect(bobSocket.reset).toBe(false);
    pass(1);
    expect(bobSocket.reset).toBe(true);
  });

  test("uses up one patience together with all others that have stopped", () => {
    const { room, join, pass } = openRoom({ logBytes: 8, lineBytesMax: 8, patienceMs: 1000 });
    const [ann, annSocket] = join("ann");
    const stopped: FakeSocket[] = [];
    for (let n = 0; n < 4; n++) {
      const [, socket] = join(`stopped ${n}`);
      socket.room = n;
      stopped.push(socket);
    }
    room.hear(ann, bytes("1\n2\n3\n4\n5\n6\n7\n8\n9\n"));
    pass(0);
    pass(1000);
    pass(0);
    expect(stopped.map((socket) => socket.reset)).toEqual([true, true, true, true]);
    expect(annSocket.paused).toBe(false);
  });

  test("is dropped at once by a room without patience, which never slows a talker", () => {
    const { room, join, pass, events } = openRoom({ logBytes: 8, lineBytesMax: 8, patienceMs: 0 });
    const [ann, annSocket] = join("ann");
    const [, bobSocket] = join("bob");
    bobSocket.room = 0;
    room.hear(ann, bytes("1\n2\n3\n4\n"));
    pass(0);
    expect(bobSocket.reset).toBe(false);
    room.hear(ann, bytes("5\n"));
    pass(0);
    expect(annSocket.paused).toBe(false);
    expect(events).toContain("left bob: too slow");
  });
});

describe("leaving", () => {
  test("at the end of input, the last unfinished line is said, what is owed is handed out, then EOF", () => {
    const { room, join, events } = openRoom();
    const [ann, annSocket] = join("ann");
    const [bob, bobSocket] = join("bob");
    annSocket.room = 3;
    room.hear(bob, bytes("for ann\n"));
    room.hear(ann, bytes("bye"));
    room.end(ann);
    room.flush();
    room.hear(bob, bytes("too late for ann\n"));
    room.flush();
    expect(bobSocket.heard).toBe("bye\n");
    expect(annSocket.ended).toBe(false);
    annSocket.room = 100;
    room.drain(ann);
    room.flush();
    expect(annSocket.heard).toBe("for ann\n");
    expect(annSocket.ended).toBe(true);
    expect(events).toContain("left ann: end of input");
  });

  test("lines of a talker that waits are said although it resets meanwhile", () => {
    const { room, join } = openRoom({ logBytes: 8, lineBytesMax: 8 });
    const [ann] = join("ann");
    const [bob, bobSocket] = join("bob");
    bobSocket.room = 0;
    room.hear(ann, bytes("1\n2\n3\n4\n5\n6\nunfinished"));
    room.flush();
    room.close(ann);
    bobSocket.room = 100;
    room.drain(bob);
    room.flush();
    room.flush();
    expect(bobSocket.heard).toBe("1\n2\n3\n4\n5\n6\n");
  });

  test("a line too long is answered with the reason after all that is owed, then EOF", () => {
    const { room, join, events } = openRoom({ lineBytesMax: 8 });
    const [ann, annSocket] = join("ann");
    const [bob, bobSocket] = join("bob");
    room.hear(bob, bytes("hi\n"));
    room.hear(ann, bytes("fine\n123456789\nnever said\n"));
    room.flush();
    expect(annSocket.heard).toBe("hi\n* line longer than 8 bytes\n");
    expect(annSocket.ended).toBe(true);
    expect(annSocket.reset).toBe(false);
    expect(bobSocket.heard).toBe("fine\n");
    expect(events).toContain("left ann: line too long");
  });

  test("who was told to go is closed in the end if it does not close itself", () => {
    const { room, join, pass } = openRoom({ lineBytesMax: 8, lingerMs: 500 });
    const [ann, annSocket] = join("ann");
    room.hear(ann, bytes("123456789"));
    pass(0);
    pass(499);
    expect(annSocket.closed).toBe(false);
    pass(1);
    expect(annSocket.closed).toBe(true);
    expect(annSocket.reset).toBe(false);
  });

  test("who was told to go and does not even take that is reset in the end", () => {
    const { room, join, pass, events } = openRoom({
      lineBytesMax: 8,
      patienceMs: 500,
      lingerMs: 500,
    });
    const [ann, annSocket] = join("ann");
    const [bob] = join("bob");
    annSocket.room = 0;
    room.hear(bob, bytes("owed\n"));
    room.hear(ann, bytes("123456789"));
    pass(0);
    pass(999);
    expect(annSocket.reset).toBe(false);
    pass(1);
    expect(annSocket.reset).toBe(true);
    expect(events).toContain("left ann: line too long");
  });

  test("who closes is forgotten: nothing is sent to it any more", () => {
    const { room, join, events } = openRoom();
    const [ann] = join("ann");
    const [bob, bobSocket] = join("bob");
    room.close(bob);
    room.hear(ann, bytes("hello\n"));
    room.flush();
    expect(bobSocket.writes).toBe(0);
    expect(room.size).toBe(1);
    expect(events).toContain("left bob: reset");
  });
});

describe("manners", () => {
  test("a talker over its rate is read later, a second's worth at once, and nothing is lost", () => {
    const { room, join, pass } = openRoom({ linesPerSecond: 2 });
    const [ann, annSocket] = join("ann");
    const [, bobSocket] = join("bob");
    room.hear(ann, bytes("1\n2\n3\n4\n5\n"));
    pass(0);
    expect(bobSocket.heard).toBe("1\n2\n");
    expect(annSocket.paused).toBe(true);
    pass(499);
    expect(bobSocket.heard).toBe("1\n2\n");
    pass(1);
    expect(bobSocket.heard).toBe("1\n2\n3\n");
    pass(1000);
    expect(bobSocket.heard).toBe("1\n2\n3\n4\n5\n");
    expect(annSocket.paused).toBe(false);
  });

  test("a rate ends with its connection: what was heard is said", () => {
    const { room, join, pass } = openRoom({ linesPerSecond: 1 });
    const [ann] = join("ann");
    const [, bobSocket] = join("bob");
    room.hear(ann, bytes("1\n2\n3\n"));
    room.close(ann);
    pass(0);
    expect(bobSocket.heard).toBe("1\n2\n3\n");
  });

  test("who says no line for too long is told so and goes, with all it is owed", () => {
    const { room, join, pass, events } = openRoom({ idleMs: 60_000 });
    const [ann] = join("ann");
    const [bob, bobSocket] = join("bob");
    pass(30_000);
    room.hear(ann, bytes("hello\n"));
    room.hear(bob, bytes("no line end"));
    pass(29_999);
    expect(bobSocket.ended).toBe(false);
    pass(1);
    pass(0);
    expect(bobSocket.heard).toBe("hello\n* idle for 1m\n");
    expect(bobSocket.ended).toBe(true);
    expect(events).toContain("left bob: idle");
    expect(room.size).toBe(1);
  });

  test("talkers who wait for room speak in turn, a share each", () => {
    const { room, join, pass } = openRoom({ logBytes: 64, lineBytesMax: 4 });
    const [ann] = join("ann");
    const [bob] = join("bob");
    const [, listener] = join("listener");
    room.hear(ann, bytes("a\n".repeat(6)));
    room.hear(bob, bytes("b\n".repeat(4)));
    pass(0);
    pass(0);
    expect(listener.heard.replaceAll("\n", "")).toBe("aaaabbaabb");
  });

  test("a seat that is reserved is nobody else's", () => {
    const { room, join, events } = openRoom({ membersMax: 1 });
    expect([room.reserveSeat(), room.reserveSeat()]).toEqual([true, false]);
    join("ann");
    room.releaseSeat();
    join("bob");
    expect(events).toEqual(["refused ann: room is full", "joined bob"]);
  });
});

describe("a full room", () => {
  test("says so to one more, and takes the next once somebody has left", () => {
    const { room, join, events } = openRoom({ membersMax: 1 });
    const [ann] = join("ann");
    const [, bobSocket] = join("bob");
    expect(bobSocket.heard).toBe("* room is full\n");
    expect(bobSocket.ended).toBe(true);
    expect(room.size).toBe(1);
    room.close(ann);
    join("eve");
    expect(events).toEqual([
      "joined ann",
      "refused bob: room is full",
      "left ann: reset",
      "joined eve",
    ]);
  });

  test("keeps only so many that it has refused", () => {
    const { join } = openRoom({ membersMax: 0, lingerersMax: 2 });
    const refused = ["a", "b", "c", "d"].map((name) => join(name)[1]);
    expect(refused.map((socket) => socket.closed)).toEqual([true, true, false, false]);
    for (const socket of refused) {
      expect(socket.heard).toBe("* room is full\n");
      expect(socket.reset).toBe(false);
    }
  });
});

describe("stopping", () => {
  test("hands everybody what they are owed, then EOF, and tells when all have gone", () => {
    const { room, join, pass, events } = openRoom({ logBytes: 8, lineBytesMax: 8 });
    const [ann, annSocket] = join("ann");
    const [bob, bobSocket] = join("bob");
    bobSocket.room = 0;
    room.hear(ann, bytes("1\n2\n3\n4\n5\n6\n"));
    pass(0);
    let stopped = false;
    room.stop(5000, () => (stopped = true));
    room.hear(ann, bytes("not any more\n"));
    pass(0);
    bobSocket.room = 100;
    room.drain(bob);
    for (let turn = 0; turn < 4; turn++) pass(0);
    expect(bobSocket.heard).toBe("1\n2\n3\n4\n5\n6\n");
    expect([annSocket.ended, bobSocket.ended]).toEqual([true, true]);
    expect(stopped).toBe(false);
    room.close(ann);
    room.close(bob);
    pass(0);
    expect(stopped).toBe(true);
    expect(events).toContain("left bob: server stopping");
  });

  test("waits for nobody longer than it was told", () => {
    const { room, join, pass } = openRoom();
    const [ann] = join("ann");
    const [, bobSocket] = join("bob");
    bobSocket.room = 0;
    room.hear(ann, bytes("hello\n"));
    let stopped = false;
    room.stop(5000, () => (stopped = true));
    pass(4999);
    expect(bobSocket.reset).toBe(false);
    pass(1);
    expect(bobSocket.reset).toBe(true);
    expect(stopped).toBe(true);
  });

  test("an empty room is stopped at once", () => {
    const { room } = openRoom();
    let stopped = false;
    room.stop(5000, () => (stopped = true));
    room.flush();
    expect(stopped).toBe(true);
  });
});
