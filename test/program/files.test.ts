/** What the programs read from files: certificates, keys, pass phrases. */

import { beforeEach, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { loadTls, nameIn, PASS_PHRASE_BYTES_MAX, readPassPhrase } from "../../lib/program/files.ts";
import { makeCertificates } from "../certificates.ts";
import { endAfterEach, newFolder } from "../harness.ts";

endAfterEach();

let folder: string;
beforeEach(() => {
  folder = newFolder();
  makeCertificates(folder);
});
const file = (name: string) => join(folder, name);
const openssl = (command: string) => {
  const { exitCode, stderr } = Bun.spawnSync(["openssl", ...command.split(" ")], { cwd: folder });
  if (exitCode !== 0) throw new Error(`openssl ${command}: ${stderr}`);
};
const load = (cert: string, key: string) => loadTls({ cert: file(cert), key: file(key) });

test("a certificate and its key are read", () => {
  const { cert, key } = load("server.pem", "server.key");
  expect(cert).toStartWith("-----BEGIN CERTIFICATE-----");
  expect(key).toStartWith("-----BEGIN PRIVATE KEY-----");
});

test("an encrypted key, in both formats, and an expired certificate are named as such", () => {
  openssl("ec -in server.key -aes128 -passout pass:x -out encrypted1");
  openssl("pkcs8 -topk8 -in server.key -passout pass:x -out encrypted8");
  for (const name of ["encrypted1", "encrypted8"])
    expect(() => load("server.pem", name)).toThrow(
      `the key in ${file(name)} is encrypted; "openssl pkey" decrypts it`,
    );
  expect(() => load("expired.pem", "expired.key")).toThrow(
    `the certificate in ${file("expired.pem")} has expired`,
  );
});

test("a file that is written only in part, and a key that TLS does not sign with, are named as such", () => {
  const pem = readFileSync(file("server.pem"), "utf8");
  for (const length of [100, pem.length - 10]) {
    writeFileSync(file("part"), pem + pem.slice(0, length));
    for (const files of [{ cert: file("part"), key: file("server.key") }, { ca: file("part") }])
      expect(() => loadTls(files)).toThrow(`cannot use ${file("part")}: bad end line`);
  }
  openssl("ecparam -name secp224r1 -genkey -noout -out key224");
  openssl("req -x509 -key key224 -subj /CN=x -days 1 -out now224");
  expect(() => load("now224", "key224")).toThrow(
    `cannot use ${file("now224")}: unsupported algorithm`,
  );
});

test("certificates and keys that are none, or another's, are named as such", () => {
  for (const name of ["empty", "text"]) writeFileSync(file(name), name === "text" ? "text" : "");
  for (const [files, wrong] of [
    [{ cert: "server.pem", key: "second.key" }, "key values mismatch"],
    [{ cert: "server.pem", key: "text" }, "no PEM key found"],
    [{ cert: "server.pem", key: "empty" }, "empty"],
    [{ cert: "text", key: "server.key" }, "no PEM certificate found"],
    [{ ca: "text" }, "no PEM certificate found"],
    [{ ca: "empty" }, "empty"],
  ] as const) {
    const paths = Object.entries(files).map(([kind, name]) => [kind, file(name)]);
    expect(() => loadTls(Object.fromEntries(paths))).toThrow(wrong);
  }
});

test("the name in a certificate is its common name, if that can be a name", () => {
  for (const [subject, name] of [
    ["CN=alice", "alice"],
    ["CN=alice:smith", undefined],
    ["O=alice", undefined],
  ] as const) {
    openssl(`req -x509 -key server.key -days 1 -subj /${subject} -out named`);
    expect(nameIn(readFileSync(file("named"), "utf8"))).toBe(name);
  }
});

test("a pipe is read once: when it is read again, it is refused instead of waited for", () => {
  const pipe = file("pipe");
  Bun.spawnSync(["mkfifo", pipe]);
  const message = `cannot read ${pipe}: it is no regular file`;
  Bun.spawn(["sh", "-c", 'echo "open sesame" > "$0"', pipe]);
  expect(Buffer.from(readPassPhrase(pipe)).toString()).toBe("open sesame");
  expect(() => readPassPhrase(pipe)).toThrow(message);
  const files = { cert: file("server.pem"), key: file("server.key") };
  for (const kind of ["cert", "key", "ca"])
    expect(() => loadTls({ ...files, [kind]: pipe })).toThrow(message);
  expect(loadTls(files)).toEqual(loadTls(files));
});

test("a pass phrase is the one line of its file", () => {
  const read = (content: string) => {
    writeFileSync(file("phrase"), content);
    return Buffer.from(readPassPhrase(file("phrase"))).toString();
  };
  for (const content of ["open", "open\n", "open\r\n"]) expect(read(content)).toBe("open");
  expect(read("é".repeat(PASS_PHRASE_BYTES_MAX / 2))).toHaveLength(PASS_PHRASE_BYTES_MAX / 2);
  for (const content of ["", "\n", "two\nlines\n", "x".repeat(PASS_PHRASE_BYTES_MAX + 1)])
    expect(() => read(content)).toThrow("a pass phrase is one line of 1 to 1024 bytes");
});
