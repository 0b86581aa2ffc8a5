/** A server with extras, with sockets and a clock that the test moves. */

import type { Way } from "../../lib/doors/door.ts";
import type { Context, Part, Secrets } from "../../lib/extras/part.ts";
import type { RoomOptions } from "../../lib/room/room.ts";
import { Connections, type ConnectionsOptions } from "../../lib/server/connections.ts";
import { contextWith } from "../doors/open-doors.ts";
import { FakeSocket } from "../room/fake-socket.ts";
import { openRoom } from "../room/open-room.ts";

interface Options extends Partial<RoomOptions>, ConnectionsOptions {
  secrets?: Secrets;
}

/** @param make makes the parts, in the order in which they are to be asked */
export function openExtras(
  make: (context: Context) => readonly Part[],
  { secrets = {}, ...options }: Options = {},
) {
  const context = contextWith(secrets);
  const parts = make(context);
  const sum = (figure: "keptBytes" | "addedBytesMax") =>
    parts.reduce((bytes, part) => bytes + (part[figure] ?? 0), 0);
  const opened = openRoom({
    ...options,
    keptBytes: sum("keptBytes"),
    addedBytesMax: sum("addedBytesMax"),
    extras: parts.flatMap(({ extra }) => extra ?? []),
  });
  const connections = new Connections(opened.room, options);
  const way: Way = { kind: "tcp", doors: parts.flatMap(({ door }) => door ?? []), open: 0 };
  connections.ways.push(way);
  let port = 0;
  /** @param certificate what it shows, over TLS */
  const accept = (certificate?: string, takes = Number.MAX_SAFE_INTEGER): FakeSocket => {
    const socket = new FakeSocket(++port, "::1");
    socket.room = takes;
    socket.shows = certificate;
    socket.onClosed = () => connections.closed(socket, way);
    connections.accept(socket, way);
    return socket;
  };
  /** What a socket has received since it was asked last. */
  const received = (socket: FakeSocket): string => {
    opened.settle();
    const text = socket.received;
    socket.received = "";
    return text;
  };
  /** Time goes on, and what is due at the doors and in the room happens. */
  const pass = (ms: number) => {
    opened.pass(ms);
    connections.flush();
  };
  return { ...opened, connections, accept, received, pass };
}
