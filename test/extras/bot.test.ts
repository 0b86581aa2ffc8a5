/** A program around the room that takes part in it: it sends, is told what others send, and who is here. */

import { expect, test } from "bun:test";

import { bot, type BotRoom } from "../../lib/extras/bot.ts";
import { openParts } from "./open-parts.ts";

test("it greets who joins, is told each line once the others have it, and sends one line that fits", () => {
  const told: string[] = [];
  let self!: BotRoom;
  const events = (room: BotRoom) => {
    self = room;
    return {
      onJoin: ({ label }: { label: string }) => void room.send(`hello ${label}`),
      onLine: (line: string, { name }: { name: string }) =>
        told.push(`${name}: ${line} ${bob.received.includes(line)}`),
      onLeave: ({ label }: { label: string }, reason: string) => told.push(`${label}: ${reason}`),
    };
  };
  const { join, settle } = openParts([(context) => bot(events, context)], { lineBytesMax: 20 });
  const [ann, bob] = [join("ann"), join("bob")];
  settle();
  expect(ann.received).toBe("hello ann\nhello bob\n");
  ann.sends("one\ntw");
  ann.data.received(Uint8Array.of(0xe2, 0x9c));
  ann.sends("\r\n\n");
  settle();
  ann.data.ended();
  expect(self.members.map(({ name }) => name)).toEqual(["bob"]);
  settle();
  const lines = ["ann: one true", "ann: tw\uFFFD true", "ann:  true"];
  expect(told).toEqual([...lines, "ann: end of input"]);
  for (const line of ["a\nb", "a\n", Buffer.from("\n")])
    expect(() => self.send(line)).toThrow("more than one line");
  expect(() => self.send("x".repeat(20))).toThrow("line longer than 20 bytes");
});
