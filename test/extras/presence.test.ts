/** `--announce`: join and leave notices. */

import { expect, test } from "bun:test";

import { names } from "../../lib/extras/names/names.ts";
import { presence } from "../../lib/extras/presence.ts";
import { rate } from "../../lib/extras/rate.ts";
import type { RoomOptions } from "../../lib/room/room.ts";
import { openExtras } from "./open-extras.ts";

const openRoom = (options: Partial<RoomOptions> = {}) =>
  openExtras((context) => [presence(context)], options);

test("all receive who joins and leaves, in the one order, a newcomer its own joining too", () => {
  const { room, join, settle } = openRoom();
  const ann = join("ann");
  ann.sends("before\n");
  const bob = join("bob");
  bob.sends("hello\n");
  settle();
  const eve = join("eve");
  bob.sends("bye");
  bob.data.ended();
  settle();
  ann.sends("after\n");
  settle();
  eve.data.closed();
  settle();
  expect(ann.received).toBe(
    "* ann joined (1 here)\n* bob joined (2 here)\nhello\n* eve joined (3 here)\nbye\n" +
      "* bob left (2 here)\n* eve left (1 here)\n",
  );
  expect(bob.received).toBe("* bob joined (2 here)\n* eve joined (3 here)\n");
  expect(eve.received).toBe("* eve joined (3 here)\nbye\n* bob left (2 here)\nafter\n");
  expect(room.size).toBe(1);
});

test("one that is gone has left after the last line that it has sent", () => {
  for (const linesPerSecond of [undefined, 1]) {
    const { join, settle } = openExtras(
      (context) => [...(linesPerSecond ? [rate(linesPerSecond)] : []), presence(context)],
      { logBytes: 80, lineBytesMax: 64 },
    );
    const [ann, bob] = [join("ann"), join("bob")];
    settle();
    bob.room = linesPerSecond ? 1000 : 0;
    ann.sends(`${"x".repeat(49)}\n`.repeat(3));
    settle();
    expect(ann.paused).toBe(true);
    ann.data.closed();
    bob.drains(1000);
    settle();
    expect(bob.received.split("\n").at(-2)).toBe("* ann left (1 here)");
  }
});

test("one that takes over a name joins before the one that had it leaves, however slow that is", () => {
  const { accept, pass, settle, left } = openExtras(
    (context) => [names(context), presence(context)],
    { secrets: { tls: {} } },
  );
  const ann = accept("ann");
  const slow = accept("bob");
  settle();
  slow.room = 0;
  ann.sends("hello\n");
  settle();
  accept("bob");
  pass(60_000);
  settle();
  expect(left).toEqual(["bob [::1]:2: too slow"]);
  expect(ann.received).toBe(
    "* ann joined (1 here)\n* bob joined (2 here)\n* bob joined (3 here)\n* bob left (2 here)\n",
  );
});

test("a storm is summed up: at most ten notices in any second, and nobody is forgotten", () => {
  const { join, pass, settle, due } = openRoom();
  const ann = join("ann");
  const many = Array.from({ length: 9_999 }, (_, n) => join(`${n}`));
  settle();
  const lines = () => ann.received.split("\n").slice(1, -1);
  const first = Array.from({ length: 9 }, (_, n) => `* ${n} joined (${n + 2} here)`);
  expect(lines()).toEqual(first);
  expect(due.inMs).toBe(1000);
  pass(999);
  expect(lines()).toEqual(first);
  pass(1);
  settle();
  expect(lines().slice(9)).toEqual(["* 9,990 more joined (10,000 here)"]);
  for (const socket of many.slice(0, 5)) socket.data.closed();
  join("zoe");
  for (const socket of many.slice(5, 100)) socket.data.closed();
  settle();
  pass(1000);
  settle();
  const more = lines().slice(10);
  expect(more.slice(0, 6).map((line) => line.replace(/ \(.*/, ""))).toEqual([
    ...Array.from({ length: 5 }, (_, n) => `* ${n} left`),
    "* zoe joined",
  ]);
  expect([more.length, more.at(-1)]).toEqual([10, "* 92 more left (9,901 here)"]);
});

test("one that is more is told by its name", () => {
  const { join, pass, settle } = openRoom();
  const ann = join("ann");
  for (let n = 0; n < 10; n++) join(`${n}`);
  settle();
  pass(1000);
  settle();
  expect(ann.received.split("\n").slice(-2)).toEqual(["* 9 joined (11 here)", ""]);
});

test("notices wait for room in the log, in few bytes, and slow nobody", () => {
  const { join, settle, room } = openRoom({ logBytes: 64, lineBytesMax: 64 });
  const [ann, bob] = [join("ann"), join("bob", 0)];
  ann.sends("hello\n");
  for (let n = 0; n < 1000; n++) join(`${n}`);
  settle();
  expect(ann.paused).toBe(false);
  bob.drains(1 << 20);
  settle();
  expect(bob.received.split("\n").length).toBeLessThan(14);
  expect(room.size).toBe(1002);
});

test("a notice is a line, and no longer than lines may be", () => {
  const { join, settle } = openRoom({ lineBytesMax: 22 });
  const ann = join("ann");
  for (const name of ["bob", "barnaby", "eve"]) join(name);
  settle();
  expect(ann.received).toBe(
    "* ann joined (1 here)\n* bob joined (2 here)\n* eve joined (4 here)\n",
  );
});

test("a room that stops tells nothing of those that leave", () => {
  const { room, join, settle } = openRoom();
  const ann = join("ann");
  for (let n = 0; n < 20; n++) join(`${n}`);
  settle();
  const before = ann.received;
  room.stop();
  settle();
  expect([ann.received, ann.ended]).toEqual([before, true]);
});
