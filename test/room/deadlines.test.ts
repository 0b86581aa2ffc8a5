/** Deadlines, with a clock that the test moves. */

import { expect, test } from "bun:test";

import { Deadlines } from "../../lib/room/deadlines.ts";

test("those that have had their time are over, in the order in which the times were started", () => {
  let now = 0;
  const deadlines = new Deadlines<string>(100, () => now);
  expect([deadlines.dueAtMs, deadlines.first]).toEqual([Number.POSITIVE_INFINITY, undefined]);
  for (const name of ["ann", "bob", "eve"]) {
    deadlines.start(name);
    now += 10;
  }
  deadlines.start("ann");
  deadlines.stop("eve");
  expect(deadlines.dueAtMs).toBe(110);
  expect(deadlines.over(109)).toEqual([]);
  expect([deadlines.first, deadlines.dueAtMs, deadlines.size]).toEqual(["bob", 110, 2]);
  expect(deadlines.over(110)).toEqual(["bob"]);
  expect(deadlines.over(130)).toEqual(["bob", "ann"]);
});
