/** Whoever is told of something may do anything to the room at that moment. */

import { expect, test } from "bun:test";

import { Random } from "../simulation/random.ts";
import { FakeSocket } from "./fake-socket.ts";
import { openRoom } from "./open-room.ts";

const WORLDS = 2000;
const STEPS = 60;
const LINES = ["al\n", "bo: hi\n", "hello\nyou\n", "x", "* y\n", "\n".repeat(20), "al: al\n"];

/** A socket that is gone now and then when it is written to. */
class FrailSocket extends FakeSocket {
  readonly #random: Random;

  constructor(random: Random) {
    super();
    this.#random = random;
    if (random.chance(300)) this.room = random.below(30);
    this.onClosed = () => this.goes();
  }

  goes(): void {
    if (!this.closed) this.data.closed();
    this.closed = true;
  }

  override write(from: Uint8Array, offset: number, length: number): number {
    if (this.#random.chance(25)) this.goes();
    return this.closed ? -1 : super.write(from, offset, length);
  }

  override end(): void {
    this.goes();
  }
}

test("the room stops in the middle of a flush although lines wait for their rate", () => {
  const { room, join, settle, left } = openRoom({
    linesPerSecond: 1,
    onLine: () => void room.stop(),
  });
  const [ann, bob] = [join("ann"), join("bob")];
  ann.says("1\n2\n3\n");
  settle();
  expect([bob.heard, bob.ended, ann.ended]).toEqual(["1\n2\n3\n", true, true]);
  expect(left).toEqual(["ann: server stopping", "bob: server stopping"]);
});

test("say, send away, reset, stop: everybody leaves once, and the room comes to rest", () => {
  for (let seed = 1; seed <= WORLDS; seed++) inWorld(new Random(seed), `seed ${seed}`);
});

function inWorld(random: Random, world: string): void {
  const left: string[] = [];
  let depth = 0;
  const meddle = () => {
    const { members } = room;
    if (depth > 2 || !random.chance(300)) return;
    depth++;
    const one = members.length > 0 ? random.pick(members) : undefined;
    const what = random.below(50);
    if (what < 10) void room.say("a bot");
    else if (what < 30) one?.sendAway("away");
    else if (what < 49) one?.failed("thrown out");
    else room.stop();
    depth--;
  };
  const { room, pass, settle, due } = openRoom({
    names: random.chance(500),
    announce: random.chance(500),
    history: random.chance(500) ? { bytes: 300, lines: 3 } : undefined,
    idle: random.chance(500) ? { ms: 300, word: "idle" } : undefined,
    linesPerSecond: random.chance(300) ? 5 : undefined,
    logBytes: 400,
    lineBytesMax: 64,
    patienceMs: 500,
    onJoin: meddle,
    onNamed: meddle,
    onLine: meddle,
    onRefuse: meddle,
    onLeave(name) {
      left.push(name.split(" ").at(-1) ?? "");
      meddle();
    },
  });
  const sockets: FrailSocket[] = [];
  const come = () => {
    const socket = new FrailSocket(random);
    const certificate = { name: random.pick(["al", "bo"]), fingerprint: `${random.below(2)}` };
    room.join(socket, `${sockets.push(socket)}`, random.chance(300) ? certificate : undefined);
  };
  for (let step = 0; step < STEPS; step++) {
    const open = sockets.filter(({ closed }) => !closed);
    const what = random.below(8);
    if (what === 0 || open.length === 0) come();
    else if (what > 6) pass(random.below(100));
    else happensTo(random.pick(open), what);
  }
  function happensTo(socket: FrailSocket, what: number): void {
    if (what === 1) socket.drains(random.below(100));
    else if (what === 2 && random.chance(300)) socket.goes();
    else if (!socket.paused && what === 3 && random.chance(300)) socket.data.ended();
    else if (!socket.paused) socket.says(random.pick(LINES));
  }
  room.stop();
  settle();
  for (const socket of sockets) if (!socket.closed) socket.drains(Number.MAX_SAFE_INTEGER);
  settle();
  for (const socket of sockets) socket.goes();
  pass(60_000);
  settle();
  const here = [room.size, room.seats, room.owed.size, room.lingering.size];
  expect([world, ...here, due.inMs]).toEqual([world, 0, 0, 0, 0, Number.POSITIVE_INFINITY]);
  expect([world, new Set(left).size]).toEqual([world, left.length]);
}
