/** An extra that is told of something may do anything to the room at that moment. */

import { expect, test } from "bun:test";

import { history } from "../../lib/extras/history.ts";
import { idle } from "../../lib/extras/idle.ts";
import { names } from "../../lib/extras/names/names.ts";
import { presence } from "../../lib/extras/presence.ts";
import { rate } from "../../lib/extras/rate.ts";
import type { Extra } from "../../lib/room/extra.ts";
import { forSeeds } from "../harness/seeds.ts";
import { FakeSocket } from "../room/fake-socket.ts";
import { openRoom } from "../room/open-room.ts";
import type { Random } from "../simulation/random.ts";
import { openExtras } from "./open-extras.ts";

const WORLDS = 300;
const STEPS = 60;
const LINES = ["al\n", "bo: hi\n", "hello\nyou\n", "x", "* y\n", "\n".repeat(20), "al: al\n"];

test("it stops the room in the middle of a flush although lines are held back", () => {
  const { extra } = rate(1);
  const { room, join, settle, left } = openRoom({
    extras: [...(extra ? [extra] : []), (room) => ({ sent: () => room.stop() })],
  });
  const [ann, bob] = [join("ann"), join("bob")];
  ann.sends("1\n2\n3\n");
  settle();
  expect([bob.received, bob.ended, ann.ended]).toEqual(["1\n2\n3\n", true, true]);
  expect(left).toEqual(["ann: server stopping", "bob: server stopping"]);
  expect(room.size).toBe(0);
});

test("it disconnects, resets, stops: everybody leaves once, and the room comes to rest", () => {
  forSeeds(WORLDS, inWorld);
});

function inWorld(random: Random): void {
  let depth = 0;
  const meddle = () => {
    const members = [...opened.room.members];
    if (depth > 2 || !random.chance(300)) return;
    depth++;
    const one = members.length > 0 ? random.pick(members) : undefined;
    const what = random.below(50);
    if (what < 30) one?.disconnect("away");
    else if (what < 49) one?.cursor.socket.data.failed("thrown out");
    else opened.room.stop();
    depth--;
  };
  const meddler: Extra = {
    joined: meddle,
    sent: meddle,
    left: meddle,
    gone: meddle,
    refused: meddle,
  };
  const opened = openExtras(
    (context) => [
      ...(random.chance(300) ? [rate(5)] : []),
      ...(random.chance(500) ? [names(context)] : []),
      ...(random.chance(500) ? [history({ bytes: 300, lines: 3 }, 100)] : []),
      ...(random.chance(500) ? [presence(context)] : []),
      ...(random.chance(500) ? [idle(300)] : []),
      { name: "meddler", extra: () => meddler },
    ],
    { logBytes: 400, lineBytesMax: 64, patienceMs: 500 },
  );
  const { room, accept, pass, settle, due, left } = opened;
  const sockets: FakeSocket[] = [];
  for (let step = 0; step < STEPS; step++) {
    const open = sockets.filter(({ closed }) => !closed);
    const what = random.below(8);
    if (what === 0 || open.length === 0) sockets.push(frail(accept(), random));
    else if (what > 6) pass(random.below(100));
    else happensTo(random.pick(open), what);
  }
  function happensTo(socket: FakeSocket, what: number): void {
    if (what === 1) socket.drains(random.below(100));
    else if (what === 2 && random.chance(300)) socket.terminate();
    else if (!socket.paused && what === 3 && random.chance(300)) socket.data.ended();
    else if (!socket.paused) socket.sends(random.pick(LINES));
  }
  room.stop();
  settle();
  for (const socket of sockets) if (!socket.closed) socket.drains(Number.MAX_SAFE_INTEGER);
  settle();
  for (const socket of sockets) socket.terminate();
  pass(120_000);
  settle();
  const here = [room.members.size, room.pending.size, room.lingering.size, due.inMs];
  expect(here).toEqual([0, 0, 0, Number.POSITIVE_INFINITY]);
  expect(new Set(left.map((one) => one.split(": ")[0])).size).toBe(left.length);
}

/** A socket that is gone now and then when it is written to. */
function frail(socket: FakeSocket, random: Random): FakeSocket {
  const { write, onClosed } = socket;
  const goes = () => {
    if (!socket.closed) onClosed();
    socket.closed = true;
  };
  if (random.chance(300)) socket.room = random.below(30);
  socket.onClosed = goes;
  socket.end = goes;
  socket.write = (from, offset, length) => {
    if (random.chance(25)) goes();
    return socket.closed ? -1 : write.call(socket, from, offset, length);
  };
  return socket;
}
