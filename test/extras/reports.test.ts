/** What is told of something may do anything to the room at that moment, or throw. */

import { expect, setDefaultTimeout, test } from "bun:test";

import { bot, type BotRoom } from "../../lib/extras/bot.ts";
import { history } from "../../lib/extras/history.ts";
import { names } from "../../lib/extras/names/names.ts";
import { presence } from "../../lib/extras/presence.ts";
import { rate } from "../../lib/extras/rate.ts";
import type { Room } from "../../lib/room/room.ts";
import { GONE } from "../../lib/room/socket.ts";
import type { Connections } from "../../lib/server/connections.ts";
import { openReportingRoom } from "../../lib/server/listen.ts";
import { FakeSocket } from "../room/fake-socket.ts";
import { contextWith, type Make, openParts } from "./open-parts.ts";

setDefaultTimeout(60_000);

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

/** What may be done to a room by what is told of it. */
const ACTS: Record<string, (room: Room, program: BotRoom, connections: Connections) => void> = {
  "sends a line": (_, program) => void program.send("a bot"),
  "disconnects all": ({ members }) => [...members].forEach((one) => one.disconnect("away")),
  "resets all": ({ members }) => [...members].forEach((one) => one.cursor.socket.data.failed()),
  "stops the server": (_, __, connections) => void connections.stop(1000),
};
const REPORTS = ["onJoin", "onLine", "onLeave", "joined", "left", "gone", "refused"] as const;

test.each(REPORTS.flatMap((report) => Object.keys(ACTS).map((act) => [report, act] as const)))(
  "%s %s: everybody leaves once, and the room comes to rest",
  (report, act) => {
    let [depth, program] = [0, undefined as BotRoom | undefined];
    const told = (what: typeof report) => (_: unknown) => {
      if (what !== report || depth > 1 || !program) return;
      depth++;
      ACTS[act]?.(room, program, connections);
      depth--;
    };
    const reports = Object.fromEntries(REPORTS.map((what) => [what, told(what)]));
    const makers: Make[] = [
      () => rate(5),
      (context) => names(context, 64),
      () => history({ bytes: 300, lines: 3 }),
      presence,
      (context) => bot((room) => ((program = room), reports), context),
    ];
    const options = { logBytes: 400, lineBytesMax: 64, clientsMax: 3, extras: [() => reports] };
    const { room, connections, accept, pass, settle, left } = openParts(makers, options);
    const sockets = ["ann", "bob", "eve", "refused"].map((name) => {
      const socket = accept();
      socket.sends(`${name}\nhello\n`);
      return socket;
    });
    settle();
    sockets[0]?.data.ended();
    if (!sockets[1]?.paused) sockets[1]?.sends("more\n");
    settle();
    void connections.stop(1000);
    settle();
    for (const socket of sockets) if (socket.data !== GONE) socket.end();
    for (let turn = 0; turn < 2; turn++) pass(60_000);
    const { pending, lingering, members } = room;
    const here = [members, pending, lingering, connections.arrivals].map(({ size }) => size);
    expect([connections.open, ...here]).toEqual([0, 0, 0, 0, 0]);
    expect(left).toEqual([...new Set(left)]);
  },
);
