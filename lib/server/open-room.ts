/** A room as a program opens it: its numbers are checked, and it reports what happens. */

import { checkRange, guarded, usageError } from "../program/system-errors.ts";
import { DAY_MS, formatSize } from "../program/units.ts";
import type { Extra } from "../room/extra.ts";
import { DEFAULTS, Room, type RoomOptions } from "../room/room.ts";
import type { EmbeddedRoom, OpenRoomOptions, RoomEvents } from "./api.ts";

/** What concerns an extra, that looks at itself. */
const RANGES: readonly (readonly [name: string, min: number, max: number])[] = [
  ["logBytes", 1, 2 ** 31],
  ["lineBytesMax", 1, 2 ** 31],
  ["patienceMs", 0, DAY_MS],
  ["lingerMs", 0, DAY_MS],
  ["arrivalMs", 1, DAY_MS],
  ["clientsMax", 1, Infinity],
  ["lingerersMax", 1, Infinity],
  ["unixMode", 0, 0o777],
];

/**
 * Opens a room without a server: for sockets of any kind, of a program with its own event loop.
 *
 * @throws {UserError} that names an option which is out of its range
 */
export const openRoom: (options: OpenRoomOptions) => EmbeddedRoom = openReportingRoom;

/** The same, with all that there is in a room. */
export function openReportingRoom(options: RoomOptions & RoomEvents): Room {
  const given: Readonly<Record<string, unknown>> = { ...options };
  for (const [name, min, max] of RANGES)
    if (given[name] !== undefined) checkRange(name, given[name], min, max);
  const { lineBytesMax = DEFAULTS.lineBytesMax, logBytes = DEFAULTS.logBytes } = options;
  const { addedBytesMax = 0, extras = [] } = options;
  const loggedBytesMax = lineBytesMax + addedBytesMax;
  const asLogged = addedBytesMax > 0 ? `, of up to ${loggedBytesMax} bytes as it is relayed,` : "";
  if (loggedBytesMax > logBytes)
    throw usageError(
      `a line of ${formatSize(lineBytesMax)} (--max-line, lineBytesMax)${asLogged} does not fit into a log of ${formatSize(logBytes)} (--buffer, logBytes)`,
    );
  return new Room({ ...options, extras: [() => reports(options), ...extras] });
}

/** Tells the events what happens in a room. */
export function reports({ onJoin, onLeave, onRefuse, onError }: RoomEvents): Extra {
  return {
    joined: guarded(onJoin, onError),
    gone: guarded(onLeave, onError),
    refused: guarded(onRefuse, onError),
  };
}
