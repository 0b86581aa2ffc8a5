/** Connections on their way into a room, with sockets and a clock that the test moves. */

import type { Door, Way } from "../../lib/doors/door.ts";
import type { Context, Secrets } from "../../lib/extras/part.ts";
import { Room } from "../../lib/room/room.ts";
import type { ConnectionsOptions } from "../../lib/server/api.ts";
import { Connections } from "../../lib/server/connections.ts";
import { FakeSocket } from "../room/fake-socket.ts";

/** What parts are made of; a door may hold a connection for a second. */
export function contextWith(secrets: Secrets = {}): Context {
  const handlers = () => ({});
  return { secrets, parts: [], handlers, onWarning() {}, onError: undefined, arrivalMs: 1000 };
}

/** A room behind doors, and what happens there. */
export function openDoors(
  doors: readonly (Door | undefined)[],
  { kind = "tcp", ...options }: ConnectionsOptions & { kind?: Way["kind"] } = {},
) {
  let ms = 0;
  let port = 0;
  const events: string[] = [];
  const room = new Room({
    now: () => ms,
    wake() {},
    extras: [
      () => ({
        joined: ({ label }) => events.push(`joined ${label}`),
        gone: ({ label }, reason) => events.push(`left ${label}: ${reason}`),
        refused: (label, message) => events.push(`refused ${label}: ${message}`),
      }),
    ],
  });
  const connections = new Connections(room, options);
  const way: Way = { kind, doors: doors.filter((door) => door !== undefined), open: 0 };
  connections.ways.push(way);
  const accept = (address?: string): FakeSocket => {
    const socket = new FakeSocket(++port, kind === "unix" ? undefined : (address ?? "10.0.0.1"));
    socket.onClosed = () => connections.closed(socket, way);
    connections.accept(socket, way);
    return socket;
  };
  const close = (socket: FakeSocket) => connections.closed(socket, way);
  const pass = (byMs: number) => {
    ms += byMs;
    connections.flush();
  };
  return { connections, accept, close, pass, events };
}
