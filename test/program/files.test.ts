import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { loadTls, nameIn, PASS_PHRASE_BYTES_MAX, readPassPhrase } from "../../lib/program/files.ts";

let folder: string;
const file = (name: string) => join(folder, name);
const openssl = (...words: string[]) => {
  const { exitCode, stderr } = Bun.spawnSync(["openssl", ...words], { cwd: folder });
  if (exitCode !== 0) throw new Error(`openssl ${words.join(" ")}: ${stderr}`);
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "linechat-files-"));
  openssl("genpkey", "-algorithm", "RSA", "-out", "key");
  openssl(..."rsa -in key -aes128 -passout pass:x -traditional -out encrypted1".split(" "));
  openssl(..."pkcs8 -topk8 -in key -passout pass:x -out encrypted8".split(" "));
  const certificate = "req -x509 -key key -subj /CN=x -out".split(" ");
  openssl(...certificate, "now", "-days", "1");
  openssl(..."req -new -key key -subj /CN=x -out request".split(" "));
  openssl(..."x509 -req -in request -signkey key -days -1 -out past".split(" "));
});
afterAll(() => rmSync(folder, { recursive: true }));

test("a certificate and its key are read", () => {
  const { cert, key } = loadTls({ cert: file("now"), key: file("key") });
  expect(cert).toStartWith("-----BEGIN CERTIFICATE-----");
  expect(key).toStartWith("-----BEGIN PRIVATE KEY-----");
});

test("an encrypted key is named as such, in both formats", () => {
  for (const name of ["encrypted1", "encrypted8"])
    expect(() => loadTls({ cert: file("now"), key: file(name) })).toThrow(
      `the key in ${file(name)} is encrypted; "openssl pkey" decrypts it`,
    );
});

test("a certificate that has expired is named as such", () => {
  const load = () => loadTls({ cert: file("past"), key: file("key") });
  expect(load).toThrow(`the certificate in ${file("past")} has expired`);
});

test("a file that is written only in part, and a key that TLS does not sign with, are named as such", () => {
  const pem = readFileSync(file("now"), "utf8");
  for (const [name, length] of [
    ["part", 100],
    ["last-line", pem.length - 10],
  ] as const) {
    writeFileSync(file(name), pem + pem.slice(0, length));
    for (const files of [{ cert: file(name), key: file("key") }, { ca: file(name) }])
      expect(() => loadTls(files)).toThrow(`cannot use ${file(name)}: bad end line`);
  }
  openssl(..."ecparam -name secp224r1 -genkey -noout -out key224".split(" "));
  openssl(..."req -x509 -key key224 -subj /CN=x -days 1 -out now224".split(" "));
  expect(() => loadTls({ cert: file("now224"), key: file("key224") })).toThrow(
    `cannot use ${file("now224")}: unsupported algorithm`,
  );
});

test("certificates and keys that are none, or another's, are named as such", () => {
  openssl("genpkey", "-algorithm", "RSA", "-out", "another");
  for (const name of ["empty", "text"]) writeFileSync(file(name), name === "text" ? "text" : "");
  for (const [files, wrong] of [
    [{ cert: "now", key: "another" }, "key values mismatch"],
    [{ cert: "now", key: "text" }, "no PEM key found"],
    [{ cert: "now", key: "empty" }, "empty"],
    [{ cert: "text", key: "key" }, "no PEM certificate found"],
    [{ ca: "text" }, "no PEM certificate found"],
    [{ ca: "empty" }, "empty"],
  ] as const) {
    const paths = Object.entries(files).map(([kind, name]) => [kind, file(name)]);
    expect(() => loadTls(Object.fromEntries(paths))).toThrow(wrong);
  }
});

test("the name in a certificate is its common name, if that can be a name", () => {
  for (const [subject, name] of [
    ["/CN=alice", "alice"],
    ["/CN=Alice Smith", undefined],
    ["/O=alice", undefined],
  ] as const) {
    openssl("req", "-x509", "-key", "key", "-days", "1", "-subj", subject, "-out", "named");
    expect(nameIn(readFileSync(file("named"), "utf8"))).toBe(name);
  }
});

test("a file that cannot be read says why", () => {
  for (const [name, why] of [
    ["none", "no such file or directory"],
    ["key/x", "not a directory"],
    ["", "illegal operation on a directory"],
    ["x".repeat(300), "name too long"],
  ] as const)
    expect(() => readPassPhrase(file(name))).toThrow(`cannot read ${file(name)}: ${why}`);
});

test("a pipe is read once: when it is read again, it is refused instead of waited for", () => {
  const pipe = file("pipe");
  Bun.spawnSync(["mkfifo", pipe]);
  const message = `cannot read ${pipe}: it is no regular file`;
  Bun.spawn(["sh", "-c", 'echo "open sesame" > "$0"', pipe]);
  expect(Buffer.from(readPassPhrase(pipe)).toString()).toBe("open sesame");
  expect(() => readPassPhrase(pipe)).toThrow(message);
  const files = { cert: file("now"), key: file("key") };
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
