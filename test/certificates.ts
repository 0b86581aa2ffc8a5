/** Certificates for tests, made with openssl at run time, once for all tests of a process. */

import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Certificates {
  /** A file by name: `ca.pem`, `server.pem`, `server.key`, … */
  file(name: string): string;
}

let made: string | undefined;

/**
 * A CA and certificates of it (`server` and `second` for localhost and 127.0.0.1, `client`,
 * `other` for another host, `expired`), and `stranger`, which it has not signed.
 *
 * @param folder where to put a copy of them, which a test may change; by default all tests share them
 */
export function makeCertificates(folder?: string): Certificates {
  // A test may have removed them.
  if (made === undefined || !existsSync(join(made, "expired.pem"))) made = make();
  const from = made;
  if (folder !== undefined) cpSync(from, folder, { recursive: true });
  return { file: (name) => join(folder ?? from, name) };
}

/** A certificate of those that all tests share, or its key. */
export const pem = (name: string) => makeCertificates().file(`${name}.pem`);
export const key = (name: string) => makeCertificates().file(`${name}.key`);

function make(): string {
  const folder = mkdtempSync(join(tmpdir(), "linechat-certificates-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const openssl = (command: string) => {
    const words = ["openssl", ...command.split(" ")];
    const { exitCode, stderr } = Bun.spawnSync(words, { cwd: folder });
    if (exitCode !== 0) throw new Error(`openssl ${command}: ${stderr}`);
  };
  const newKey = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
  const selfSigned = (name: string) =>
    openssl(`req -x509 ${newKey} -days 1 -subj /CN=${name} -keyout ${name}.key -out ${name}.pem`);
  const signed = (name: string, subjects: string, days = 1) => {
    openssl(`req ${newKey} -subj /CN=${name} -keyout ${name}.key -out ${name}.csr`);
    writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${subjects}\n`);
    const ca = `-CA ca.pem -CAkey ca.key -CAcreateserial -days ${days}`;
    openssl(`x509 -req -in ${name}.csr ${ca} -extfile ${name}.ext -out ${name}.pem`);
  };
  selfSigned("ca");
  selfSigned("stranger");
  const here = "DNS:localhost,IP:127.0.0.1";
  signed("server", here);
  signed("second", here);
  signed("client", "DNS:client");
  signed("other", "DNS:other.example");
  signed("expired", here, -1);
  return folder;
}
