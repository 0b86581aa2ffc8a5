/** A room for tests, with a clock that the test moves, and a list of what happened in it. */

import type { Extra } from "../../lib/room/extra.ts";
import type { Member } from "../../lib/room/member.ts";
import { Room, type RoomOptions } from "../../lib/room/room.ts";
import { FakeSocket } from "./fake-socket.ts";

export function openRoom(options: Partial<RoomOptions> = {}) {
  const clock = { ms: 0 };
  /** Whether a flush was asked for, at the end of this turn or later. */
  const due = { now: false, inMs: Number.POSITIVE_INFINITY };
  /** Who has left and why; and the same with all that joined or were refused. */
  const left: string[] = [];
  const events: string[] = [];
  const observer: Extra = {
    joined: ({ label }) => events.push(`joined ${label}`),
    gone({ label }, reason, behindBytes) {
      left.push(`${label}: ${reason}`);
      const behind = behindBytes > 0 ? `, ${behindBytes} bytes behind` : "";
      events.push(`left ${label}: ${reason}${behind}`);
    },
    refused: (label, message) => events.push(`refused ${label}: ${message}`),
  };
  const room: Room = new Room({
    now: () => clock.ms,
    wake(delayMs) {
      if (delayMs === 0) due.now = true;
      else due.inMs = Math.min(due.inMs, delayMs);
    },
    ...options,
    extras: [() => observer, ...(options.extras ?? [])],
  });
  const join = (name: string, takes = Number.MAX_SAFE_INTEGER): FakeSocket => {
    const socket = new FakeSocket();
    socket.room = takes;
    room.join(socket, name);
    return socket;
  };
  const member = (name: string): Member => {
    const found = [...room.members].find((one) => one.name === name);
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
  return { room, join, member, pass, settle, due, left, events };
}
