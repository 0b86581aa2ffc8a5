/** Certificates for tests, made with openssl at run time. */

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Certificates {
  /** A file by name: `ca.pem`, `server.pem`, `server.key`, … */
  file(name: string): string;
}

/**
 * A CA and certificates of it (`server` for localhost and 127.0.0.1, `client`,
 * `other` for another host, `expired`), and `stranger`, which it has not signed.
 *
 * @param folder where to put them; whoever asks for them removes it
 */
export function makeCertificates(
  folder = mkdtempSync(join(tmpdir(), "linechat-certificates-")),
): Certificates {
  const file = (name: string) => join(folder, name);
  const openssl = (...words: string[]) => {
    const { exitCode, stderr } = Bun.spawnSync(["openssl", ...words], { cwd: folder });
    if (exitCode !== 0) throw new Error(`openssl ${words.join(" ")}: ${stderr}`);
  };
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const selfSigned = (name: string) =>
    openssl(
      "req",
      "-x509",
      ...newKey,
      "-days",
      "1",
      "-subj",
      `/CN=${name}`,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.pem`,
    );
  const signed = (name: string, subjects: string, dates: string[]) => {
    openssl(
      "req",
      ...newKey,
      "-subj",
      `/CN=${name}`,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.csr`,
    );
    writeFileSync(file(`${name}.ext`), `subjectAltName=${subjects}\n`);
    openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      "-CA",
      "ca.pem",
      "-CAkey",
      "ca.key",
      "-CAcreateserial",
      ...dates,
      "-extfile",
      `${name}.ext`,
      "-out",
      `${name}.pem`,
    );
  };
  selfSigned("ca");
  selfSigned("stranger");
  signed("server", "DNS:localhost,IP:127.0.0.1", ["-days", "1"]);
  signed("second", "DNS:localhost,IP:127.0.0.1", ["-days", "1"]);
  signed("client", "DNS:client", ["-days", "1"]);
  signed("other", "DNS:other.example", ["-days", "1"]);
  signed("expired", "DNS:localhost,IP:127.0.0.1", ["-days", "-1"]);
  return { file };
}
