/** Files that a user names: certificates and keys, a pass phrase; checked before anything relies on them. */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { closeSync, openSync, readSync, statSync } from "node:fs";

import { explain, UserError } from "./system-errors.ts";
import { formatSize } from "./units.ts";

/** More than any certificate or pass phrase; `/dev/zero` has no end. */
const FILE_BYTES_MAX = 1 << 20;

/** What Bun's TLS signs with. */
const KEY_KINDS = ["rsa", "ec", "ed25519"];

/** The longest pass phrase, in bytes. */
export const PASS_PHRASE_BYTES_MAX = 1024;

/**
 * The bytes of a file, which may be a pipe.
 *
 * @throws {UserError} that names the file and says why it cannot be read
 */
function readBytes(file: string): Buffer {
  const buffer = Buffer.allocUnsafe(FILE_BYTES_MAX + 1);
  let bytes = 0;
  try {
    const descriptor = openSync(file, "r");
    try {
      for (let count = 1; count > 0; bytes += count)
        count = readSync(descriptor, buffer, bytes, buffer.length - bytes, null);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw new UserError(`cannot read ${file}: ${explain(error)}`);
  }
  if (bytes <= FILE_BYTES_MAX) return buffer.subarray(0, bytes);
  throw new UserError(`cannot read ${file}: it is larger than ${formatSize(FILE_BYTES_MAX)}`);
}

/**
 * A pass phrase, kept in a file so that it shows neither on a command line nor in a log.
 *
 * @returns the file's one line, without its line end
 * @throws {UserError} when there is no such line
 */
export function readPassPhrase(file: string): Uint8Array {
  // As latin1, which has one character for each byte: a phrase may be of any bytes.
  const phrase = readBytes(file)
    .toString("latin1")
    .replace(/\r?\n$/, "");
  if (/^[^\r\n]+$/.test(phrase) && phrase.length <= PASS_PHRASE_BYTES_MAX)
    return Buffer.from(phrase, "latin1");
  throw new UserError(`${file} is to hold one line of 1 to ${PASS_PHRASE_BYTES_MAX} bytes`);
}

/**
 * Fails unless a file can be read anew: a pipe has nothing to say a second time,
 * and whoever reads it would wait.
 *
 * @throws {UserError} that names the file
 */
export function checkRegular(file: string): void {
  try {
    if (statSync(file).isFile()) return;
  } catch {
    return; // Reading it will say why.
  }
  throw new UserError(`${file} is no regular file`);
}

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
 * @throws {UserError} that names the file which is missing, unreadable, not what
 *   it should be, or out of date
 */
export function loadTls(files: TlsFiles): TlsMaterial {
  const material: TlsMaterial = {};
  if (files.ca !== undefined) material.ca = readCertificates(files.ca).pem;
  if (files.cert === undefined || files.key === undefined) return material;

  const { pem, first } = readCertificates(files.cert);
  checkDates(first, files.cert);
  const key = readBytes(files.key).toString();
  if (/^(-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED)/m.test(key))
    throw new UserError(
      `the key in ${files.key} is encrypted; "openssl pkey" writes it without its pass phrase`,
    );
  const privateKey = attempt(`${files.key} holds no private key in PEM`, () =>
    createPrivateKey(key),
  );
  const kind = privateKey.asymmetricKeyType ?? "";
  if (!KEY_KINDS.includes(kind))
    throw new UserError(`the key in ${files.key} is of a kind that TLS does not use here, ${kind}`);
  if (!first.checkPrivateKey(privateKey))
    throw new UserError(`the key in ${files.key} does not fit the certificate in ${files.cert}`);
  // Loaded here, because it makes each start some ms longer.
  const { createSecureContext } = process.getBuiltinModule("node:tls");
  attempt(`TLS does not work with ${files.cert} and ${files.key}`, () =>
    createSecureContext({ cert: pem, key }),
  );
  material.cert = pem;
  material.key = key;
  return material;
}

function readCertificates(file: string): { pem: string; first: X509Certificate } {
  const pem = readBytes(file).toString();
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const [first] = attempt(`${file} holds no certificate in PEM`, () =>
    found.map((one) => new X509Certificate(one)),
  );
  if (first === undefined) throw new UserError(`${file} holds no certificate in PEM`);
  if (found.length < (pem.match(/-----BEGIN CERTIFICATE-----/g) ?? []).length)
    throw new UserError(`${file} is cut off inside a certificate`);
  return { pem, first };
}

/** The other side would only say that it does not accept it. */
function checkDates({ validFrom, validTo }: X509Certificate, file: string): void {
  const now = Date.now();
  const day = (date: string) => new Date(date).toISOString().slice(0, 10);
  if (Date.parse(validTo) < now)
    throw new UserError(`the certificate in ${file} has expired, on ${day(validTo)}`);
  if (Date.parse(validFrom) > now)
    throw new UserError(`the certificate in ${file} is not valid yet, only from ${day(validFrom)}`);
}

function attempt<Value>(message: string, action: () => Value): Value {
  try {
    return action();
  } catch {
    throw new UserError(message);
  }
}
