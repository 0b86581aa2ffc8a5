/** TLS at the client's end: the handshake on a new connection, and the end that can be trusted. */

import type { TlsMaterial } from "../program/files.ts";
import { codeOf, UserError } from "../program/system-errors.ts";
import { TlsRecords } from "../program/tls-records.ts";
import { SocketConnection, withTimeout } from "./connection.ts";
import { WholeLines } from "./whole-lines.ts";

const CLOSED_IN_HANDSHAKE = "it closed the connection during the TLS handshake";

/** The handlers of the connection beneath TLS: they watch its records. */
export const BENEATH_TLS: Bun.SocketHandler<TlsRecords> = {
  open: (socket) => void (socket.data = new TlsRecords()),
  data: (socket, bytes) => socket.data.received(bytes),
  error() {}, // The connection above gets it, too.
};

type Tls = TlsMaterial & { serverName: string };

/**
 * Speaks TLS over a connection from here on. The one above gets the same events as one without TLS,
 * but a line that is cut off does not reach it.
 *
 * @param beneath a connection on which nothing was sent yet, with the handlers `BENEATH_TLS`
 * @param tls also with the name that the server's certificate has to be for: as the user gave it
 * @param address what the connection is called
 * @param withinMs how long the handshake may take, in ms
 * @throws {UserError} when the server does not speak TLS, or cannot be verified
 */
export async function startTls(
  beneath: Bun.Socket<TlsRecords>,
  tls: Tls,
  address: string,
  withinMs: number,
): Promise<SocketConnection> {
  const records = beneath.data;
  const lines = new WholeLines();
  const shaken = Promise.withResolvers<void>();
  const receive = (data: SocketConnection, some: Uint8Array | undefined) =>
    some && data.received(some);
  /** Ends the connection: in order if the last record says so, or else with what has failed. */
  const close = ({ data }: Bun.Socket<SocketConnection>, error?: Error | null) => {
    const cutOff = "the connection was cut off (no TLS close_notify)";
    shaken.reject(error ?? new UserError(CLOSED_IN_HANDSHAKE));
    if (error) data.closed(inWords(error, tls, data.hasReceived));
    else if (records.endedInOrder) {
      receive(data, lines.end());
      data.closed();
    } else data.closed(new UserError(cutOff, { code: "ERR_TLS_CUT_OFF" }));
  };
  const socket: Bun.SocketHandler<SocketConnection> = {
    open: (secure) => void (secure.data = new SocketConnection(secure, address)),
    handshake: (secure, success, error) =>
      success && !error ? shaken.resolve() : close(secure, error),
    data({ data }, bytes) {
      records.decrypted(bytes.length);
      receive(data, lines.push(bytes));
    },
    drain: ({ data }) => data.drained(),
    end(secure) {
      if (!records.endedInOrder) return secure.terminate();
      receive(secure.data, lines.end());
      secure.data.ended();
    },
    close,
    error: close,
  };
  const late = `no TLS handshake within ${withinMs / 1000} s; does the server speak TLS?`;
  let top: { terminate(): void } = beneath;
  try {
    const [, secure] = beneath.upgradeTLS({ tls: { ...tls, rejectUnauthorized: true }, socket });
    top = secure;
    await withTimeout(withinMs, late, shaken.promise);
    return secure.data;
  } catch (error) {
    top.terminate();
    throw error instanceof Error ? inWords(error, tls) : error;
  }
}

/** By EPROTO and the names of BoringSSL, the first that fits; an alert was sent by the server. */
const FAILURES: readonly (readonly [RegExp, string])[] = [
  [/before secure TLS/, CLOSED_IN_HANDSHAKE],
  [/WRONG_VERSION_NUMBER|HTTPS?_(PROXY_)?REQUEST/, "it does not speak TLS"],
  [/ALERT_CERTIFICATE_REQUIRED/, "it requires a client certificate (--tls-cert, --tls-key)"],
  [/ALERT_(\w*CERTIFICATE|UNKNOWN_CA)/, "it does not accept our certificate (--tls-cert)"],
  [/ALERT_/, "it refused the TLS handshake; does it require a client certificate (--tls-cert)?"],
  [/^EPROTO/, "what came was no TLS, or damaged"],
  [/^ERR_(BORINGSSL|OSSL)/, "its tls: ca and cert have to be PEM, and key the key of cert"],
];

/** What went wrong in a handshake, or later, over TLS; the error itself if it was not TLS. */
function inWords(error: Error, { cert }: Tls, hasReceived = false): Error {
  if (error instanceof UserError) return error;
  const code = codeOf(error);
  const known = FAILURES.find(([pattern]) => pattern.test(`${code} ${error.message}`))?.[1];
  if (known)
    return new UserError(known, { cause: error, permanent: known !== CLOSED_IN_HANDSHAKE });
  // Bun and others close without an alert when they do not accept a certificate.
  if (code === "ECONNRESET" && cert !== undefined && !hasReceived)
    return new UserError("reset by the server; does it accept our certificate (--tls-cert)?", {
      cause: error,
    });
  // The codes of X509_verify_cert_error(3), and a name that does not match.
  if (!/^(CERT|CRL|DEPTH|ERR_TLS_CERT|HOST|INVALID|PATH|SELF|UNABLE|UNSPECIFIED)/.test(code))
    return error;
  const hint = /SELF_SIGNED|^UNABLE/.test(code) ? "; --tls-ca trusts another CA" : "";
  const why = `its certificate cannot be verified: ${error.message}${hint}`;
  return new UserError(why, { cause: error, permanent: true });
}
