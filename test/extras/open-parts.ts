/** A room and what options add to it, put together as `listen` does, and connections that come by its doors. */

import type { Way } from "../../lib/doors/door.ts";
import type { Context, Part, Secrets } from "../../lib/extras/part.ts";
import type { RoomOptions } from "../../lib/room/room.ts";
import type { ConnectionsOptions } from "../../lib/server/api.ts";
import { Connections } from "../../lib/server/connections.ts";
import { FakeSocket } from "../room/fake-socket.ts";
import { openRoom } from "../room/open-room.ts";

export type Make = (context: Context) => Part;
export type Options = Partial<RoomOptions> &
  ConnectionsOptions & { secrets?: Secrets; kind?: Way["kind"] };

/** What parts are made of; a door may hold a connection for a second. */
export function contextWith(secrets: Secrets = {}): Context {
  const handlers = () => ({});
  return { secrets, parts: [], handlers, onWarning() {}, onError: undefined, arrivalMs: 1000 };
}

export function openParts(
  makers: readonly Make[],
  { secrets, kind = "tcp", ...options }: Options = {},
) {
  const context = contextWith(secrets);
  const { parts } = context;
  for (const make of makers) parts.push(make(context));
  const sum = (bytesOf: (part: Part) => number | undefined) =>
    parts.reduce((bytes, part) => bytes + (bytesOf(part) ?? 0), 0);
  const opened = openRoom({
    keptBytes: sum(({ keptBytes }) => keptBytes),
    addedBytesMax: sum(({ addedBytesMax }) => addedBytesMax),
    order: parts.find(({ order }) => order)?.order,
    ...options,
    extras: [...(options.extras ?? []), ...parts.flatMap(({ extra }) => extra ?? [])],
  });
  const connections = new Connections(opened.room, options);
  const way: Way = { kind, doors: parts.flatMap(({ door }) => door ?? []), open: 0 };
  connections.ways.push(way);
  let port = 0;
  const accept = (socket = new FakeSocket(++port, "::1")): FakeSocket => {
    socket.onClosed = () => connections.closed(socket, way);
    connections.accept(socket, way);
    return socket;
  };
  /** Time goes on, at the doors too if there are any. */
  const pass = (ms: number) => {
    opened.pass(ms);
    if (way.doors.length > 0) connections.flush();
  };
  return { ...opened, connections, accept, pass };
}
