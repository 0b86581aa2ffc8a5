/** `--tls-cert` and the like: the TLS handshake comes before all that a client sends and receives. */

import type { Context, Part } from "../extras/part.ts";
import { checkTls } from "../program/files.ts";
import { codeOf } from "../program/system-errors.ts";
import { TlsRecords } from "../program/tls-records.ts";
import { formatTime } from "../program/units.ts";
import { GONE, type Life } from "../room/socket.ts";
import type { Arrival, Hold } from "./door.ts";

/**
 * Each connection begins TLS with the certificates of the moment.
 *
 * @throws {UserError} if there is no TLS with them
 */
export function tls(context: Context): Part {
  const check = () => {
    const { cert = "", key = "", ca } = context.secrets.tls ?? {};
    checkTls(
      { cert, key, ca },
      "tls is not a certificate and its key in PEM",
      "certificate or key",
    );
  };
  check();
  return { renew: check, door: { isTransport: true, meet: (arrival) => begin(arrival, context) } };
}

function begin(arrival: Arrival, { secrets, arrivalMs, handlers }: Context): void {
  // Where this door is, connections come from `Bun.listen`, and no other door replaces them before.
  const accepted = arrival.socket as Bun.Socket<Life>;
  const requestCert = secrets.tls?.ca !== undefined;
  const initialData = arrival.unused;
  arrival.unused = Buffer.alloc(0);
  const records = new TlsRecords();
  records.received(initialData);
  const hold: Hold = {
    withinMs: arrivalMs,
    read(_, isAll) {
      if (isAll) arrival.failed("gone before the handshake");
    },
    late: () => arrival.failed(`no handshake within ${formatTime(arrivalMs)}`),
  };
  let plain: Bun.Socket<Life> | undefined;
  const asWithout = handlers();
  const socket: Bun.SocketHandler<Life> = {
    ...asWithout,
    data({ data }, bytes) {
      records.decrypted(bytes.length);
      data.received(bytes);
    },
    // Without close_notify, anybody in between may have ended it, or it was killed.
    end: ({ data }) => data.ended(!records.endedInOrder),
    // What a client sends that is no TLS is no failure of the server.
    error: (secure, error) =>
      codeOf(error) === "EPROTO"
        ? secure.data.failed("damaged TLS")
        : asWithout.error?.(secure, error),
    open(secure) {
      const terminate = secure.terminate.bind(secure);
      // After `end`, only the plain socket can still be reset.
      secure.terminate = () => {
        terminate();
        plain?.terminate();
      };
      arrival.socket = secure;
      secure.data = arrival;
      arrival.hold(hold);
    },
    handshake({ authorized }, success, error) {
      // Closing a socket that the server has done with fails the handshake, which is no news.
      if (arrival.held !== hold) return;
      if (success && (!requestCert || (authorized && error === null))) arrival.pass();
      else arrival.failed(`the handshake failed: ${handshakeFailure(success, error)}`);
    },
  };
  accepted.data = { ...GONE, isReplaced: true, received: (bytes) => records.received(bytes) };
  try {
    const material = { ...secrets.tls, requestCert, rejectUnauthorized: true };
    // The types leave out `initialData`, what has come already.
    const how = { tls: material, socket, initialData };
    [plain] = accepted.upgradeTLS<Life>(how);
  } catch (error) {
    arrival.failed();
    throw error;
  }
}

/** What Bun or BoringSSL calls it, in code or message, and what it means. */
const FAILURES: readonly (readonly [RegExp, string])[] = [
  [/CERT_HAS_EXPIRED/, "an expired client certificate"],
  [/ECONNRESET/, "the client has gone"],
  [/PEER_DID_NOT_RETURN_A_CERTIFICATE/, "no client certificate"],
  [/HTTP_REQUEST|HTTPS_PROXY_REQUEST|WRONG_VERSION_NUMBER/, "plain text"],
  // Over TLS 1.3 the alert of a client that verifies in vain comes unencrypted: no packet at all.
  [/ALERT_|BAD_PACKET_LENGTH/, "the client did not accept our certificate"],
];

/** Why a client may not come in, by what Bun gives with its handshake. */
function handshakeFailure(success: boolean, error: Error | null): string {
  const message = error?.message ?? "";
  const known = FAILURES.find(([pattern]) => pattern.test(`${codeOf(error)} ${message}`));
  const unknown = message.replace(/^.*:/, "").replaceAll("_", " ").toLowerCase();
  return known?.[1] ?? (success ? "a client certificate of another CA" : unknown);
}
