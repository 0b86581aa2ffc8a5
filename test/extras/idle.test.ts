/** `--idle`: a member that sends no line for too long is disconnected. */

import { expect, test } from "bun:test";

import { idle } from "../../lib/extras/idle.ts";
import { openParts, type Options } from "./open-parts.ts";

function openRoom(options: Options = {}) {
  const opened = openParts([() => idle(60_000)], options);
  return { ...opened, ann: opened.join("ann"), bob: opened.join("bob") };
}

test("one that has sent no whole line gets what is pending, the reason, then EOF", () => {
  const { room, pass, due, left, ann, bob } = openRoom();
  pass(30_000);
  expect(due.inMs).toBe(30_000);
  ann.sends("hello\n");
  bob.sends("no line end");
  pass(29_999);
  expect(bob.ended).toBe(false);
  pass(1);
  pass(0);
  expect([bob.received, bob.ended]).toEqual(["hello\n* idle for 1m\n", true]);
  expect([left, room.size]).toEqual([["bob: idle"], 1]);
});

test("one that is gone while its lines wait is not idle afterwards", () => {
  const { pass, left, ann, bob } = openRoom({ logBytes: 8, lineBytesMax: 8 });
  bob.room = 0;
  ann.sends("1\n2\n3\n4\n5\n");
  pass(0);
  ann.data.closed();
  bob.drains(100);
  for (let turn = 0; turn < 3; turn++) pass(60_000);
  expect(left).toEqual(["ann: reset", "bob: idle"]);
});
