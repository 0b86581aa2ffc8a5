/** Why TLS has failed, in words for the user of the client; nothing of OpenSSL's. */

import { codeOf, UserError } from "../program/system-errors.ts";

export const CLOSED_IN_HANDSHAKE = "it closed the connection during the TLS handshake";
const REFUSED = "it refused the TLS handshake";
const NOT_ACCEPTED = "it does not accept our certificate (--tls-cert)";
const NEEDS_CERTIFICATE = "it requires a client certificate (--tls-cert, --tls-key)";

/**
 * By the codes of X509_verify_cert_error(3), or EPROTO and the names of BoringSSL; an alert was sent
 * by the server. The first that fits counts.
 */
const FAILURES: readonly (readonly [RegExp, string])[] = [
  [
    /^DEPTH_ZERO_SELF_SIGNED/,
    "its certificate is self-signed; to trust it, give that certificate to --tls-ca",
  ],
  [
    /^\w*SELF_SIGNED|^UNABLE_TO_(VERIFY|GET_ISSUER)|^CERT_UNTRUSTED/,
    "its certificate is not signed by a CA that is trusted here; --tls-ca trusts another",
  ],
  [/^CERT_HAS_EXPIRED/, "its certificate has expired"],
  [/^CERT_NOT_YET_VALID/, "its certificate is not valid yet"],
  [/^EPROTO.*(WRONG_VERSION_NUMBER|HTTPS?_(PROXY_)?REQUEST)/, "it does not speak TLS"],
  [/^EPROTO.*ALERT_CERTIFICATE_REQUIRED/, NEEDS_CERTIFICATE],
  [/^EPROTO.*ALERT_UNKNOWN_CA/, `${NOT_ACCEPTED}: it does not know its CA`],
  [/^EPROTO.*ALERT_CERTIFICATE_EXPIRED/, `${NOT_ACCEPTED}: it has expired`],
  [/^EPROTO.*ALERT_CERTIFICATE_REVOKED/, `${NOT_ACCEPTED}: it was revoked`],
  [/^EPROTO.*ALERT_(\w*CERTIFICATE|ACCESS_DENIED|DECRYPT_ERROR)/, NOT_ACCEPTED],
  [
    /^EPROTO.*(PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL)/,
    "there is no version of TLS that both sides speak",
  ],
  [/^EPROTO.*UNRECOGNIZED_NAME/, "it has no certificate for that name (--tls-server-name)"],
  [/^EPROTO.*ALERT_/, REFUSED],
  [/^EPROTO/, "what came was no TLS, or damaged"],
];

/** What the words depend on. */
export interface TlsSituation {
  /** Which name the certificate has to be for. */
  serverName: string;
  /** Whether the client has a certificate to show. */
  hasCertificate: boolean;
  /** Whether the server has sent anything within TLS. */
  hasReceived: boolean;
}

/** What went wrong in a handshake, or later, over TLS; undefined if it was not TLS that failed. */
export function tlsFailure(error: unknown, situation: TlsSituation): UserError | undefined {
  const { serverName, hasCertificate, hasReceived } = situation;
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : "";
  const because = (words: string, permanent: boolean) =>
    new UserError(words, { cause: error, permanent });
  if (message.includes("before secure TLS connection"))
    return because(CLOSED_IN_HANDSHAKE + doubt(situation), false);
  // Bun and others close without an alert when they do not accept a certificate.
  if (code === "ECONNRESET" && hasCertificate && !hasReceived)
    return because(`reset by the server${doubt(situation)}`, false);
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return because(`its certificate is for another name than ${serverName}`, true);
  if (message.includes("ALERT_HANDSHAKE_FAILURE") && !hasCertificate)
    return because(`${REFUSED}; does it require a client certificate (--tls-cert)?`, true);
  const known = FAILURES.find(([pattern]) => pattern.test(`${code} ${message}`));
  if (known) return because(known[1], code !== "CERT_NOT_YET_VALID");
  // The rest of the codes of X509_verify_cert_error(3).
  if (!/^(CERT|CRL|HOSTNAME|INVALID|PATH_LENGTH|UNABLE|UNSPECIFIED)/.test(code)) return undefined;
  const why = code.toLowerCase().replaceAll("_", " ");
  return because(`its certificate cannot be verified: ${why}`, true);
}

/** The `tls` option of a program cannot be used; files that a user names are checked before. */
export function materialFailure(error: unknown): UserError | undefined {
  if (!/^ERR_(BORINGSSL|OSSL)/.test(codeOf(error))) return undefined;
  const words = "its tls: ca and cert have to be PEM, and key the key of cert";
  return new UserError(words, { cause: error, permanent: true });
}

/** The connection ended without close_notify: it may not have been the server that ended it. */
export function cutOff(situation: TlsSituation): UserError {
  const words = "the connection was cut off (no TLS close_notify)";
  return new UserError(words + doubt(situation), { code: "ERR_TLS_CUT_OFF" });
}

function doubt({ hasCertificate, hasReceived }: TlsSituation): string {
  return hasCertificate && !hasReceived ? "; does it accept our certificate (--tls-cert)?" : "";
}
