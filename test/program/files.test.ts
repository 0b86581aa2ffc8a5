/** What the programs read from files: certificates, keys, pass phrases. */

import { beforeAll, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { loadTls, nameIn, PASS_PHRASE_BYTES_MAX, readPassPhrase } from "../../lib/program/files.ts";
import { makeCertificates } from "../certificates.ts";
import { endAfterEach, newFolder, startShared } from "../harness.ts";

endAfterEach();

const folder = startShared(newFolder);
const file = (name: string) => join(folder, name);
const read = (name: string) => readFileSync(file(name), "utf8");
const write = (name: string, content: string) => writeFileSync(file(name), content);
const openssl = (command: string) => {
  const { exitCode, stderr } = Bun.spawnSync(["openssl", ...command.split(" ")], { cwd: folder });
  if (exitCode !== 0) throw new Error(`openssl ${command}: ${stderr}`);
};

beforeAll(() => {
  makeCertificates(folder);
  openssl("ec -in server.key -aes128 -passout pass:x -out encrypted1");
  openssl("pkcs8 -topk8 -in server.key -passout pass:x -out encrypted8");
  openssl("ecparam -name secp224r1 -genkey -noout -out key224");
  openssl("req -x509 -key key224 -subj /CN=x -days 1 -out now224");
  const pem = read("server.pem");
  write("part", pem + pem.slice(0, -10));
  write("begun", pem + pem.slice(0, 100));
  write("empty", "");
  write("text", "text");
});

/** A certificate and a key, or what is to be a CA; and what is wrong with them. */
const WRONG = {
  "server.pem encrypted1": 'the key in encrypted1 is encrypted; "openssl pkey" decrypts it',
  "server.pem encrypted8": 'the key in encrypted8 is encrypted; "openssl pkey" decrypts it',
  "expired.pem expired.key": "the certificate in expired.pem has expired",
  "begun server.key": "cannot use begun: bad end line",
  part: "cannot use part: bad end line",
  "now224 key224": "cannot use now224: unsupported algorithm",
  "server.pem second.key": "cannot use server.pem with second.key: key values mismatch",
  "server.pem text": "cannot use server.pem with text: no PEM key found",
  "text server.key": "cannot use text: no PEM certificate found",
  empty: "cannot use empty: empty",
};

test.each(Object.entries(WRONG))("%s: %s", (names, wrong) => {
  const [cert, key] = names.split(" ").map(file);
  const message = wrong.replace(/(?<=^cannot use | with | in )[\w.]+/g, file);
  expect(() => loadTls(key ? { cert, key } : { ca: cert })).toThrow(message);
});

test("the name in a certificate is its common name, if that can be a name", () => {
  const names = ["CN=alice", "CN=alice:smith", "O=alice"].map((subject) => {
    openssl(`req -x509 -key server.key -days 1 -subj /${subject} -out named`);
    return nameIn(read("named"));
  });
  expect(names).toEqual(["alice", undefined, undefined]);
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
  const phraseOf = (content: string) => {
    write("phrase", content);
    return Buffer.from(readPassPhrase(file("phrase"))).toString();
  };
  for (const content of ["open", "open\n", "open\r\n"]) expect(phraseOf(content)).toBe("open");
  expect(phraseOf("é".repeat(PASS_PHRASE_BYTES_MAX / 2))).toHaveLength(PASS_PHRASE_BYTES_MAX / 2);
  for (const content of ["", "\n", "two\nlines\n", "x".repeat(PASS_PHRASE_BYTES_MAX + 1)])
    expect(() => phraseOf(content)).toThrow("a pass phrase is one line of 1 to 1024 bytes");
});
