/** `--max-rate`: how many lines of a member are taken in a second. */

import { expect, test } from "bun:test";

import { rate } from "../../lib/extras/rate.ts";
import { openParts } from "./open-parts.ts";

test("lines over the rate are taken later, a second's worth at once, and none is lost", () => {
  const { join, pass, due } = openParts([() => rate(2)]);
  const [ann, bob] = [join("ann"), join("bob")];
  ann.sends("1\n2\n3\n4\n5\n");
  pass(0);
  pass(0);
  expect([bob.received, ann.paused, due.inMs]).toEqual(["1\n2\n", true, 500]);
  pass(499);
  pass(0);
  expect(bob.received).toBe("1\n2\n");
  pass(1);
  pass(0);
  expect(bob.received).toBe("1\n2\n3\n");
  for (let turn = 0; turn < 2; turn++) {
    pass(500);
    pass(0);
  }
  expect([bob.received, ann.paused]).toEqual(["1\n2\n3\n4\n5\n", false]);
});
