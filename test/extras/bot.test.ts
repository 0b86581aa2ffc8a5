/** A program around the room that takes part in it: what it sends, and what it is told. */

import { describe, expect, test } from "bun:test";

import { bot, type BotEvents, type BotRoom } from "../../lib/extras/bot.ts";
import { names } from "../../lib/extras/names/names.ts";
import { rate } from "../../lib/extras/rate.ts";
import type { RoomOptions } from "../../lib/room/room.ts";
import { openExtras } from "./open-extras.ts";

const SMALL = { logBytes: 8, lineBytesMax: 8 };

function openRoom(
  options: Partial<RoomOptions> = {},
  make: (room: BotRoom) => BotEvents = () => ({}),
) {
  let inRoom: BotRoom | undefined;
  const opened = openExtras((context) => [bot((room) => make((inRoom = room)), context)], options);
  if (!inRoom) throw new Error("no bot was made");
  return { ...opened, bot: inRoom };
}

describe("a line that a bot sends", () => {
  test("is received by all, in the one order", async () => {
    const { bot, join, pass } = openRoom();
    const [ann, bob] = [join("ann"), join("bob")];
    ann.sends("1\n");
    const isSent = bot.send("two ✓");
    bob.sends("3\n");
    pass(0);
    expect(await isSent).toBe(true);
    expect([ann.received, bob.received]).toEqual(["two ✓\n3\n", "1\ntwo ✓\n"]);
  });

  test("waits for room in its turn, whole", async () => {
    const { bot, room, join, settle } = openRoom(SMALL);
    const [ann, bob] = [join("ann"), join("bob", 0)];
    ann.sends("1\n2\n3\n4\n5\n");
    const order: string[] = [];
    void bot.send("six").then(() => order.push("six"));
    void bot.send(new Uint8Array(7)).then(() => order.push("seven"));
    settle();
    await Promise.resolve();
    expect([order, room.size]).toEqual([[], 2]);
    bob.drains(100);
    settle();
    await Promise.resolve();
    expect(order).toEqual(["six", "seven"]);
    expect(bob.received).toBe(`1\n2\n3\n4\n5\nsix\n${"\0".repeat(7)}\n`);
    expect(ann.received).toBe(`six\n${"\0".repeat(7)}\n`);
  });

  test("is one line that fits, or it throws at once", () => {
    const { bot } = openRoom(SMALL);
    for (const line of ["a\nb", "a\n", Buffer.from("\n")])
      expect(() => bot.send(line)).toThrow("more than one line");
    expect(() => bot.send("12345678")).toThrow("line longer than 8 bytes");
  });

  test("is not sent in a room that stops, but one that waits then still is", async () => {
    const { bot, room, join, settle } = openRoom(SMALL);
    const [ann, bob] = [join("ann"), join("bob", 0)];
    ann.sends("1234567\n");
    const waits = bot.send("last");
    room.stop();
    expect(await bot.send("late")).toBe(false);
    settle();
    expect(bob.ended).toBe(false);
    bob.drains(100);
    settle();
    expect(await waits).toBe(true);
    expect([bob.received, bob.ended]).toEqual(["1234567\nlast\n", true]);
  });
});

describe("a bot is told", () => {
  test("each line with its sender, after the others have it, and not its own", () => {
    const lines: string[] = [];
    const { bot, join, settle } = openRoom({}, () => ({
      onLine: (line, by) => lines.push(`${by.name}: ${line} ${bob.received.includes(line)}`),
    }));
    const [ann, bob] = [join("ann"), join("bob")];
    ann.sends("one\ntw");
    ann.data.received(Uint8Array.of(0xe2, 0x9c));
    ann.sends("\r\n\n");
    void bot.send("nothing of its own");
    settle();
    expect(lines).toEqual(["ann: one true", "ann: tw\uFFFD true", "ann:  true"]);
  });

  test("who joins and leaves, and why, in the one order, and may greet", () => {
    const told: string[] = [];
    const { join, settle } = openRoom({}, (room) => ({
      onJoin({ name }) {
        told.push(`${name} joined ${room.members.length}`);
        void room.send(`hello ${name}`);
      },
      onLine: (line, { name }) => told.push(`${name}: ${line}`),
      onLeave: ({ name }, reason) => told.push(`${name} left: ${reason} ${room.members.length}`),
    }));
    const ann = join("ann");
    settle();
    ann.sends("hi\nbye");
    ann.data.ended();
    settle();
    expect(ann.received).toBe("hello ann\n");
    expect(told).toEqual(["ann joined 1", "ann: hi", "ann: bye", "ann left: end of input 0"]);
  });

  test("and may do anything to the room then: answer, disconnect, also while lines wait", () => {
    const { join, pass, left } = openRoom(SMALL, (room) => ({
      onLine(line, by) {
        void room.send(`>${line}`);
        if (line === "3") by.disconnect("3");
      },
    }));
    const [ann, bob] = [join("ann"), join("bob", 0)];
    ann.sends("1\n2\n3\n4\n5\n6\n");
    for (let turn = 0; turn < 20; turn++) {
      bob.drains(6);
      pass(0);
    }
    const lines = bob.received.split("\n").slice(0, -1);
    expect(lines.filter((line) => line < ":")).toEqual(["1", "2", "3", "4", "5", "6"]);
    expect(lines.filter((line) => line > ":")).toEqual([">1", ">2", ">3", ">4", ">5", ">6"]);
    expect([left, ann.received.slice(-4)]).toEqual([["ann: 3"], "* 3\n"]);
  });

  test("and what it throws is for its guard", () => {
    const errors: unknown[] = [];
    const { join, settle } = openExtras((context) => {
      const guard: typeof context.guard =
        (report) =>
        (...details) => {
          try {
            report?.(...details);
          } catch (error) {
            errors.push(error);
          }
        };
      const onJoin = () => {
        throw new Error("a bug of a bot");
      };
      return [bot(() => ({ onJoin }), { ...context, guard })];
    });
    join("ann");
    settle();
    expect(errors).toEqual([new Error("a bug of a bot")]);
  });
});

test("a member that it disconnects as soon as it joins leaves once, over its rate too", () => {
  const left: string[] = [];
  const { accept, settle, due, pass } = openExtras((context) => [
    rate(1),
    names(context),
    bot(
      () => ({
        onJoin: (member) => member.disconnect("closed today"),
        onLeave: ({ name }, reason) => left.push(`${name}: ${reason}`),
      }),
      context,
    ),
  ]);
  const alice = accept();
  alice.sends("alice: 1\nalice: 2\nalice: 3\n");
  settle();
  expect(alice.received).toBe("* say your name first\n* closed today\n");
  alice.data.closed();
  pass(60_000);
  settle();
  expect(left).toEqual(["alice: closed today"]);
  expect(due.inMs).toBe(Number.POSITIVE_INFINITY);
});
