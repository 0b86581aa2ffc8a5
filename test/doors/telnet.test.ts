/** `--telnet`: what a client is read as, how it is answered, and what it gets. */

import { describe, expect, test } from "bun:test";

import type { AcceptedSocket, Door } from "../../lib/doors/door.ts";
import { telnet } from "../../lib/doors/telnet.ts";
import { openDoors } from "./open-doors.ts";

/** What a client sends, what is read of it, and the answer; all in latin1. */
const SENT: readonly [sent: string, read: string, answer?: string][] = [
  ["one\r\ntwo\r\0three\r\r\nfour\n\0", "one\ntwo\nthree\n\nfour\n\0"],
  // Every request is refused, but for a timing mark; to do nothing is not to be answered.
  ["\xff\xfb\x1f", "", "\xff\xfe\x1f"],
  ["\xff\xfb\x06", "", "\xff\xfe\x06"],
  ["\xff\xfd\x01", "", "\xff\xfc\x01"],
  ["\xff\xfd\xff", "", "\xff\xfc\xff"],
  ["\xff\xfd\x06", "", "\xff\xfb\x06"],
  ["\xff\xfc\x01\xff\xfe\x01", ""],
  ["br\xff\xf3eak, \xff\xf0\xff\xf4\xff\xffFF", "break, FF"],
  // Commands may be within a line end, and what looks like one within a subnegotiation.
  ["five\r\xff\xfd\x03\nsix\r\xff\xf1\0", "five\nsix\n", "\xff\xfc\x03"],
  ["\xff\xfa\x1f\0P\xf0\xff\xff\xff\xfd\x01\xff\xfa\x18\r\n\xff\xf0seven", "seven"],
];
const joined = (column: 0 | 1 | 2) => SENT.map((row) => row[column] ?? "").join("");

/** A client that is through the door: what it has sent, and got. */
function enter() {
  const client = { data: "", sent: "" };
  let inRoom!: AcceptedSocket;
  const next: Door = {
    meet(arrival) {
      inRoom = arrival.socket;
      const read = (received: Buffer, isAll: boolean) =>
        (client.data = received.toString("latin1") + (isAll ? "EOF" : ""));
      arrival.hold({ withinMs: 1000, read, late() {} });
    },
  };
  const socket = openDoors([telnet().door, next]).accept();
  socket.write = (from, offset, length) => {
    const taken = Math.min(length, socket.room);
    client.sent += Buffer.from(from.subarray(offset, offset + taken)).toString("latin1");
    return taken;
  };
  const receives = (latin1: string) => socket.data.received(Buffer.from(latin1, "latin1"));
  return { socket, client, receives, inRoom };
}

describe("a telnet client", () => {
  test("is read, and each request is answered, wherever its bytes are cut", () => {
    const sent = joined(0);
    for (let cut = 0; cut <= sent.length; cut++) {
      const { socket, client, receives } = enter();
      for (const part of [sent.slice(0, cut), sent.slice(cut)]) receives(part);
      socket.data.ended();
      expect([client.data, client.sent]).toEqual([`${joined(1)}EOF`, joined(2)]);
    }
    const { client, receives } = enter();
    for (const byte of sent) receives(byte);
    expect([client.data, client.sent]).toEqual([joined(1), joined(2)]);
  });

  test("gets lines without FF, whatever its socket takes", () => {
    const lines = Buffer.from("\xff1\xff\xff2\xff\n\xff", "latin1");
    for (let room = 0; room < 4; room++) {
      const { socket, client, inRoom } = enter();
      socket.room = room;
      const done = inRoom.write(lines, 0, lines.length);
      socket.drains(Number.MAX_SAFE_INTEGER);
      expect(inRoom.write(lines, done, lines.length - done)).toBe(lines.length - done);
      expect(client.sent).toBe("12\n");
    }
  });

  test("that reads nothing has only so many answers waiting", () => {
    const { socket, client, receives } = enter();
    socket.room = 0;
    receives("\xff\xfd\x06".repeat(100_000));
    socket.drains(Number.MAX_SAFE_INTEGER);
    expect(client.sent.length).toBeWithin(2000, 2100);
  });

  test("is known to the system as its socket is, so that it is found when it vanishes", () => {
    const { socket, inRoom } = enter();
    Object.assign(socket, { fd: 7 });
    expect(inRoom).toHaveProperty("fd", 7);
  });
});
