/** What a connection does at doors, which are the test's own. */

import { describe, expect, test } from "bun:test";

import type { Door } from "../../lib/doors/door.ts";
import { openDoors } from "./open-doors.ts";

/** A door that notes what it is told, and does what a client sends: pass or refuse. */
function obeying(name: string, notes: string[], isTransport = false): Door {
  return {
    isTransport,
    meet(arrival) {
      notes.push(`${name} meets`);
      arrival.hold({
        withinMs: name === "one" ? 1000 : 2000,
        read(received) {
          const [all, order] = /^(\w+) ?/.exec(received.toString()) ?? [""];
          if (order) notes.push(`${name} receives ${order}`);
          if (order === "pass") arrival.pass(all.length);
          if (order === "refuse") {
            arrival.unused = Buffer.alloc(0);
            arrival.refuse(`not by ${name}`);
          }
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

  test("that is refused is told so at once, and meets no more doors", () => {
    const { notes, events, client } = open();
    client.sends("refuse");
    expect(notes).toEqual(["one receives refuse"]);
    expect([client.received, client.ended]).toEqual(["* not by one\n", true]);
    expect(events).toEqual(["refused 10.0.0.1:2: not by one"]);
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
