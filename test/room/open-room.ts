/** A room for tests, with a clock that the test moves. */

import type { Member } from "../../lib/room/member.ts";
import type { RoomOptions } from "../../lib/room/options.ts";
import { Room } from "../../lib/room/room.ts";
import { FakeSocket } from "./fake-socket.ts";

export function openRoom(options: Partial<RoomOptions> = {}) {
  const clock = { ms: 0 };
  /** Whether a flush was asked for, at the end of this turn or later. */
  const due = { now: false, inMs: Number.POSITIVE_INFINITY };
  const left: string[] = [];
  const room: Room = new Room({
    now: () => clock.ms,
    wake(delayMs) {
      if (delayMs === 0) due.now = true;
      else due.inMs = Math.min(due.inMs, delayMs);
    },
    onLeave: (name, reason) => left.push(`${name}: ${reason}`),
    ...options,
  });
  const join = (name: string, takes = Number.MAX_SAFE_INTEGER): FakeSocket => {
    const socket = new FakeSocket();
    socket.room = takes;
    room.join(socket, name);
    return socket;
  };
  const member = (name: string): Member => {
    const found = room.members.find((one) => one.name === name);
    if (!found) throw new Error(`${name} is not here`);
    return found;
  };
  const flush = () => {
    due.now = false;
    due.inMs = Number.POSITIVE_INFINITY;
    room.flush();
  };
  /** Time goes on, and the room does what is due then. */
  const pass = (ms: number) => {
    clock.ms += ms;
    flush();
  };
  /** The room does what it has asked for, until there is no more. */
  const settle = () => {
    for (let turns = 0; due.now; turns++) {
      if (turns > 1000) throw new Error("the room never comes to rest");
      flush();
    }
  };
  return { room, join, member, pass, settle, due, left };
}
