/** `--max-rate`: how many lines of a member are taken in a second. */

import { expect, test } from "bun:test";

import { rate } from "../../lib/extras/rate.ts";
import { openParts } from "./open-parts.ts";

function openRoom(linesPerSecond: number) {
  const opened = openParts([() => rate(linesPerSecond)]);
  return { ...opened, ann: opened.join("ann"), bob: opened.join("bob") };
}

test("lines over the rate are taken later, a second's worth at once, and none is lost", () => {
  const { pass, due, ann, bob } = openRoom(2);
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

test("one that has used up its rate exactly, and sends more, is woken for it", () => {
  const { pass, due, ann, bob } = openRoom(2);
  ann.sends("1\n2\n");
  pass(0);
  ann.sends("3\n");
  expect([ann.paused, due.inMs]).toEqual([true, 500]);
  pass(500);
  pass(0);
  expect([bob.received, ann.paused]).toEqual(["1\n2\n3\n", false]);
});

test("the rate ends with the connection, with a disconnect, and with the room", () => {
  for (const how of ["closed", "disconnected", "stopped"]) {
    const { room, member, pass, ann, bob } = openRoom(1);
    ann.sends("1\n2\n3\n");
    if (how === "closed") ann.data.closed();
    else if (how === "stopped") room.stop();
    else member("ann").disconnect("flooding");
    pass(0);
    expect([how, bob.received]).toEqual([how, "1\n2\n3\n"]);
  }
});
