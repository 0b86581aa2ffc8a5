/**
 * TLS at the client's end: the handshake on a new connection, and the end that can be trusted. The
 * records of TLS tell that as they pass, encrypted (RFC 8446, 5.1; RFC 5246, 6.2).
 */

import type { TlsMaterial } from "../program/files.ts";
import { codeOf, UserError } from "../program/system-errors.ts";
import { within } from "../program/timeout.ts";
import { SocketConnection } from "./connection.ts";

const ALERT = 21;
const APPLICATION_DATA = 23;
const HEADER_BYTES = 5;
/** In TLS 1.3, what a record is longer by than what is in it: the inner type and the AEAD's tag. */
const SEALED_BYTES = 17;
const ALERT_BYTES = 2;

const CLOSED_IN_HANDSHAKE = "it closed the connection during the TLS handshake";

/** The handlers of the connection beneath TLS: they watch its records. */
export const BENEATH_TLS: Bun.SocketHandler<TlsRecords> = {
  open: (socket) => void (socket.data = new TlsRecords()),
  data: (socket, bytes) => socket.data.received(bytes),
  error() {}, // The connection above gets it, too.
};

type Tls = TlsMaterial & { serverName: string };

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
  tls: Tls,
  address: string,
  handshakeMs: number,
): Promise<SocketConnection> {
  const shaken = Promise.withResolvers<void>();
  let top: { terminate(): void } = beneath;
  try {
    const [, secure] = beneath.upgradeTLS<SocketConnection>({
      tls: { ...tls, rejectUnauthorized: true },
      socket: handlers(beneath.data, tls, address, shaken),
    });
    top = secure;
    const late = (time: string) => `no TLS handshake ${time}; does the server speak TLS?`;
    await within(handshakeMs, shaken.promise, late);
    return secure.data;
  } catch (error) {
    top.terminate();
    throw error instanceof Error ? inWords(error, tls) : error;
  }
}

/** The handlers of the connection above: it gets the same events as one without TLS. */
function handlers(
  records: TlsRecords,
  tls: Tls,
  address: string,
  shaken: PromiseWithResolvers<void>,
): Bun.SocketHandler<SocketConnection> {
  /** Ends the connection: in order if the last record says so, or else with what has failed. */
  const close = ({ data }: Bun.Socket<SocketConnection>, error?: Error | null) => {
    const cutOff = "the connection was cut off (no TLS close_notify)";
    shaken.reject(error ?? new UserError(CLOSED_IN_HANDSHAKE));
    if (error) data.closed(inWords(error, tls, data.hasReceived));
    else if (records.endedInOrder) data.closed();
    else data.closed(new UserError(cutOff, { code: "ERR_TLS_CUT_OFF" }));
  };
  return {
    open: (secure) => void (secure.data = new SocketConnection(secure, address)),
    handshake: (secure, success, error) =>
      success && !error ? shaken.resolve() : close(secure, error),
    data(secure, bytes) {
      records.decrypted(bytes.length);
      secure.data.received(bytes);
    },
    drain: (secure) => secure.data.drained(),
    end: (secure) => (records.endedInOrder ? secure.data.ended() : secure.terminate()),
    close,
    error: close,
  };
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

/**
 * Tells whether a connection was ended by close_notify (RFC 8446, 6.1), which Bun keeps to itself.
 * Somebody in between can end a TCP connection anywhere, but cannot make that last record.
 *
 * In TLS 1.2 the type of a record is in the clear. In TLS 1.3 an alert looks like two bytes of
 * data, so it is counted whether the records that have come together held more than was decrypted.
 */
export class TlsRecords {
  /** The start of a record, of which more has to come. */
  #rest: Uint8Array = new Uint8Array(0);
  /** Whether the last whole record is an alert; if not, whether it is as long as one of TLS 1.3. */
  #isAlert = false;
  #isShort = false;
  /** What the last records held that have come together, as far as it was not decrypted. */
  #heldBack = 0;

  /** Whether the last record was the server's close_notify, so far as it can be told. */
  get endedInOrder(): boolean {
    const isAlert = this.#isAlert || (this.#isShort && this.#heldBack >= ALERT_BYTES);
    return isAlert && this.#rest.length === 0;
  }

  /** Bytes have come from the server, encrypted. */
  received(bytes: Uint8Array): void {
    this.#heldBack = 0;
    let rest: Uint8Array = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes;
    while (rest.length >= HEADER_BYTES) {
      const [type = 0, , , high = 0, low = 0] = rest;
      const bodyBytes = (high << 8) | low;
      if (rest.length < HEADER_BYTES + bodyBytes) break;
      const isData = type === APPLICATION_DATA;
      if (isData) this.#heldBack += bodyBytes - SEALED_BYTES;
      this.#isAlert = type === ALERT;
      this.#isShort = isData && bodyBytes === SEALED_BYTES + ALERT_BYTES;
      rest = rest.subarray(HEADER_BYTES + bodyBytes);
    }
    this.#rest = rest;
  }

  /** So many bytes of those have been decrypted and handed on. */
  decrypted(count: number): void {
    this.#heldBack -= count;
  }
}
