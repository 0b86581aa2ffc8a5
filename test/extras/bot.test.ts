/** A program around the room that takes part in it: what it sends, what it is told, whom it disconnects. */

import { describe, expect, test } from "bun:test";

import { bot, type BotEvents, type BotRoom } from "../../lib/extras/bot.ts";
import type { Order } from "../../lib/room/order.ts";
import { openParts, type Options } from "./open-parts.ts";

/** What it is told, it may answer to its room. */
function openRoom(options: Options = {}, eventsIn: (room: BotRoom) => BotEvents = () => ({})) {
  let self!: BotRoom;
  const make = (room: BotRoom) => eventsIn((self = room));
  return { ...openParts([(context) => bot(make, context)], options), self };
}

describe("a line that it sends", () => {
  test("is one line that fits, or it throws at once", () => {
    const { self } = openRoom({ logBytes: 8, lineBytesMax: 8 });
    for (const line of ["a\nb", "a\n", Buffer.from("\n")])
      expect(() => self.send(line)).toThrow("more than one line");
    expect(() => self.send("12345678")).toThrow("line longer than 8 bytes");
  });

  test("is lost, and it is told so, if the room is out of sync before it has its place", async () => {
    const order: Order = {
      ...{ head: 0, freeBytes: 100, isSettled: false },
      append() {},
      after() {},
      isHeldUp: () => false,
    };
    const { self, room } = openRoom({ order });
    const sent = self.send("lost");
    room.restart({ reason: "out of sync" }, () => {});
    expect(await sent).toBe(false);
  });
});

describe("it is told", () => {
  test("of each line and its sender, after the others have it, and not of its own", () => {
    const lines: string[] = [];
    const { self, join, pass } = openRoom({}, () => ({
      onLine: (line, { name }) => lines.push(`${name}: ${line} ${bob.received.includes(line)}`),
    }));
    const [ann, bob] = [join("ann"), join("bob")];
    ann.sends("one\ntw");
    ann.data.received(Uint8Array.of(0xe2, 0x9c));
    ann.sends("\r\n\n");
    void self.send("nothing of its own");
    pass(0);
    expect(lines).toEqual(["ann: one true", "ann: tw\uFFFD true", "ann:  true"]);
  });

  test("who joins and leaves, so that it can greet, and who is here", () => {
    const told: string[] = [];
    const { self, join, settle } = openRoom({}, (room) => ({
      onJoin({ label }) {
        told.push(`joined ${label}`);
        void room.send(`hello ${label}`);
      },
      onLeave: ({ label }, reason) => told.push(`left ${label}: ${reason}`),
    }));
    const [ann, bob] = [join("ann"), join("bob")];
    settle();
    expect(ann.received).toBe("hello ann\nhello bob\n");
    bob.data.ended();
    expect(self.members.map(({ name }) => name)).toEqual(["ann"]);
    settle();
    expect(told).toEqual(["joined ann", "joined bob", "left bob: end of input"]);
  });
});
