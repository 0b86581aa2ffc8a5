/** What is told of something may do anything to the room at that moment, or throw. */

import { expect, test } from "bun:test";

import { bot, type BotEvents } from "../../lib/extras/bot.ts";
import { names } from "../../lib/extras/names/names.ts";
import { rate } from "../../lib/extras/rate.ts";
import type { Extra } from "../../lib/room/extra.ts";
import type { Member } from "../../lib/room/member.ts";
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

for (const [how, act] of [
  ["disconnects", (member: Member) => member.disconnect("away")],
  ["resets", ({ cursor }: Member) => cursor.socket.data.failed("thrown out")],
] as const)
  test.each(["joined", "left", "gone", "refused", "onJoin", "onLine", "onLeave"])(
    `that ${how} all members at %s: each leaves once, and the room comes to rest`,
    (report) => {
      const left: string[] = [];
      let reports = 0;
      const meddle = () => {
        reports++;
        for (const member of [...room.members]) act(member);
      };
      const meddler: Extra = { [report]: meddle };
      const events: BotEvents = { [report]: meddle };
      const opened = openParts([names, (context) => bot(() => events, context)], {
        clientsMax: 3,
        extras: [() => ({ left: ({ name }) => left.push(name) }), () => meddler],
      });
      const { room, connections, accept, pass, settle } = opened;
      const members = ["ann", "bob", "cat"];
      const [ann] = members.map((name) => {
        const socket = accept();
        socket.sends(`${name}\nhello\n`);
        return socket;
      });
      accept(); // It is refused.
      settle();
      ann?.data.ended();
      for (let turn = 0; turn < 3; turn++) pass(60_000);
      expect(reports).toBeGreaterThan(0);
      expect([left.toSorted(), opened.left.length]).toEqual([members, members.length]);
      const { open, arrivals } = connections;
      const here = [open, arrivals.size, room.members.size, room.pending.size, room.lingering.size];
      expect(here).toEqual([0, 0, 0, 0, 0]);
    },
  );

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
