import { describe, expect, test } from "bun:test";

import type { Door } from "../../lib/doors/door.ts";
import { openDoors } from "./open-doors.ts";

/** A door that notes what it is told, and does what a client sends: pass, refuse or dismiss. */
function obeying(name: string, notes: string[], isTransport = false): Door {
  return {
    isTransport,
    meet(arrival) {
      notes.push(`${name} meets`);
      arrival.hold({
        withinMs: name === "one" ? 1000 : 2000,
        read(received, isAll) {
          const [all, order] = /^(\w+) ?/.exec(received.toString()) ?? [""];
          if (order) notes.push(`${name} receives ${order}`);
          if (isAll) notes.push(`${name} is told of the end`);
          if (order === "pass") arrival.pass(all.length);
          if (order === "refuse") {
            arrival.unused = Buffer.alloc(0);
            arrival.refuse(`not by ${name}`);
          }
          if (order === "dismiss") arrival.dismiss();
        },
        late: () => arrival.refuse(`late at ${name}`),
      });
    },
  };
}

/** A listener that is in, and a client that comes to two doors. */
function open(isTransport = false) {
  const notes: string[] = [];
  const doors = [obeying("one", notes), obeying("two", notes, isTransport)];
  const opened = openDoors(doors, { clientsMax: 2 });
  const listener = opened.accept();
  listener.sends("pass pass ");
  const client = opened.accept();
  notes.length = 0;
  opened.events.length = 0;
  return { ...opened, notes, listener, client };
}

describe("a connection", () => {
  test("comes to one door after the other, then joins; what a door leaves is for what follows", () => {
    const { notes, events, pass, listener, client } = open();
    client.sends("pa");
    client.sends("ss pass hello\n");
    pass(0);
    expect(notes).toEqual([
      "one receives pa",
      "one receives pass",
      "two meets",
      "two receives pass",
    ]);
    expect(events).toEqual(["joined 10.0.0.1:2"]);
    expect(listener.received).toBe("hello\n");
  });

  test("receives nothing before it has joined", () => {
    const { pass, listener, client } = open();
    listener.sends("early\n");
    pass(0);
    client.sends("pass pass ");
    listener.sends("later\n");
    pass(0);
    expect(client.received).toBe("later\n");
  });

  test("that is refused is told so at once, and meets no more doors", () => {
    const { connections, notes, events, client } = open();
    client.sends("refuse");
    expect(notes).toEqual(["one receives refuse"]);
    expect([client.received, client.ended]).toEqual(["* not by one\n", true]);
    expect(events).toEqual(["refused 10.0.0.1:2: not by one"]);
    expect(connections.arrivals.size).toBe(0);
  });

  test("that is refused before a door about transport is told so behind it, by the first reason", () => {
    const { accept, notes, events, client } = open(true);
    client.sends("refuse");
    expect([client.received, notes.at(-1)]).toEqual(["", "two meets"]);
    expect(accept().received).toBe(""); // Its seat is free.
    client.sends("refuse");
    expect(client.received).toBe("* not by one\n");
    expect(events).toEqual(["refused 10.0.0.1:2: not by one"]);
  });

  test("is late when it has taken too long at one door, whatever it took at others", () => {
    const { pass, events, client } = open();
    pass(600);
    client.sends("pass ");
    pass(1999);
    expect(events).toEqual([]);
    pass(1);
    expect(client.received).toBe("* late at two\n");
  });

  test("whose input has ended is told of to each door that it comes to, and to the room", () => {
    const { notes, events, pass, listener, client } = open();
    client.data.ended();
    client.sends("pass ");
    for (const name of ["one", "two"]) expect(notes).toContain(`${name} is told of the end`);
    client.sends("pass last line");
    pass(0);
    pass(0);
    expect(listener.received).toBe("last line\n");
    expect([client.ended, events]).toEqual([
      true,
      ["joined 10.0.0.1:2", "left 10.0.0.1:2: end of input"],
    ]);
  });

  test("that is dismissed, or goes, gives up its seat, and nobody takes note of it", () => {
    for (const go of ["dismiss", "close"]) {
      const { connections, accept, events, close, client } = open();
      if (go === "dismiss") client.sends("dismiss");
      else close(client);
      expect([go, client.closed, client.reset]).toEqual([go, go === "dismiss", false]);
      expect([connections.open, connections.arrivals.size, events]).toEqual([1, 0, []]);
      expect(accept().received).toBe("");
    }
  });

  test("on a Unix socket has a number, others their address and port", () => {
    for (const [kind, label] of [
      ["unix", "unix:1"],
      ["web", "web:10.0.0.1:1"],
      ["tls", "10.0.0.1:1"],
    ] as const) {
      const { accept, events } = openDoors([], { kind });
      accept();
      expect(events).toEqual([`joined ${label}`]);
    }
  });
});
