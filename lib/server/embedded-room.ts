/** A room without a server: for sockets of any kind, of a program that runs its own event loop. */

import { Room, type RoomOptions } from "../room/room.ts";
import { checkLimits } from "./check-limits.ts";
import { guardWith, reports, type RoomEvents } from "./reports.ts";

/** Clock and alarm of the program, and what there is to choose in the room. */
export type OpenRoomOptions = RoomEvents &
  Pick<RoomOptions, "logBytes" | "lineBytesMax" | "patienceMs" | "lingerMs" | "now" | "wake"> & {
    /** Told what an event has thrown; by default, that is an uncaught exception. */
    onError?: (error: Error) => void;
  };

/** From `join(socket, name)` on, `socket.data` is to be told what happens; `flush` when `wake` asks. */
export type EmbeddedRoom = Pick<Room, "size" | "join" | "flush" | "stop" | "abort">;

/** @throws {UserError} that names a number which is out of its range */
export function openRoom(options: OpenRoomOptions): EmbeddedRoom {
  checkLimits(options);
  const extras = [() => reports(options, guardWith(options.onError))];
  return new Room({ ...options, extras });
}
