/** What happens to a socket of `Bun.listen`, handed on to whoever owns it; and how TLS begins on one. */

import type { TlsMaterial } from "../program/files.ts";
import type { Life } from "../room/socket.ts";
import type { Connections } from "./connections.ts";
import { handshakeFailure } from "./tls-words.ts";

type Socket = Bun.Socket<Life>;
export type Handlers = Bun.SocketHandler<Life>;

/** The socket handlers, one line an event; `onError` is told if one has failed, which is a bug. */
export function handlersOf(
  connections: Connections,
  asksForCertificate: () => boolean,
  onError?: (error: Error) => void,
): Handlers {
  return {
    open: (socket) => connections.accept(socket),
    handshake: ({ data, authorized }, success, error) =>
      data.handshaken?.(handshakeFailure(success, error, asksForCertificate(), authorized)),
    data: ({ data }, bytes) => data.received(bytes),
    drain: ({ data }) => data.drained(),
    end: ({ data }) => data.ended(),
    close: (socket) => connections.closed(socket),
    error({ data }, error) {
      onError?.(error);
      data.failed();
    },
  };
}

/** Begins a handshake on a socket, with the certificates of the moment; see `ConnectionsOptions.startTls`. */
export function tlsStarter(handlers: () => Handlers, material: () => TlsMaterial | undefined) {
  return (accepted: Socket, initialData: Uint8Array, arrive: (secure: Socket) => void): void => {
    let plain: Socket | undefined;
    const open = (secure: Socket) => {
      const terminate = secure.terminate.bind(secure);
      // After `end`, only the plain socket can still be reset.
      secure.terminate = () => {
        terminate();
        plain?.terminate();
      };
      arrive(secure);
    };
    const requestCert = material()?.ca !== undefined;
    const tls = { ...material(), requestCert, rejectUnauthorized: true };
    // The types leave out `initialData`, what has come already.
    const how = { tls, socket: { ...handlers(), open }, initialData };
    [plain] = accepted.upgradeTLS<Life>(how);
  };
}
