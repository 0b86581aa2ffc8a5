import { describe, expect, test } from "bun:test";

import type { Door } from "../../lib/doors/door.ts";
import { openDoors } from "../doors/open-doors.ts";

const FULL = "* room is full\n";

/** A door that a connection passes by sending anything, as a handshake is one. */
const HANDSHAKE: Door = {
  isTransport: true,
  meet(arrival) {
    const read = ({ length }: Buffer) => length > 0 && arrival.pass(length);
    arrival.hold({ withinMs: 1000, read, late: () => arrival.failed() });
  },
};

describe("a full room", () => {
  test("says so to one more, and takes the next once somebody has left", () => {
    const { accept, close, pass, events } = openDoors([], { clientsMax: 1 });
    const ann = accept();
    const bob = accept();
    pass(0);
    expect([bob.received, bob.ended]).toEqual([FULL, true]);
    close(ann);
    accept();
    expect(events).toEqual([
      "joined 10.0.0.1:1",
      "refused 10.0.0.1:2: room is full",
      "left 10.0.0.1:1: reset",
      "joined 10.0.0.1:3",
    ]);
  });

  test("takes one that comes in the turn in which another leaves, in the order they come", () => {
    const { accept, pass, events } = openDoors([], { clientsMax: 1 });
    const ann = accept();
    ann.data.ended();
    const [bob, eve] = [accept(), accept()];
    pass(0);
    expect([ann.ended, ann.closed, bob.ended, eve.received]).toEqual([true, false, false, FULL]);
    expect(events).toEqual([
      "joined 10.0.0.1:1",
      "left 10.0.0.1:1: end of input",
      "joined 10.0.0.1:2",
      "refused 10.0.0.1:3: room is full",
    ]);
  });

  test("keeps only so many that it has refused, and closes the oldest for a newcomer", () => {
    const { connections, accept, pass } = openDoors([], { clientsMax: 1, lingerersMax: 2 });
    accept();
    const refused = Array.from({ length: 4 }, () => accept());
    pass(0);
    expect(refused.map((socket) => socket.closed)).toEqual([true, true, false, false]);
    for (const { received, reset } of refused) expect([received, reset]).toEqual([FULL, false]);
    expect(connections.open).toBe(3);
  });

  test("of arrivals is full too, and no more than so many wait to be refused", () => {
    const options = { clientsMax: 1, lingerersMax: 1 };
    const { connections, accept, pass, events } = openDoors([HANDSHAKE], options);
    const [first, second, third] = [accept(), accept(), accept()];
    pass(0);
    expect([first.reset, second.reset, third.reset]).toEqual([false, true, false]);
    third.sends("hello");
    expect(third.received).toBe(FULL);
    first.sends("hello");
    expect(connections.open).toBe(2);
    expect(events).toEqual([
      "refused 10.0.0.1:2: room is full",
      "refused 10.0.0.1:3: room is full",
      "joined 10.0.0.1:1",
    ]);
  });
});

describe("stopping", () => {
  test("ends when the last connection is gone, and is the same when asked for again", async () => {
    const { connections, accept, close, pass } = openDoors([]);
    const ann = accept();
    const stopped = connections.stop(5000);
    expect(connections.stop(1)).toBe(stopped);
    for (let turn = 0; turn < 3; turn++) pass(1);
    expect([ann.ended, Bun.peek.status(stopped)]).toEqual([true, "pending"]);
    close(ann);
    await stopped;
  });

  test("waits for nobody longer than it was told", async () => {
    const { connections, accept, pass } = openDoors([]);
    const [ann, bob] = [accept(), accept()];
    bob.room = 0;
    ann.sends("hello\n");
    const stopped = connections.stop(5000);
    for (let turn = 0; turn < 3; turn++) pass(0);
    pass(4999);
    expect([ann.closed, bob.reset]).toEqual([true, false]);
    pass(1);
    expect(bob.reset).toBe(true);
    await stopped;
  });

  test("ends those that are not in yet at once, and has nothing more to wait for", async () => {
    const { connections, accept, events } = openDoors([HANDSHAKE], { clientsMax: 1 });
    const arrivals = [accept(), accept()];
    await connections.stop(5000);
    for (const { closed, reset, received } of arrivals)
      expect([closed, reset, received]).toEqual([true, false, ""]);
    expect(events).toEqual([
      "refused 10.0.0.1:1: server stopping",
      "refused 10.0.0.1:2: server stopping",
    ]);
  });
});
