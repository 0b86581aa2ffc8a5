/** What is told of something may do anything to the room at that moment, or throw. */

import { expect, test } from "bun:test";

import { bot } from "../../lib/extras/bot.ts";
import { rate } from "../../lib/extras/rate.ts";
import { openReportingRoom } from "../../lib/server/listen.ts";
import { FakeSocket } from "../room/fake-socket.ts";
import { contextWith, openParts } from "./open-parts.ts";

test("that throws changes nothing, and the error is told once the room is done", async () => {
  const errors: string[] = [];
  const onError = ({ message }: Error) => void errors.push(message);
  const fail = (report: string) => () => {
    throw new Error(report);
  };
  const [onJoin, onLeave, onRefuse] = [fail("join"), fail("leave"), fail("refuse")];
  const { extra } = bot(() => ({ onLine: fail("line") }), { ...contextWith(), onError });
  const events = { onJoin, onLeave, onRefuse, onError, now: () => 0, wake() {} };
  const room = openReportingRoom({ ...events, extras: extra ? [extra] : [] });
  const [ann, bob, eve] = [new FakeSocket(), new FakeSocket(), new FakeSocket()];
  room.join(ann, "ann");
  room.join(bob, "bob");
  room.refuse(eve, "eve", "room is full");
  ann.sends("hello\n");
  room.flush();
  ann.data.closed();
  expect([bob.received, eve.received, room.size]).toEqual(["hello\n", "* room is full\n", 1]);
  expect(errors).toEqual([]);
  await Promise.resolve();
  expect(errors).toEqual(["join", "join", "refuse", "line", "leave"]);
});

test("that stops the room in the middle of a turn loses no line, and everybody leaves once", () => {
  const onLine = () => {
    room.stop();
    for (const member of room.members) member.disconnect("stopped");
  };
  const { room, join, settle, left } = openParts([
    () => rate(1),
    (context) => bot(() => ({ onLine }), context),
  ]);
  const [ann, bob] = [join("ann"), join("bob")];
  ann.sends("1\n2\n3\n");
  settle();
  expect([bob.received, bob.ended, ann.ended]).toEqual(["1\n2\n3\n* stopped\n", true, true]);
  expect(left.toSorted()).toEqual(["ann: stopped", "bob: stopped"]);
});
