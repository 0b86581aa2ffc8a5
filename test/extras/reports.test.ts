/** What is told of something may do anything to the room at that moment, or throw. */

import { describe, expect, setDefaultTimeout, test } from "bun:test";

import { bot, type BotRoom } from "../../lib/extras/bot.ts";
import { history } from "../../lib/extras/history.ts";
import { idle } from "../../lib/extras/idle.ts";
import { names } from "../../lib/extras/names/names.ts";
import { presence } from "../../lib/extras/presence.ts";
import { rate } from "../../lib/extras/rate.ts";
import type { Extra } from "../../lib/room/extra.ts";
import { openReportingRoom } from "../../lib/server/listen.ts";
import { FakeSocket } from "../room/fake-socket.ts";
import { Random } from "../simulation/random.ts";
import { contextWith, type Make, openParts } from "./open-parts.ts";

setDefaultTimeout(60_000);

const WORLDS = 500;
const STEPS = 60;
const LINES = ["al\n", "bo: hi\n", "hello\nyou\n", "x", "* y\n", "\n".repeat(20), "al: al\n"];

/** A socket that is gone now and then when it is written to. */
function frailSocket(random: Random, port: number): FakeSocket {
  const socket = new FakeSocket(port, "::1");
  const { end, write } = socket;
  if (random.chance(300)) socket.room = random.below(30);
  socket.end = socket.terminate = () => {
    if (!socket.closed) end.call(socket);
  };
  socket.write = (from, offset, length) => {
    if (random.chance(25)) socket.end();
    return socket.closed ? -1 : write.call(socket, from, offset, length);
  };
  return socket;
}

describe("what is told", () => {
  test("that stops the room in the middle of a turn loses no line that waits for its rate", () => {
    const onLine = () => room.stop();
    const makers: Make[] = [() => rate(1), (context) => bot(() => ({ onLine }), context)];
    const { room, join, settle, left } = openParts(makers);
    const [ann, bob] = [join("ann"), join("bob")];
    ann.sends("1\n2\n3\n");
    settle();
    expect([bob.received, bob.ended, ann.ended]).toEqual(["1\n2\n3\n", true, true]);
    expect(left).toEqual(["ann: server stopping", "bob: server stopping"]);
  });

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

  test("that sends, disconnects, resets or stops: everybody leaves once, and the room comes to rest", () => {
    for (let seed = 1; seed <= WORLDS; seed++) inWorld(new Random(seed), `seed ${seed}`);
  });
});

const SIZES = { logBytes: 400, lineBytesMax: 64 };

function inWorld(random: Random, world: string): void {
  const left: string[] = [];
  const gone: string[] = [];
  let depth = 0;
  const meddle = () => {
    if (depth > 2 || !random.chance(300)) return;
    depth++;
    const members = [...room.members];
    const one = members.length > 0 ? random.pick(members) : undefined;
    const what = random.below(50);
    if (what < 10) void program.send("a bot");
    else if (what < 30) one?.disconnect("away");
    else if (what < 49) one?.cursor.socket.data.failed("thrown out");
    else void connections.stop(1000);
    depth--;
  };
  let program!: BotRoom;
  const events = { onLine: meddle, onJoin: meddle, onLeave: meddle };
  const observer: Extra = {
    joined: meddle,
    left: ({ label }) => left.push(label),
    gone({ label }) {
      gone.push(label);
      meddle();
    },
    refused: meddle,
  };
  const all: Make[] = [
    () => rate(5),
    (context) => names(context, SIZES.lineBytesMax),
    () => history({ bytes: 300, lines: 3 }, random.below(300)),
    presence,
    () => idle(300),
  ];
  const { room, connections, accept, pass, settle, due } = openParts(
    [
      ...all.filter(() => random.chance(500)),
      (context) => bot((it) => ((program = it), events), context),
    ],
    {
      ...SIZES,
      patienceMs: 500,
      secrets: random.chance(500) ? { tls: {} } : {},
      clientsMax: random.between(2, 20),
      lingerersMax: random.between(1, 5),
      extras: [() => observer],
    },
  );
  const sockets: FakeSocket[] = [];
  const join = () => {
    const socket = frailSocket(random, sockets.length + 1);
    if (random.chance(300)) socket.shows = random.pick(["al", "bo"]);
    sockets.push(socket);
    accept(socket);
  };
  const happensTo = (socket: FakeSocket, what: number) => {
    if (what === 1) socket.drains(random.below(100));
    else if (what === 2 && random.chance(300)) socket.end();
    else if (!socket.paused && what === 3 && random.chance(300)) socket.data.ended();
    else if (!socket.paused) socket.sends(random.pick(LINES));
  };
  for (let step = 0; step < STEPS; step++) {
    const open = sockets.filter(({ closed }) => !closed);
    const what = random.below(8);
    if (what === 0 || open.length === 0) join();
    else if (what > 6) pass(random.below(100));
    else happensTo(random.pick(open), what);
  }
  void connections.stop(1000);
  settle();
  for (const socket of sockets) if (!socket.closed) socket.drains(Number.MAX_SAFE_INTEGER);
  settle();
  for (const socket of sockets) socket.end();
  for (let turn = 0; turn < 2; turn++) pass(60_000);
  settle();
  const { open, arrivals } = connections;
  const here = [open, arrivals.size, room.members.size, room.pending.size, room.lingering.size];
  expect([world, ...here, due.inMs]).toEqual([world, 0, 0, 0, 0, 0, Number.POSITIVE_INFINITY]);
  const once = [...new Set(left)].toSorted();
  expect([world, left.toSorted(), gone.toSorted()]).toEqual([world, once, once]);
}
