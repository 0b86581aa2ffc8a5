/** TLS at the client's end: the handshake on a new connection, and the end that can be trusted. */

import type { TlsMaterial } from "../program/files.ts";
import { UserError } from "../program/system-errors.ts";
import { within } from "../program/timeout.ts";
import { Connection } from "./connection.ts";
import { CLOSED_IN_HANDSHAKE, cutOff, materialFailure, tlsFailure } from "./tls-errors.ts";
import { TlsRecords } from "./tls-records.ts";

/** The handlers of the connection beneath TLS: they watch its records. */
export const BENEATH_TLS: Bun.SocketHandler<TlsRecords> = {
  open: (socket) => void (socket.data = new TlsRecords()),
  data: (socket, bytes) => socket.data.received(bytes),
  error() {}, // The connection above gets it, too.
};

/**
 * Speaks TLS over a connection from here on.
 *
 * @param beneath a connection on which nothing was sent yet, with the handlers `BENEATH_TLS`
 * @param tls also with the name that the server's certificate has to be for: as the user gave it
 * @param address what the connection is called
 * @param handshakeMs how long the handshake may take, in ms
 * @throws {UserError} when the server does not speak TLS, or cannot be verified
 */
export async function startTls(
  beneath: Bun.Socket<TlsRecords>,
  tls: TlsMaterial & { serverName: string },
  address: string,
  handshakeMs: number,
): Promise<Connection> {
  const shaken = Promise.withResolvers<void>();
  const verified = { ...tls, rejectUnauthorized: true };
  let top: { terminate(): void } = beneath;
  try {
    const socket = handlers(beneath.data, tls, address, shaken);
    const [, secure] = beneath.upgradeTLS<Connection>({ tls: verified, socket });
    top = secure;
    const late = (time: string) => `no TLS handshake ${time}; does the server speak TLS?`;
    await within(handshakeMs, shaken.promise, late);
    return secure.data;
  } catch (error) {
    top.terminate();
    throw materialFailure(error) ?? error;
  }
}

/** The handlers of the connection above: it gets the same events as one without TLS. */
function handlers(
  records: TlsRecords,
  { serverName, cert }: TlsMaterial & { serverName: string },
  address: string,
  shaken: PromiseWithResolvers<void>,
): Bun.SocketHandler<Connection> {
  /** What the connection is told at its end: what has failed, undefined if it is in order. */
  const failureOf = ({ hasReceived }: Connection, error?: Error | null): Error | undefined => {
    const situation = { serverName, hasCertificate: cert !== undefined, hasReceived };
    if (error) return tlsFailure(error, situation) ?? error;
    return records.endedInOrder ? undefined : cutOff(situation);
  };
  return {
    open: (secure) => void (secure.data = new Connection(secure, address)),
    handshake(secure, success, error) {
      if (success && !error) shaken.resolve();
      else shaken.reject(failureOf(secure.data, error));
    },
    data(secure, bytes) {
      records.decrypted(bytes.length);
      secure.data.received(bytes);
    },
    drain: (secure) => secure.data.drained(),
    end(secure) {
      const failure = failureOf(secure.data);
      if (failure === undefined) return secure.data.ended();
      secure.data.closed(failure);
      secure.terminate();
    },
    close(secure, error) {
      const failure = failureOf(secure.data, error);
      shaken.reject(failure ?? new UserError(CLOSED_IN_HANDSHAKE));
      secure.data.closed(failure);
    },
    error: (secure, error) => secure.data.closed(failureOf(secure.data, error)),
  };
}
