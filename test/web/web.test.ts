/** `--web` as programs have it: WebSockets by the frame, and what keeps others out. */

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { UserError } from "../../lib/program/system-errors.ts";
import { makeCertificates } from "../certificates.ts";
import { openServer } from "../doors/open-server.ts";
import { endAfterEach, newFile, newFolder, rejection, testBeside } from "../harness.ts";
import { frame, startWeb, TEXT, WebPeer } from "../harness/web-peer.ts";

endAfterEach();

const HERE = { host: "127.0.0.1", port: 0 };
const isAnswer = (message: Buffer) => message.length === 0;

describe("a WebSocket", () => {
  testBeside("has lines in messages, the last LF optional; an empty one asks", async () => {
    const { server, join } = await startWeb("--max-line", "100");
    const [ann, bob, cat, peer] = [await join(), await join(), await join(), await server.join()];
    const question = new Uint8Array(0);
    const last = Buffer.from([0xff, 0, 13, 10]);
    for (const message of ["one", "two\n", question, "three\nfour", "", last]) ann.say(message);
    await ann.until("the answer", () => ann.messages.some(isAnswer));
    const sent = "one\ntwo\nthree\nfour\n\n\xff\0\r\n";
    for (const other of [peer, bob]) await other.hears("\xff\0\r\n");
    expect([peer.text, bob.text]).toEqual([sent, sent]);
    // Text has to be UTF-8; and a message of more than two lines' length is not even read.
    ann.write(frame(TEXT, Uint8Array.of(0xff, 0xfe)));
    expect(await ann.hearsClose()).toEqual([1007, ""]);
    await server.logged(`left web:${ann.name}: reset (3 here)`);
    bob.say("x".repeat(99));
    bob.say("y".repeat(100));
    expect(await bob.hearsClose()).toEqual([1008, `${sent}* line longer than 100 bytes\n`]);
    cat.say("z".repeat(1000));
    expect(await cat.hearsClose()).toEqual([1009, `${sent}${"x".repeat(99)}\n`]);
    await server.logged(`left web:${cat.name}: line too long (1 here)`);
    await peer.hearsBytes(sent.length + 100);
    expect(peer.text).toBe(`${sent}${"x".repeat(99)}\n`);
  });

  testBeside(
    "meets the doors: pass phrase, then name; its question is answered behind",
    async () => {
      const phrase = newFile("phrase", "open sesame\n");
      const { server, url } = await startWeb("--pass-file", phrase, "--names");
      const [ann, bob] = [await WebPeer.open(url), await WebPeer.open(url)];
      for (const line of [new Uint8Array(0), "open wheat"]) ann.say(line);
      expect(await ann.hearsClose()).toEqual([1008, "* wrong pass phrase\n"]);
      expect(ann.messages.filter(isAnswer)).toEqual([]);
      for (const line of [new Uint8Array(0), "open sesame", "bob"]) bob.say(line);
      await server.logged(`joined bob web:${bob.name} (1 here)`);
      await bob.until("the answer", () => bob.messages.some(isAnswer));
      const eve = await WebPeer.open(url);
      for (const line of ["open sesame", "Bob"]) eve.say(line);
      const taken = "* say your name first (here: bob)\n* the name Bob is taken\n";
      expect(await eve.hearsClose()).toEqual([1008, taken]);
      server.kill("SIGTERM");
      expect(await bob.hearsClose()).toEqual([1001, "* say your name first\n"]);
    },
  );

  testBeside("may be beside a room on a Unix socket", async () => {
    const unix = { host: undefined, port: undefined, unix: join(newFolder(), "room") };
    const { server, happened } = await openServer({ ...unix, web: HERE });
    await WebPeer.open(`${server.urls["web"]}`);
    await happened(/^joined web:/);
  });
});

testBeside(
  "the page is at /, allows no code but its own, and tells what the room asks for",
  async () => {
    const { url } = await startWeb();
    const page = await fetch(url);
    const text = await page.text();
    const hashOf = (element: string) => {
      const [, code = ""] = new RegExp(`<${element}>([^]*)</${element}>`).exec(text) ?? [];
      return `'sha256-${new Bun.CryptoHasher("sha256").update(code).digest("base64")}'`;
    };
    const headers = Object.fromEntries(page.headers);
    expect(headers).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": `default-src 'none'; script-src ${hashOf("script")}; style-src ${hashOf("style")}; img-src data:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'`,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cache-control": "no-cache",
      connection: "close",
    });
    expect(text).not.toMatch(/ (on\w+|style)="/);
    // Without its script it says what it needs; a look-behind would stop all of it in older browsers.
    expect(text).toMatch(/needs a browser of 2022 or later<noscript>, with JavaScript<\/noscript>/);
    expect(text).not.toMatch(/\(\?<[=!]/);
    expect((await fetch(`${url}other`)).status).toBe(404);
    expect(text).toContain('<html data-line-bytes="65536" lang');
    const other = await startWeb("--names", "--history", "5", "--max-line", "1K");
    const told = '<html data-names data-history data-line-bytes="1024" lang';
    expect(await (await fetch(other.url)).text()).toContain(told);
  },
);

testBeside(
  "a page elsewhere gets nowhere, nor does one by a name of its own that leads here",
  async () => {
    const names = ["--web-name", "chat.example.org", "--web-name", "other.example:8443"];
    const { server, url } = await startWeb(...names);
    const { host, port } = new URL(url);
    const accepted = [
      {},
      { Origin: `http://${host}` },
      { Host: `localhost:${port}`, Origin: `http://localhost:${port}` },
      { Host: `[::1]:${port}` },
      { Host: "127.0.0.1:99999" },
      { Host: "CHAT.example.org", Origin: "https://chat.example.org" },
      { Origin: "https://Chat.example.org" }, // From a proxy that does not hand Host on.
      { Host: "other.example:8443", Origin: "https://other.example:8443" },
    ];
    const origins = [
      ...["http://evil.example", "null", "http://127.0.0.1:1", "file://"],
      ...[`http://localhost:${port}`, "https://other.example", "https://chat.example.org:99"],
    ];
    const hosts = ["evil.example", `evil.example:${port}`, "127.0.0.1.evil.example", ""];
    const refused = [
      ...origins.map((Origin) => ({ Origin })),
      ...hosts.map((Host) => ({ Host, Origin: `http://${Host}` })),
    ];
    for (const headers of [...accepted, ...refused]) {
      const { answer } = await WebPeer.open(url, { headers });
      const status = accepted.includes(headers) ? 101 : 403;
      expect([headers, answer]).toEqual([headers, expect.stringMatching(` ${status} `)]);
    }
    // None of this is a bug, which would be told on stderr.
    expect(server.stderr).not.toMatch(/error/i);
    // The log says once for each of twenty names what to add.
    await server.logged(
      /Z refused a browser: this server is not called (\S+\.evil\.example); to accept it, add --web-name \1\n/,
    );
    const hints = /refused a browser: .*, add --web-name (.*)/g;
    const told = () => Array.from(server.stderr.matchAll(hints), ([, name]) => name);
    expect(told()).toEqual([
      ...["evil.example", "null", "127.0.0.1:1", `localhost:${port}`, "other.example"],
      ...["chat.example.org:99", "127.0.0.1.evil.example"],
    ]);
    for (let n = 0; n < 50; n++) await fetch(url, { headers: { Host: `${n}.example` } });
    await server.logged(/--web-name 12\.example\n/);
    expect(told()).toHaveLength(20);
    // A page behind a proxy asks before it opens a WebSocket, and is told too.
    const page = await fetch(url, { headers: { "X-Origin": "https://third.example" } });
    const why = "this server is not for pages of third.example; its operator can add --web-name";
    expect([page.status, await page.text()]).toEqual([403, `${why} third.example\n`]);
  },
);

describe("behind a reverse proxy, an address", () => {
  const from = (told: string) => ({ headers: { "X-Forwarded-For": told } });
  const proxies = ["127.0.0.1", "10.0.0.0/8"];
  test.each<[told: string, trusted: string[], address: string]>([
    ["203.0.113.9", proxies, "203.0.113.9"],
    ["2001:DB8::0:1", proxies, "[2001:db8::1]"],
    // What a browser has sent itself stands before what the proxies have added.
    ["1.2.3.4, 203.0.113.9, 10.1.2.3", proxies, "203.0.113.9"],
    ["1.2.3.4, unknown, 10.1.2.3", proxies, "10.1.2.3"],
    ["", proxies, "127.0.0.1"],
    ["203.0.113.9", [], "127.0.0.1"],
    ["203.0.113.9", ["10.0.0.0/8"], "127.0.0.1"],
  ])("of %j is believed of %j: %s", async (told, trusted, address) => {
    const { server, happened } = await openServer({ web: { ...HERE, proxies: trusted } });
    await WebPeer.open(`${server.urls["web"]}`, from(told));
    await happened(new RegExp(`^joined web:${RegExp.escape(address)}:\\d+$`));
  });

  testBeside("is what rules go by, for the page too", async () => {
    const { url } = await startWeb("--web-proxy", "127.0.0.1", "--deny", "203.0.113.0/24");
    const denied = from("203.0.113.9");
    const told = "not allowed from 203.0.113.9\n";
    expect(await (await WebPeer.open(url, denied)).hearsClose()).toEqual([1008, `* ${told}`]);
    const page = await fetch(url, denied);
    expect([page.status, await page.text()]).toEqual([403, told]);
  });
});

testBeside("over TLS, browsers share the certificate, also a new one, and the CA", async () => {
  const file = (name: string) => readFileSync(makeCertificates().file(name), "utf8");
  const pairOf = (name: string) => ({ cert: file(`${name}.pem`), key: file(`${name}.key`) });
  const tls = { ca: file("ca.pem") };
  const { server } = await openServer({ web: HERE, tls: pairOf("server") });
  const url = `${server.urls["web"]}`;
  expect(url).toStartWith("https://127.0.0.1:");
  const ann = await WebPeer.open(url, { tls });
  const bad = { ...pairOf("server"), key: file("client.key") };
  expect(() => server.renew({ tls: bad })).toThrow(UserError);
  server.renew({ tls: pairOf("other") });
  expect((await rejection(WebPeer.open(url, { tls }))).message).toMatch(/altname|host/i);
  const anyName = { ...tls, checkServerIdentity: () => undefined };
  const bob = await WebPeer.open(url, { tls: anyName });
  bob.say("by the new certificate");
  await ann.hears("by the new certificate\n");
  server.renew({ tls: { ...pairOf("server"), ...tls } });
  expect(await rejection(fetch(url, { tls }))).toBeInstanceOf(Error);
  expect((await fetch(url, { tls: { ...tls, ...pairOf("client") } })).status).toBe(200);
});
