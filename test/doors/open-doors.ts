/** Connections on their way into a room: by default, each from the same address, and a port of its own. */

import type { Door } from "../../lib/doors/door.ts";
import { openParts, type Options } from "../extras/open-parts.ts";
import { FakeSocket } from "../room/fake-socket.ts";

export function openDoors(doors: readonly (Door | undefined)[], options: Options = {}) {
  const makers = doors.flatMap((door) => (door ? [() => ({ door })] : []));
  const opened = openParts(makers, options);
  let port = 0;
  const accept = (address = "10.0.0.1"): FakeSocket =>
    opened.accept(new FakeSocket(++port, options.kind === "unix" ? undefined : address));
  return { ...opened, accept, close: (socket: FakeSocket) => socket.onClosed() };
}
