/** Files that a user names: certificates, keys, a pass phrase; checked before they are used. */

import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";

import { isName } from "./names.ts";
import { failed, UserError } from "./system-errors.ts";

/** The longest pass phrase, in bytes. */
export const PASS_PHRASE_BYTES_MAX = 1024;
/** Files that were read: a pipe has nothing a second time, and makes its reader wait. */
const known = new Set<string>();

/**
 * A pass phrase, kept in a file so that it shows neither on a command line nor in a log: the file's
 * one line, without its line end.
 *
 * @throws {UserError} when there is no such line
 */
export function readPassPhrase(file: string): Uint8Array {
  // As latin1, which has one character for each byte: a phrase may be of any bytes.
  const [, phrase = ""] = /^([^\r\n]+)(?:\r?\n)?$/.exec(read(file, "latin1")) ?? [];
  if (phrase !== "" && phrase.length <= PASS_PHRASE_BYTES_MAX) return Buffer.from(phrase, "latin1");
  throw new UserError(
    `cannot use ${file}: a pass phrase is one line of 1 to ${PASS_PHRASE_BYTES_MAX} bytes`,
  );
}

/**
 * PEM of one side: its certificate, with those that lead from it to its CA; the key of that
 * certificate; the CAs whose certificates the other side may show.
 */
export type TlsMaterial = { [File in "cert" | "key" | "ca"]?: string | undefined };

/**
 * Reads certificates and keys from files.
 *
 * @throws {UserError} that names a file which is unreadable, not what it should be, or out of date
 */
export function loadTls(files: TlsMaterial): TlsMaterial {
  const material: TlsMaterial = {};
  for (const kind of ["cert", "key", "ca"] as const)
    if (files[kind] !== undefined) material[kind] = read(files[kind], "utf8");
  const { cert, key, ca } = material;
  if (ca !== undefined) checkTls({ cert: ca }, `cannot use ${files.ca}`);
  if (cert === undefined || key === undefined) return material;
  checkTls({ cert }, `cannot use ${files.cert}`);
  // The other side would only report that it does not accept it.
  if (Date.parse(new X509Certificate(cert).validTo) < Date.now())
    throw new UserError(`the certificate in ${files.cert} has expired`);
  if (key.includes("ENCRYPTED"))
    throw new UserError(`the key in ${files.key} is encrypted; "openssl pkey" decrypts it`);
  checkTls({ cert, key }, `cannot use ${files.cert} with ${files.key}`, "key");
  return material;
}

/** The common name in a certificate, where `isName` takes it: that of its owner in a room with names. */
export function nameIn(cert: string): string | undefined {
  const { CN } = new X509Certificate(cert).toLegacyObject().subject;
  return typeof CN === "string" && isName(CN) ? CN : undefined;
}

function read(file: string, encoding: "latin1" | "utf8"): string {
  try {
    if (known.has(file) && !statSync(file).isFile()) throw new UserError("it is no regular file");
    known.add(file);
    return readFileSync(file, encoding);
  } catch (error) {
    throw failed(`cannot read ${file}`, error);
  }
}

/**
 * Has OpenSSL read it all: a chain that is cut off, a key that is encrypted or another's.
 *
 * @param looked what there is none of, if OpenSSL finds nothing
 * @throws {UserError} that says what is wrong, and why
 */
export function checkTls(material: TlsMaterial, wrong: string, looked = "certificate"): void {
  // Loaded here, because it makes each start some ms longer.
  const { createSecureContext } = process.getBuiltinModule("node:tls");
  try {
    if (Object.values(material).includes("")) throw new Error("empty");
    createSecureContext(material);
  } catch (cause) {
    // Of `error:…:PEM routines:OPENSSL_internal:BAD_END_LINE`, the words at the end.
    const why = String(cause)
      .replace(/.*:\s*/, "")
      .replaceAll("_", " ")
      .toLowerCase()
      .replace("no start line", `no PEM ${looked} found`);
    throw new UserError(`${wrong}: ${why}`, { cause });
  }
}
