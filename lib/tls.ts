/** Certificates and keys from files, checked before anything relies on them. */

import { createPrivateKey, X509Certificate } from "node:crypto";

import { readText } from "./read-text.ts";
import { UserError } from "./user-error.ts";

/** The files of one side. */
export interface TlsFiles {
  /** PEM file with this side's certificate, and those that lead from it to its CA. */
  cert?: string | undefined;
  /** PEM file with the key of that certificate. */
  key?: string | undefined;
  /** PEM file with the CAs whose certificates the other side may show. */
  ca?: string | undefined;
}

/** What the files hold, as PEM. */
export interface TlsMaterial {
  cert?: string;
  key?: string;
  ca?: string;
}

/**
 * Reads certificates and keys.
 *
 * @throws {UserError} that names the file which is missing, unreadable, or not
 *   what it should be
 */
export function loadTls(files: TlsFiles): TlsMaterial {
  const material: TlsMaterial = {};
  if (files.ca !== undefined) material.ca = readCertificates(files.ca).pem;
  if (files.cert === undefined || files.key === undefined) return material;

  const { pem, first } = readCertificates(files.cert);
  const key = readText(files.key);
  material.cert = pem;
  material.key = key;
  const privateKey = attempt(`${files.key} holds no private key in PEM`, () =>
    createPrivateKey(key),
  );
  if (!first.checkPrivateKey(privateKey))
    throw new UserError(`the key in ${files.key} does not fit the certificate in ${files.cert}`);
  return material;
}

function readCertificates(file: string): { pem: string; first: X509Certificate } {
  const pem = readText(file);
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const [first] = attempt(`${file} holds no certificate in PEM`, () =>
    found.map((one) => new X509Certificate(one)),
  );
  if (first === undefined) throw new UserError(`${file} holds no certificate in PEM`);
  return { pem, first };
}

function attempt<Value>(message: string, action: () => Value): Value {
  try {
    return action();
  } catch {
    throw new UserError(message);
  }
}
