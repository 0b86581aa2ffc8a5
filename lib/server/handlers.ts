/** What happens to a socket of `Bun.listen`, handed on to the object behind it. */

import type { Way } from "../doors/door.ts";
import type { Life } from "../room/socket.ts";
import type { Connections } from "./connections.ts";

/** The socket handlers, one line an event; `onError` is told if one has failed, which is a bug. */
export function handlersOf(
  connections: Connections,
  way: Way,
  onError: ((error: Error) => void) | undefined,
): Bun.SocketHandler<Life> {
  return {
    open: (socket) => connections.accept(socket, way),
    data: ({ data }, bytes) => data.received(bytes),
    drain: ({ data }) => data.drained(),
    end: ({ data }) => data.ended(),
    close: (socket) => connections.closed(socket, way),
    error({ data }, error) {
      onError?.(error);
      data.failed();
    },
  };
}
