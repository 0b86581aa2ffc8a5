/** A program around the room that takes part in it: what it says, what it hears, whom it sends away. */

import { describe, expect, test } from "bun:test";

import { FakeSocket } from "./fake-socket.ts";
import { openRoom } from "./open-room.ts";

const SMALL = { logBytes: 8, lineBytesMax: 8 };

describe("a line that the program says", () => {
  test("is heard by all, in the one order", async () => {
    const { room, join, pass } = openRoom();
    const [ann, bob] = [join("ann"), join("bob")];
    ann.says("1\n");
    const said = room.say("two ✓");
    bob.says("3\n");
    pass(0);
    expect(await said).toBe(true);
    expect([ann.heard, bob.heard]).toEqual(["two ✓\n3\n", "1\ntwo ✓\n"]);
  });

  test("waits for room in its turn, whole, and holds no seat meanwhile", async () => {
    const { room, join, pass } = openRoom(SMALL);
    const [ann, bob] = [join("ann"), join("bob")];
    bob.room = 0;
    ann.says("1\n2\n3\n4\n5\n");
    const order: string[] = [];
    void room.say("six").then(() => order.push("six"));
    void room.say(new Uint8Array(7)).then(() => order.push("seven"));
    pass(0);
    await Promise.resolve();
    expect([order, room.seats, room.size]).toEqual([[], 2, 2]);
    bob.drains(100);
    for (let turn = 0; turn < 3; turn++) pass(0);
    await Promise.resolve();
    expect(order).toEqual(["six", "seven"]);
    expect(bob.heard).toBe(`1\n2\n3\n4\n5\nsix\n${"\0".repeat(7)}\n`);
    expect(ann.heard).toBe(`six\n${"\0".repeat(7)}\n`);
  });

  test("is one line that fits, or it throws at once", () => {
    const { room } = openRoom(SMALL);
    for (const line of ["a\nb", "a\n", Buffer.from("\n")])
      expect(() => room.say(line)).toThrow("more than one line");
    expect(() => room.say("12345678")).toThrow("a line longer than 8 bytes");
  });

  test("is not said by a room that stops", async () => {
    const { room, join, pass } = openRoom();
    const ann = join("ann");
    room.stop();
    expect(await room.say("late")).toBe(false);
    pass(0);
    expect(ann.heard).toBe("");
  });

  test("that waits when the room stops is still said", async () => {
    const { room, join, pass } = openRoom(SMALL);
    const [ann, bob] = [join("ann"), join("bob")];
    bob.room = 0;
    ann.says("1234567\n");
    const said = room.say("last");
    room.stop();
    pass(0);
    expect(bob.ended).toBe(false);
    bob.drains(100);
    for (let turn = 0; turn < 3; turn++) pass(0);
    expect(await said).toBe(true);
    expect([bob.heard, bob.ended]).toEqual(["1234567\nlast\n", true]);
  });
});

describe("onLine", () => {
  test("is told each line with who said it, after the others have it", () => {
    const lines: string[] = [];
    const { room, join, pass } = openRoom({
      onLine: (line, by) => lines.push(`${by.name}: ${line} ${bob.heard.includes(line)}`),
    });
    const [ann, bob] = [join("ann"), join("bob")];
    ann.says("one\ntw");
    ann.data.received(Uint8Array.of(0xe2, 0x9c));
    ann.says("\r\n\n");
    void room.say("nothing of the program's own");
    pass(0);
    expect(lines).toEqual(["ann: one true", "ann: tw\uFFFD true", "ann:  true"]);
  });

  test("may do anything to the room: answer, and send away who speaks, also while lines wait", () => {
    const { room, join, pass, left } = openRoom({
      ...SMALL,
      onLine(line, by) {
        void room.say(`>${line}`);
        if (line === "3") by.sendAway("3");
      },
    });
    const [ann, bob] = [join("ann"), join("bob")];
    bob.room = 0;
    ann.says("1\n2\n3\n4\n5\n6\n");
    for (let turn = 0; turn < 9; turn++) {
      bob.drains(6);
      pass(0);
    }
    const lines = bob.heard.split("\n").slice(0, -1);
    const [said, answered] = [lines.filter((l) => l < ":"), lines.filter((l) => l > ":")];
    expect(said).toEqual(["1", "2", "3", "4", "5", "6"]);
    expect(answered).toEqual([">1", ">2", ">3", ">4", ">5", ">6"]);
    expect(left).toEqual(["ann: 3"]);
    expect(ann.heard.slice(-4)).toBe("* 3\n");
  });
});

describe("who is sent away", () => {
  test("gets what it is owed, then the reason, then EOF, and is heard no more", () => {
    const { join, member, pass, left } = openRoom();
    const [ann, bob] = [join("ann"), join("bob")];
    bob.room = 3;
    ann.says("hello\n");
    bob.says("half a li");
    pass(0);
    const bobsSelf = member("bob");
    bobsSelf.sendAway("flooding");
    bobsSelf.sendAway("again");
    bob.says("ne\n");
    ann.says("later\n");
    bob.drains(100);
    pass(0);
    bobsSelf.sendAway("again");
    expect([bob.heard, bob.ended, ann.heard]).toEqual(["hello\n* flooding\n", true, ""]);
    expect(left).toEqual(["bob: flooding"]);
  });

  for (const hold of ["room", "rate"] as const)
    test(`says first what waits, for want of ${hold}, and nothing after it`, () => {
      const rate = hold === "rate" ? { linesPerSecond: 1 } : SMALL;
      const { room, join, member, pass, left } = openRoom(rate);
      const [ann, bob] = [join("ann"), join("bob")];
      if (hold === "room") bob.room = 0;
      ann.says("1\n2\n3\n4\n5\n6");
      pass(0);
      expect(member("ann").hold).toBe(hold);
      member("ann").sendAway("flooding");
      bob.drains(100);
      for (let turn = 0; turn < 3; turn++) pass(0);
      expect(bob.heard).toBe("1\n2\n3\n4\n5\n");
      expect([ann.heard, ann.ended]).toEqual(["* flooding\n", true]);
      expect(left).toEqual(["ann: flooding"]);
      expect(room.members.map(({ name }) => name)).toEqual(["bob"]);
    });

  for (const identity of [undefined, { name: "alice", fingerprint: "A1" }])
    for (const report of ["onJoin", "onNamed"] as const) {
      const how = identity ? "by its certificate" : "by its first line";
      test(`as soon as ${report} tells of it, named ${how}, leaves once`, () => {
        const idle = { ms: 1000, word: "idle" };
        const sendAway = () => room.members.at(-1)?.sendAway("closed today");
        const options = { names: true, announce: true, idle, [report]: sendAway };
        const { room, pass, settle, due, left } = openRoom(options);
        const alice = new FakeSocket();
        room.join(alice, "[::1]:1", identity);
        if (!alice.ended) alice.says("alice: hello\n");
        settle();
        const isGreeted = !identity && report === "onNamed";
        expect(alice.heard).toBe(`${isGreeted ? "* say your name first\n" : ""}* closed today\n`);
        expect(left).toEqual([`${report === "onJoin" ? "" : "alice "}[::1]:1: closed today`]);
        alice.data.closed();
        pass(60_000);
        settle();
        expect([left.length, due.inMs]).toEqual([1, Number.POSITIVE_INFINITY]);
      });
    }

  test("is told one line", () => {
    const { join, member } = openRoom();
    join("ann");
    expect(() => member("ann").sendAway("a\nb")).toThrow("a reason is one line");
  });
});
