/** What the simulator has found and no other test shows, each told again as the shortest story. */

import { expect, test } from "bun:test";

import { telnet } from "../../lib/doors/telnet.ts";
import { idle } from "../../lib/extras/idle.ts";
import { openParts } from "../extras/open-parts.ts";
import { FakeSocket } from "../room/fake-socket.ts";
import { openRoom } from "../room/open-room.ts";

test("a newcomer does not cut off members that have to leave", () => {
  const limits = { clientsMax: 2, lingerersMax: 1 };
  const { accept, pass } = openParts([() => idle(100)], limits);
  const members = [accept(), accept()];
  pass(100);
  for (let newcomer = 0; newcomer < 2; newcomer++) accept();
  pass(0);
  for (const { received, ended } of members)
    expect([received, ended]).toEqual(["* idle for 100ms\n", true]);
});

test("a drain that nobody waits for does not send EOF again", () => {
  const { room } = openRoom();
  const socket = new FakeSocket();
  room.refuse(socket, "ann", "room is full");
  socket.ended = false;
  socket.data.drained();
  expect([socket.received, socket.ended]).toEqual(["* room is full\n", false]);
});

test("a leaver that has taken all that is pending is not too slow, though more was sent since", () => {
  const options = { logBytes: 8, lineBytesMax: 4, patienceMs: 1000 };
  const { join, pass, left } = openRoom(options);
  const [ann, bob] = [join("ann"), join("bob", 0)];
  ann.sends("1\n2\n");
  pass(0);
  bob.sends("1234");
  ann.sends("3\n4\n5\n");
  pass(0);
  pass(999);
  bob.room = 100;
  pass(1);
  expect(bob.received).toBe("1\n2\n* line longer than 4 bytes\n");
  expect([bob.ended, bob.reset, left]).toEqual([true, false, ["bob: line too long"]]);
});

test("one that is found gone as telnet answers what it has sent while it waited does not join", () => {
  const { accept, pass, room } = openParts([telnet], { clientsMax: 1 });
  const [ann, bob] = [accept(), accept()];
  bob.data.received(Uint8Array.of(0xff, 0xfb, 0x1f));
  bob.write = () => {
    bob.onClosed();
    return -1;
  };
  ann.onClosed();
  pass(0);
  expect(room.size).toBe(0);
});
