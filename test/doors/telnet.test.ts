/** `--telnet`: what a client is read as, and how it is answered, against one look at all bytes. */

import { describe, expect, setDefaultTimeout, test } from "bun:test";

import type { AcceptedSocket, Door } from "../../lib/doors/door.ts";
import { telnet } from "../../lib/doors/telnet.ts";
import { forSeeds } from "../harness/seeds.ts";
import type { Random } from "../simulation/random.ts";
import { readTelnet } from "../simulation/telnet.ts";
import { openDoors } from "./open-doors.ts";

setDefaultTimeout(60_000);

/** A command; a subnegotiation may have what looks like one in it. */
const COMMAND = /\xff[\xfb-\xfe][^]|\xff\xfa(?:[^\xff]|\xff[^\xf0])*(?:\xff\xf0|\xff?$)|\xff[^]?/g;

/** The answers to all requests: each is refused, but for a timing mark. */
function answersTo(latin1: string): string {
  const requests = latin1.match(COMMAND)?.filter((command) => command.length === 3) ?? [];
  const answers = requests.map((request) => {
    if (request === "\xff\xfd\x06") return "\xff\xfb\x06";
    const refusal = { "\xfb": "\xfe", "\xfd": "\xfc" }[request[1] ?? ""];
    return refusal === undefined ? "" : `\xff${refusal}${request[2]}`;
  });
  return answers.join("");
}

/** Bytes among which commands, and parts of them, are frequent. */
function randomTelnet(random: Random, length: number): string {
  const data = ["\r\n", "\r\0", "\r", "\n", "\0", "a", "\xf0", "\xff", "\xff\xff"];
  const commands = ["\xff\xf4", "\xff\xfd\x06", "\xff\xfb\x1f", "\xff\xfd\x01", "\xff\xfe\x01"];
  const more = ["\xff\xfb\x06", "\xff\xfa\x1f\0P\0\x18\xff\xf0", "\xff\xfa"];
  const text = Array.from({ length }, () => random.pick([...data, ...commands, ...more])).join("");
  return text.slice(0, length);
}

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
    forSeeds(150, (random) => {
      const { socket, client, receives } = enter();
      let received = "";
      for (let step = random.between(1, 20); step > 0; step--) {
        const chunk = randomTelnet(random, random.below(20));
        received += chunk;
        receives(chunk);
        expect([client.data, client.sent]).toEqual([readTelnet(received), answersTo(received)]);
      }
      socket.data.ended();
      expect(client.data).toBe(`${readTelnet(received)}EOF`);
    });
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
