/** What the simulator has found, each told again as the shortest story. */

import { expect, test } from "bun:test";

import { Room, type RoomSocket } from "../../lib/room/room.ts";

test("a newcomer does not cut off members that are being sent away", () => {
  let now = 0;
  const room = new Room({ membersMax: 2, lingerersMax: 1, idleMs: 100, now: () => now, wake() {} });
  const sockets = [new Paper(), new Paper()];
  for (const socket of sockets) room.join(socket, "member");
  now = 100;
  room.flush();
  room.join(new Paper(), "newcomer");
  room.flush();
  for (const socket of sockets) expect(socket.text).toBe("* idle for 100ms\n[EOF]");
});

/** A socket that takes everything and writes down what happens to it. */
class Paper implements RoomSocket {
  text = "";

  write(bytes: Uint8Array, offset: number, length: number): number {
    this.text += new TextDecoder().decode(bytes.subarray(offset, offset + length));
    return length;
  }
  shutdown(): void {
    this.text += "[EOF]";
  }
  end(): void {
    this.text += "[closed]";
  }
  terminate(): void {
    this.text += "[reset]";
  }
  pause(): void {}
  resume(): void {}
}
