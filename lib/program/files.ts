/** Files that a user names: certificates, keys, a pass phrase; checked before they are used. */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";

import { explain, UserError } from "./system-errors.ts";
import { formatSize } from "./units.ts";

/** More than any certificate or pass phrase; `/dev/zero` has no end. */
const FILE_BYTES_MAX = 1 << 20;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** The longest pass phrase, in bytes. */
export const PASS_PHRASE_BYTES_MAX = 1024;

/** The bytes of a file, which may be a pipe. */
function readBytes(file: string): Buffer {
  const buffer = Buffer.allocUnsafe(FILE_BYTES_MAX + 1);
  let bytes = 0;
  try {
    using cleanup = new DisposableStack();
    const descriptor = cleanup.adopt(openSync(file, "r"), closeSync);
    for (let count = 1; count > 0; bytes += count)
      count = readSync(descriptor, buffer, bytes, buffer.length - bytes, null);
    if (bytes > FILE_BYTES_MAX) throw new Error(`it is larger than ${formatSize(FILE_BYTES_MAX)}`);
    return buffer.subarray(0, bytes);
  } catch (error) {
    throw new UserError(`cannot read ${file}: ${explain(error)}`, { cause: error });
  }
}

/** A pipe that is read again makes its reader wait. */
function checkRegular(file: string): void {
  if (existsSync(file) && !statSync(file).isFile())
    throw new UserError(`${file} is no regular file`);
}

/**
 * A pass phrase, kept in a file so that it shows neither on a command line nor in a log: the file's
 * one line, without its line end.
 *
 * @param isAgain whether it was read before: a pipe has nothing to say a second time
 * @throws {UserError} when there is no such line
 */
export function readPassPhrase(file: string, isAgain = false): Uint8Array {
  if (isAgain) checkRegular(file);
  // As latin1, which has one character for each byte: a phrase may be of any bytes.
  const [, phrase = ""] = /^([^\r\n]+)(?:\r?\n)?$/.exec(readBytes(file).toString("latin1")) ?? [];
  if (phrase !== "" && phrase.length <= PASS_PHRASE_BYTES_MAX) return Buffer.from(phrase, "latin1");
  throw new UserError(`${file} is to hold one line of 1 to ${PASS_PHRASE_BYTES_MAX} bytes`);
}

/**
 * PEM files of one side: its certificate, with those that lead from it to its CA; the key of that
 * certificate; the CAs whose certificates the other side may show.
 */
export type TlsFiles = { [File in "cert" | "key" | "ca"]?: string | undefined };

/** What the files hold, in PEM. */
export type TlsMaterial = { [File in keyof TlsFiles]: string };

/**
 * Reads certificates and keys.
 *
 * @param isAgain whether they were read before: a pipe has nothing to say a second time
 * @throws {UserError} that names a file which is unreadable, not what it should be, or out of date
 */
export function loadTls({ cert, key, ca }: TlsFiles, isAgain = false): TlsMaterial {
  if (isAgain) for (const file of [cert, key, ca]) if (file !== undefined) checkRegular(file);
  return {
    ...(ca !== undefined && { ca: readCertificates(ca).pem }),
    ...(cert !== undefined && key !== undefined && readPair(cert, key)),
  };
}

function readPair(certFile: string, keyFile: string): TlsMaterial {
  const { pem: cert, first } = readCertificates(certFile);
  checkDates(first, certFile);
  const key = readBytes(keyFile).toString();
  const theKey = `the key in ${keyFile}`;
  if (/^(-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED)/m.test(key))
    throw new UserError(`${theKey} is encrypted; "openssl pkey" writes it without its pass phrase`);
  const privateKey = parse(`${keyFile} holds no private key in PEM`, () => createPrivateKey(key));
  if (!first.checkPrivateKey(privateKey))
    throw new UserError(`${theKey} does not fit the certificate in ${certFile}`);
  // Loaded here, because it makes each start some ms longer.
  const { createSecureContext } = process.getBuiltinModule("node:tls");
  parse(`TLS does not work with ${certFile} and ${keyFile}`, () =>
    createSecureContext({ cert, key }),
  );
  return { cert, key };
}

function readCertificates(file: string): { pem: string; first: X509Certificate } {
  const pem = readBytes(file).toString();
  const begun = pem.split("-----BEGIN CERTIFICATE-----").length - 1;
  const found = pem.match(CERTIFICATE) ?? [];
  if (found.length < begun) throw new UserError(`${file} is cut off inside a certificate`);
  return parse(`${file} holds no certificate in PEM`, () => {
    const [first = "", ...others] = found;
    for (const other of others) new X509Certificate(other);
    return { pem, first: new X509Certificate(first) };
  });
}

/** The other side would only report that it does not accept it. */
function checkDates({ validFrom, validTo }: X509Certificate, file: string): void {
  const now = Date.now();
  const day = (date: string) => new Date(date).toISOString().slice(0, 10);
  if (Date.parse(validTo) < now)
    throw new UserError(`the certificate in ${file} has expired, on ${day(validTo)}`);
  if (Date.parse(validFrom) > now)
    throw new UserError(`the certificate in ${file} is not valid yet, only from ${day(validFrom)}`);
}

function parse<Value>(message: string, action: () => Value): Value {
  try {
    return action();
  } catch (cause) {
    throw new UserError(message, { cause });
  }
}
