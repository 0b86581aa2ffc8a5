/** Who a client is by its certificate. */

import type { Identity } from "../room/names.ts";

/** The parts of a certificate that matter here; every TLS socket of Bun has one or has none. */
export interface Certified {
  getPeerCertificate?():
    | { readonly subject: { readonly CN?: string | string[] }; readonly fingerprint256: string }
    | undefined;
}

/**
 * Its common name, which is no name if it has none or several; undefined for a client that was
 * not asked for a certificate. One that is asked and shows none does not get here.
 */
export function identityOf(socket: Certified): Identity | undefined {
  const certificate = socket.getPeerCertificate?.();
  if (certificate === undefined) return undefined;
  const { CN } = certificate.subject;
  return { name: typeof CN === "string" ? CN : "", fingerprint: certificate.fingerprint256 };
}
