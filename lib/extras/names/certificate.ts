/** Whom a client certificate is for. */

import type { ArrivalSocket } from "../../doors/door.ts";

/** A name that is certified. A client that shows the same certificate is the same. */
export interface Certificate {
  readonly name: string;
  readonly fingerprint: string;
}

/**
 * Its common name, which is no name if it has none or several; undefined for a client that was
 * not asked for a certificate. One that is asked and shows none does not get here.
 */
export function certificateOf(socket: ArrivalSocket): Certificate | undefined {
  const certificate = socket.getPeerCertificate?.();
  if (certificate === undefined) return undefined;
  const { CN } = certificate.subject;
  return { name: typeof CN === "string" ? CN : "", fingerprint: certificate.fingerprint256 };
}
