/** A program around the room that takes part in it; the simulator checks what it is told. */

import { expect, test } from "bun:test";

import { bot, type BotRoom } from "../../lib/extras/bot.ts";
import { openParts } from "./open-parts.ts";

test("it knows who is here, without those that leave, and sends one line that fits, or it throws", () => {
  let self!: BotRoom;
  const greets = (room: BotRoom) => {
    self = room;
    return { onJoin: ({ name }: { name: string }) => void room.send(`hello ${name}`) };
  };
  const { join, settle } = openParts([(context) => bot(greets, context)], { lineBytesMax: 20 });
  const [ann, bob] = [join("ann"), join("bob")];
  settle();
  expect(bob.received).toBe("hello ann\nhello bob\n");
  ann.data.ended();
  expect(self.members.map(({ name }) => name)).toEqual(["bob"]);
  for (const line of ["a\nb", "a\n", Buffer.from("\n")])
    expect(() => self.send(line)).toThrow("more than one line");
  expect(() => self.send("x".repeat(20))).toThrow("line longer than 20 bytes");
});
