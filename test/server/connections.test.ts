import { describe, expect, test } from "bun:test";

import { Room } from "../../lib/room/room.ts";
import type { ConnectionsOptions } from "../../lib/server/connection-options.ts";
import { Connections } from "../../lib/server/connections.ts";
import { FakeSocket } from "../room/fake-socket.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** Connections with a clock that the test moves, and a list of what they reported. */
function open(options: Partial<ConnectionsOptions> = {}, names = false) {
  let ms = 0;
  let port = 0;
  const events: string[] = [];
  const room = new Room({
    names,
    now: () => ms,
    wake: () => {},
    onJoin: (name) => events.push(`joined ${name}`),
    onLeave: (name, reason) => events.push(`left ${name}: ${reason}`),
    onRefuse: (name, why) => events.push(`refused ${name}: ${why}`),
  });
  const connections = new Connections(room, {
    unix: false,
    clientsMax: 10,
    lingerersMax: 10,
    handshake: false,
    guestMs: 1000,
    ...options,
  });
  const accept = (address = "10.0.0.1", shows?: string): FakeSocket => {
    const socket = new FakeSocket(++port, address);
    socket.shows = shows;
    socket.onClosed = () => connections.closed(socket);
    connections.accept(socket);
    return socket;
  };
  const pass = (byMs: number) => {
    ms += byMs;
    connections.flush();
  };
  return { connections, accept, pass, events };
}

describe("a full room", () => {
  test("says so to one more, and takes the next once somebody has left", () => {
    const { connections, accept, events } = open({ clientsMax: 1 });
    const ann = accept();
    const bob = accept();
    expect([bob.heard, bob.ended]).toEqual(["* room is full\n", true]);
    connections.closed(ann);
    accept();
    expect(events).toEqual([
      "joined 10.0.0.1:1",
      "refused 10.0.0.1:2: room is full",
      "left 10.0.0.1:1: reset",
      "joined 10.0.0.1:3",
    ]);
  });

  test("keeps only so many that it has refused, and closes the oldest for a newcomer", () => {
    const { connections, accept } = open({ clientsMax: 1, lingerersMax: 2 });
    accept();
    const refused = Array.from({ length: 4 }, () => accept());
    expect(refused.map((socket) => socket.closed)).toEqual([true, true, false, false]);
    for (const { heard, reset } of refused)
      expect([heard, reset]).toEqual(["* room is full\n", false]);
    expect(connections.open).toBe(3);
  });

  test("of guests is full too, and no more than so many wait to be refused", () => {
    const { connections, accept, events } = open({
      clientsMax: 1,
      lingerersMax: 1,
      handshake: true,
    });
    const [guest, second, third] = [accept(), accept(), accept()];
    expect([guest.reset, second.reset, third.reset]).toEqual([false, true, false]);
    third.data.handshaken?.(undefined);
    expect(third.heard).toBe("* room is full\n");
    guest.data.handshaken?.(undefined);
    expect(connections.open).toBe(2);
    expect(events).toEqual([
      "refused 10.0.0.1:2: room is full",
      "refused 10.0.0.1:3: room is full",
      "joined 10.0.0.1:1",
    ]);
  });
});

describe("a full room lets in who has been in it, by the certificate", () => {
  const secure = { handshake: true, clientsMax: 1, lingerersMax: 2 };
  const FULL = "* room is full\n";

  test("and nobody else, and only while a place is left for who is refused", () => {
    const { connections, accept, pass } = open(secure, true);
    const come = (shows: string) => {
      const socket = accept("10.0.0.1", shows);
      socket.data.handshaken?.(undefined);
      return socket;
    };
    const first = come("ann");
    first.room = 0;
    void connections.room.say("hello");
    expect(come("bob").heard).toBe(FULL);
    const second = come("ann");
    pass(1);
    expect(come("ann").heard).toBe(FULL);
    first.drains(1000);
    pass(1);
    expect([first.heard, first.ended]).toEqual(["hello\n* the name ann was taken over\n", true]);
    const third = come("ann");
    pass(1);
    expect([second.heard, third.heard]).toEqual(["* the name ann was taken over\n", ""]);
  });

  test("and it has the seat while the pass phrase is awaited", () => {
    const guests = { ...secure, passPhrase: bytes("open sesame"), guestMs: 1000 };
    const { connections, accept, pass, events } = open(guests, true);
    const comeAndShow = () => {
      const socket = accept("10.0.0.1", "ann");
      socket.data.handshaken?.(undefined);
      return socket;
    };
    comeAndShow().says("open sesame\n");
    const [late, next] = [comeAndShow(), comeAndShow()];
    expect([connections.seated.size, connections.refused.size]).toEqual([1, 0]);
    expect([late.heard, next.heard]).toEqual(["", FULL]);
    pass(1000);
    expect(late.heard).toBe("* no pass phrase within 1s\n");
    comeAndShow().says("open sesame\n");
    expect(events.filter((event) => !event.startsWith("refused"))).toEqual([
      "joined 10.0.0.1:1",
      "joined 10.0.0.1:4",
    ]);
  });
});

describe("stopping", () => {
  test("ends when the last connection is gone, and is the same when asked for again", async () => {
    const { connections, accept, pass } = open();
    const ann = accept();
    const stopped = connections.stop(5000);
    expect(connections.stop(1)).toBe(stopped);
    for (let turn = 0; turn < 3; turn++) pass(1);
    expect([ann.ended, Bun.peek.status(stopped)]).toEqual([true, "pending"]);
    connections.closed(ann);
    await stopped;
  });

  test("waits for nobody longer than it was told", async () => {
    const { connections, accept, pass } = open();
    const [ann, bob] = [accept(), accept()];
    bob.room = 0;
    ann.says("hello\n");
    const stopped = connections.stop(5000);
    for (let turn = 0; turn < 3; turn++) pass(0);
    pass(4999);
    expect([ann.closed, bob.reset]).toEqual([true, false]);
    pass(1);
    expect(bob.reset).toBe(true);
    await stopped;
  });

  test("counts those who are not in yet, and ends at once with them alone", async () => {
    for (const guests of [{ handshake: true }, { passPhrase: bytes("open sesame") }]) {
      const { connections, accept } = open(guests);
      const guest = accept();
      const stopped = connections.stop(5000);
      expect([guest.closed, guest.reset, connections.open]).toEqual([true, false, 0]);
      await stopped;
    }
  });

  test("is the one reason for which a guest in its handshake is refused", async () => {
    const { connections, accept, events } = open({ handshake: true });
    const guest = accept();
    const end = guest.end.bind(guest);
    guest.end = () => {
      guest.data.handshaken?.("the client has gone"); // as Bun has it
      end();
    };
    await connections.stop(5000);
    expect(events).toEqual(["refused 10.0.0.1:1: server stopping"]);
  });

  test("of a room without anybody is over at once", async () => {
    await open().connections.stop(5000);
  });
});
