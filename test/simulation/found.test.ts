/** What the simulator has found, each told again as the shortest story. */

import { expect, test } from "bun:test";

import type { RoomOptions } from "../../lib/room/options.ts";
import { Room } from "../../lib/room/room.ts";
import { Connections } from "../../lib/server/connections.ts";
import { FakeSocket } from "../room/fake-socket.ts";

test("a newcomer does not cut off members that have to leave", () => {
  const { room, pass } = openRoom({ idle: { ms: 100, word: "idle for 100ms" } });
  const limits = { clientsMax: 2, lingerersMax: 1 };
  const connections = new Connections(room, { unix: true, handshake: false, ...limits });
  const members = [new FakeSocket(), new FakeSocket()];
  for (const socket of members) connections.accept(socket);
  pass(100);
  connections.accept(new FakeSocket());
  pass(0);
  for (const { heard, ended } of members)
    expect([heard, ended]).toEqual(["* idle for 100ms\n", true]);
});

test("a drain that nobody waits for does not send EOF again", () => {
  const { room } = openRoom();
  const socket = new FakeSocket();
  room.refuse(socket, "ann", "room is full");
  socket.ended = false;
  socket.data.drained();
  expect([socket.heard, socket.ended]).toEqual(["* room is full\n", false]);
});

test("who is gone while its lines wait is not idle afterwards", () => {
  const idle = { ms: 100, word: "idle for 100ms" };
  const { join, pass, left } = openRoom({ logBytes: 8, lineBytesMax: 8, idle });
  const [ann, bob] = [join("ann"), join("bob")];
  bob.room = 0;
  ann.says("1\n2\n3\n4\n5\n");
  pass(0);
  ann.data.closed();
  bob.drains(100);
  pass(0);
  pass(100);
  pass(20_000);
  expect(left).toEqual(["ann: reset", "bob: idle"]);
});

test("who leaves and has taken all it is owed is not too slow, though more was said since", () => {
  const { join, pass, left } = openRoom({ logBytes: 8, lineBytesMax: 4, patienceMs: 1000 });
  const [ann, bob] = [join("ann"), join("bob")];
  bob.room = 0;
  ann.says("1\n2\n");
  pass(0);
  bob.says("1234");
  ann.says("3\n4\n5\n");
  pass(0);
  pass(999);
  bob.room = 100;
  pass(1);
  expect(bob.heard).toBe("1\n2\n* line longer than 4 bytes\n");
  expect([bob.ended, bob.reset]).toEqual([true, false]);
  expect(left).toEqual(["bob: line too long"]);
});

test("a newcomer that has to leave before its turn, and takes all of history then, gets EOF once", () => {
  const { room, join, pass } = openRoom({ history: { bytes: 100 } });
  void room.say("before");
  const ann = join("ann");
  let ends = 0;
  ann.shutdown = () => ends++;
  room.members[0]?.sendAway("rude");
  pass(0);
  pass(0);
  expect([ann.heard, ends]).toEqual(["before\n* rude\n", 1]);
});

/** A room with a clock that the test moves, and a list of who has left. */
function openRoom(options: Partial<RoomOptions> = {}) {
  let ms = 0;
  const left: string[] = [];
  const room = new Room({
    now: () => ms,
    wake() {},
    onLeave: (name, reason) => left.push(`${name}: ${reason}`),
    ...options,
  });
  const join = (name: string): FakeSocket => {
    const socket = new FakeSocket();
    room.join(socket, name);
    return socket;
  };
  const pass = (byMs: number) => {
    ms += byMs;
    room.flush();
  };
  return { room, join, pass, left };
}
