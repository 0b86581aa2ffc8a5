/** `--announce`: who comes and who goes. */

import { expect, test } from "bun:test";

import { FakeSocket } from "./fake-socket.ts";
import { openRoom } from "./open-room.ts";

test("all others hear who comes and goes, in the one order", () => {
  const { room, join, settle } = openRoom({ announce: true });
  const ann = join("ann");
  ann.says("before\n");
  const bob = join("bob");
  bob.says("hello\n");
  settle();
  const eve = join("eve");
  bob.says("bye");
  bob.data.ended();
  settle();
  ann.says("after\n");
  settle();
  eve.data.closed();
  settle();
  expect(ann.heard).toBe(
    "* bob joined (2 here)\nhello\n* eve joined (3 here)\nbye\n* bob left: end of input (2 here)\n" +
      "* eve left: reset (1 here)\n",
  );
  expect(bob.heard).toBe("* eve joined (3 here)\n");
  expect(eve.heard).toBe("bye\n* bob left: end of input (2 here)\nafter\n");
  expect(room.size).toBe(1);
});

test("who is gone is said to have left after the last line it has said", () => {
  const options = { announce: true, logBytes: 64, lineBytesMax: 64, linesPerSecond: 1 };
  for (const linesPerSecond of [undefined, 1]) {
    const { join, settle } = openRoom({ ...options, linesPerSecond });
    const [ann, bob] = [join("ann"), join("bob")];
    settle();
    bob.room = linesPerSecond ? 1000 : 0;
    ann.says(`${"x".repeat(49)}\n`.repeat(3));
    settle();
    expect(ann.paused).toBe(true);
    ann.data.closed();
    bob.drains(1000);
    settle();
    expect(bob.heard.split("\n").at(-2)).toBe("* ann left: reset (1 here)");
  }
});

test("who takes over a name comes after the one that had it has left, however slow that is", () => {
  const { room, join, pass, settle, left } = openRoom({ announce: true, names: true });
  const ann = join("ann");
  const come = (name: string) => {
    const socket = new FakeSocket();
    room.join(socket, name, { name: "bob", fingerprint: "B0B" });
    settle();
    return socket;
  };
  come("slow").room = 0;
  ann.says("ann: hello\n");
  settle();
  come("quick");
  pass(60_000);
  settle();
  expect(left).toEqual(["bob slow: too slow"]);
  expect(ann.heard).toBe(
    "* say your name first\n* bob joined (2 here)\n" +
      "* bob left: the name bob was taken over (2 here)\n* bob joined (2 here)\n",
  );
});

test("a storm is summed up: at most ten notices in any second, and nobody is forgotten", () => {
  const { join, pass, settle, due } = openRoom({ announce: true });
  const ann = join("ann");
  const many = Array.from({ length: 9_999 }, (_, n) => join(`${n}`));
  settle();
  const first = Array.from({ length: 9 }, (_, n) => `* ${n} joined (${n + 2} here)`);
  const heard = () => ann.heard.split("\n").slice(0, -1);
  expect(heard()).toEqual(first);
  expect(due.inMs).toBe(1000);
  pass(999);
  expect(heard()).toEqual(first);
  pass(1);
  settle();
  expect(heard().slice(9)).toEqual(["* 9,990 more joined (10,000 here)"]);
  for (const socket of many.slice(0, 5)) socket.data.closed();
  join("zoe");
  for (const socket of many.slice(5, 100)) socket.data.closed();
  settle();
  pass(1000);
  settle();
  const more = heard().slice(10);
  expect(more.slice(0, 6).map((line) => line.replace(/ \(.*/, ""))).toEqual([
    ...Array.from({ length: 5 }, (_, n) => `* ${n} left: reset`),
    "* zoe joined",
  ]);
  expect(more.length).toBe(10);
  expect(more.at(-1)).toBe("* 92 more left (9,901 here)");
});

test("one that is more is told by its name", () => {
  const { join, pass, settle } = openRoom({ announce: true });
  const ann = join("ann");
  for (let n = 0; n < 10; n++) join(`${n}`);
  settle();
  pass(1000);
  settle();
  expect(ann.heard.split("\n").slice(-2)).toEqual(["* 9 joined (11 here)", ""]);
});

test("notices wait for room in the log, in few bytes, and slow nobody", () => {
  const { join, settle, room } = openRoom({ announce: true, logBytes: 64, lineBytesMax: 64 });
  const [ann, bob] = [join("ann"), join("bob", 0)];
  ann.says(`${"x".repeat(50)}\n`);
  for (let n = 0; n < 1000; n++) join(`${n}`);
  settle();
  expect(ann.paused).toBe(false);
  bob.drains(1 << 20);
  settle();
  expect(bob.heard.split("\n").length).toBeLessThan(14);
  expect(room.size).toBe(1002);
});

test("a notice is a line, and no longer than lines may be", () => {
  const { join, settle } = openRoom({ announce: true, lineBytesMax: 22 });
  const ann = join("ann");
  join("bob");
  join("barnaby");
  join("eve");
  settle();
  expect(ann.heard).toBe("* bob joined (2 here)\n* eve joined (4 here)\n");
});

test("a room that stops says nothing of who leaves", () => {
  const { room, join, settle } = openRoom({ announce: true });
  const ann = join("ann");
  for (let n = 0; n < 20; n++) join(`${n}`);
  settle();
  const before = ann.heard;
  room.stop();
  settle();
  expect([ann.heard, ann.ended]).toEqual([before, true]);
});
