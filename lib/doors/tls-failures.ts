/** Why a TLS handshake has failed, in words. */

import { codeOf } from "../program/system-errors.ts";

/** What BoringSSL calls it, the last part of its message, and what it means. */
const FAILURES: readonly (readonly [RegExp, string])[] = [
  [/PEER_DID_NOT_RETURN_A_CERTIFICATE/, "no client certificate"],
  [/HTTP_REQUEST|HTTPS_PROXY_REQUEST|WRONG_VERSION_NUMBER/, "plain text"],
  [/UNSUPPORTED_PROTOCOL/, "the client's version of TLS is too old"],
  [/NO_SHARED_CIPHER/, "no cipher in common"],
  // Over TLS 1.3 the alert of a client that verifies in vain comes unencrypted: no packet at all.
  [/ALERT_|BAD_PACKET_LENGTH/, "the client did not accept our certificate"],
];

/**
 * Why a handshake has failed, in words for the log; undefined for a client that
 * may come in.
 *
 * @param error what Bun gives with it: also what was wrong with a client's certificate
 * @param authorized whether it has the certificate that is asked for, if one is
 */
export function handshakeFailure(
  success: boolean,
  error: Error | null,
  asksForCertificate: boolean,
  authorized: boolean,
): string | undefined {
  if (success) {
    if (!asksForCertificate || (authorized && error === null)) return undefined;
    if (codeOf(error) === "CERT_HAS_EXPIRED") return "an expired client certificate";
    return "a client certificate of another CA";
  }
  if (codeOf(error) === "ECONNRESET") return "the client has gone";
  const message = error?.message ?? "";
  const known = FAILURES.find(([pattern]) => pattern.test(message));
  return known?.[1] ?? message.replace(/^.*:/, "").replaceAll("_", " ").toLowerCase();
}
