/** A room without a server: for sockets of any kind, of a program that runs its own event loop. */

import { Room, type RoomOptions } from "../room/room.ts";
import type { RoomSocket } from "../room/socket.ts";
import { checkLimits } from "./check-limits.ts";
import { guardWith, reports, type RoomEvents } from "./reports.ts";

/** Clock and alarm of the program, and what there is to choose in the room. */
export type OpenRoomOptions = RoomEvents &
  Pick<RoomOptions, "logBytes" | "lineBytesMax" | "patienceMs" | "lingerMs" | "now" | "wake"> & {
    /** Told what an event has thrown; by default, that is an uncaught exception. */
    onError?: (error: Error) => void;
  };

/** A room, as the program around it sees it. */
export interface EmbeddedRoom {
  /** How many members there are. */
  readonly size: number;
  /**
   * Takes in a connection. From then on, `socket.data` is to be told what happens to it.
   *
   * @param name what reports call it
   */
  join(socket: RoomSocket, name: string): void;
  /** Does the work of a turn; to be called when `wake` asks for it. */
  flush(): void;
  /** Takes no more lines; hands everybody what is pending, then EOF. */
  stop(): void;
  /** Ends all connections at once. */
  abort(): void;
}

/** @throws {UserError} that names a number which is out of its range */
export function openRoom(options: OpenRoomOptions): EmbeddedRoom {
  checkLimits(options);
  const room = new Room({
    ...options,
    extras: [() => reports(options, guardWith(options.onError))],
  });
  return {
    get size() {
      return room.size;
    },
    join: (socket, name) => room.join(socket, name),
    flush: () => room.flush(),
    stop: () => room.stop(),
    abort: () => room.abort(),
  };
}
