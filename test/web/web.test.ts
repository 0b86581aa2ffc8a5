/** `--web` as programs have it: WebSockets by the frame, and what keeps others out. */

import { beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { UserError } from "../../lib/program/system-errors.ts";
import { listen } from "../../lib/server/listen.ts";
import { type Certificates, makeCertificates } from "../certificates.ts";
import {
  endAfterEach,
  newFile,
  newFolder,
  serverCommand,
  ServerProgram,
  testBeside,
} from "../harness.ts";
import { frame, startWeb, TEXT, WebPeer, webUrl } from "../harness/web-peer.ts";

endAfterEach();

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});

const isAnswer = (message: Buffer) => message.length === 0;

describe("a WebSocket", () => {
  testBeside("has lines in messages, the last LF optional; an empty one asks", async () => {
    const { server, join } = await startWeb();
    const [ann, bob, peer] = [await join(), await join(), await server.join()];
    const question = new Uint8Array(0);
    const last = Buffer.from([0xff, 0, 13, 10]);
    for (const message of ["one", "two\n", question, "three\nfour", "", last]) ann.say(message);
    await ann.until("the answer", () => ann.messages.some(isAnswer));
    for (const other of [peer, bob]) {
      await other.hears("\xff\0\r\n");
      expect(other.text).toBe("one\ntwo\nthree\nfour\n\n\xff\0\r\n");
    }
    ann.close();
    await server.logged(`left web:${ann.peer.name}: end of input (2 here)`);
    bob.peer.reset();
    await server.logged(`left web:${bob.peer.name}: reset (1 here)`);
  });

  testBeside("whose text is no UTF-8 is closed, and nothing of it relayed", async () => {
    const { server, join } = await startWeb();
    const [ann, bob, peer] = [await join(), await join(), await server.join()];
    ann.peer.say(frame(TEXT, Uint8Array.of(0xff, 0xfe)));
    expect(await ann.closed()).toBe(1007);
    await server.logged(`left web:${ann.peer.name}: reset (2 here)`);
    peer.say("and the room goes on\n");
    await bob.hears("and the room goes on\n");
    expect(bob.text).toBe("and the room goes on\n");
  });

  testBeside("has messages of at most two lines' length, longer ones are not read", async () => {
    const { server, join } = await startWeb("--max-line", "100");
    const [ann, bob, peer] = [await join(), await join(), await server.join()];
    ann.say("x".repeat(99));
    await peer.hears(`${"x".repeat(99)}\n`);
    ann.say("y".repeat(100));
    expect(await ann.hearsAll()).toEqual([1008, "* line longer than 100 bytes\n"]);
    bob.say("z".repeat(1000));
    expect(await bob.closed()).toBe(1009);
    await server.logged(`left web:${bob.peer.name}: line too long (1 here)`);
    expect(peer.text).toBe(`${"x".repeat(99)}\n`);
  });

  testBeside(
    "meets the doors: pass phrase, then name; its question is answered behind",
    async () => {
      const phrase = newFile("phrase", "open sesame\n");
      const { server, url } = await startWeb("--pass-file", phrase, "--names", "--history", "10");
      const open = async (...lines: (string | Uint8Array)[]) => {
        const web = await WebPeer.connect(url);
        for (const line of lines) web.say(line);
        return web;
      };
      const ann = await open(new Uint8Array(0), "open wheat");
      expect(await ann.hearsAll()).toEqual([1008, "* wrong pass phrase\n"]);
      expect(ann.messages.filter(isAnswer)).toEqual([]);
      const bob = await open(new Uint8Array(0), "open sesame", "bob: hello");
      await server.logged(`joined bob web:${bob.peer.name} (1 here)`);
      await bob.until("the answer", () => bob.messages.some(isAnswer));
      const cat = await open("open sesame", "cat");
      await cat.hears("* end of history\n");
      expect(cat.text).toBe("* say your name first (here: bob)\nbob: hello\n* end of history\n");
      const taken = "* say your name first (here: bob, cat)\n* the name bob is taken\n";
      expect(await (await open("open sesame", "bob")).hearsAll()).toEqual([1008, taken]);
      server.kill("SIGTERM");
      expect(await cat.closed()).toBe(1001);
    },
  );

  testBeside("may be beside a room on a Unix socket", async () => {
    const path = join(newFolder(), "room");
    const server = await ServerProgram.run(serverCommand("--unix", path, "--web", "0"));
    const ann = await WebPeer.connect(await webUrl(server));
    await server.logged(`joined web:${ann.peer.name} (1 here)`);
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

describe("a page elsewhere gets nowhere", () => {
  const ask = async (url: string, headers: Record<string, string>) => {
    const web = await WebPeer.connect(url, { headers });
    return [headers, Number(web.answer.split(" ")[1])];
  };

  testBeside("by a WebSocket from there, nor by a name of its own that leads here", async () => {
    const { server, url } = await startWeb();
    const { host, port } = new URL(url);
    for (const headers of [
      {},
      { Origin: `http://${host}` },
      { Host: `localhost:${port}`, Origin: `http://localhost:${port}` },
      { Host: `[::1]:${port}` },
      { Host: "127.0.0.1:99999" },
    ])
      expect(await ask(url, headers)).toEqual([headers, 101]);
    const origins = ["http://evil.example", "null", "http://127.0.0.1:1", "file://"];
    for (const Origin of [...origins, `http://localhost:${port}`])
      expect(await ask(url, { Origin })).toEqual([{ Origin }, 403]);
    for (const Host of ["evil.example", `evil.example:${port}`, "127.0.0.1.evil.example", ""]) {
      const headers = { Host, Origin: `http://${Host}` };
      expect(await ask(url, headers)).toEqual([headers, 403]);
    }
    expect((await fetch(url, { headers: { Host: "evil.example" } })).status).toBe(403);
    // None of this is a bug, which would be told on stderr.
    expect(server.stderr).not.toMatch(/error/i);
  });

  testBeside("and the log says once for each of twenty names what to add", async () => {
    const { server, url } = await startWeb();
    const hosts = ["chat.example.org", "chat.example.org:81", "b.example", "chat.example.org"];
    for (const Host of hosts) {
      const page = await fetch(url, { headers: { Host } });
      const [name = ""] = Host.split(":");
      const text = `this server is not called ${Host}; its operator can add --web-name ${name}\n`;
      expect([page.status, await page.text()]).toEqual([403, text]);
    }
    // As from a page behind a proxy, which then opens a WebSocket.
    const headers = { "X-Origin": "https://other.example" };
    expect((await fetch(url, { headers })).status).toBe(403);
    await server.logged(/--web-name other\.example\n/);
    const told = server.stderr.match(/refused a browser: .*/g);
    expect(told).toEqual([
      "refused a browser: this server is not called chat.example.org; to accept it, add --web-name chat.example.org",
      "refused a browser: this server is not called b.example; to accept it, add --web-name b.example",
      "refused a browser: this server is not for pages of other.example; to accept it, add --web-name other.example",
    ]);
    for (let n = 0; n < 50; n++) await fetch(url, { headers: { Host: `${n}.example` } });
    await server.logged(/--web-name 16\.example\n/);
    expect(server.count(/refused a browser/)).toBe(20);
  });

  testBeside("but --web-name adds names, also for a proxy that does not hand Host on", async () => {
    const names = ["--web-name", "chat.example.org", "--web-name", "other.example:8443"];
    const { url } = await startWeb(...names);
    for (const headers of [
      { Host: "chat.example.org", Origin: "https://chat.example.org" },
      { Origin: "https://Chat.example.org" },
      { Host: "other.example:8443", Origin: "https://other.example:8443" },
    ])
      expect(await ask(url, headers)).toEqual([headers, 101]);
    for (const Origin of ["https://other.example", "https://chat.example.org:99"])
      expect(await ask(url, { Origin })).toEqual([{ Origin }, 403]);
  });
});

describe("behind a reverse proxy, an address", () => {
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
    const joined = Promise.withResolvers<string>();
    const at = { host: "127.0.0.1", port: 0 };
    const onJoin = ({ label }: { label: string }) => joined.resolve(label);
    await using server = await listen({ ...at, web: { ...at, proxies: trusted }, onJoin });
    const headers = { "X-Forwarded-For": told };
    await WebPeer.connect(`${server.urls["web"]}`, { headers });
    expect(await joined.promise).toMatch(new RegExp(`^web:${RegExp.escape(address)}:\\d+$`));
  });

  testBeside("is what rules and counts go by", async () => {
    const options = ["--web-proxy", "127.0.0.1", "--max-clients-per-address", "1"];
    const { server, url } = await startWeb(...options, "--deny", "203.0.113.0/24");
    const from = (address: string) =>
      WebPeer.connect(url, { headers: { "X-Forwarded-For": address } });
    for (const address of ["192.0.2.1", "192.0.2.2"]) {
      await from(address);
      await server.logged(`joined web:${address}:`);
    }
    const third = await from("192.0.2.2");
    expect(await third.hearsAll()).toEqual([1008, "* too many connections from 192.0.2.2\n"]);
    const denied = "203.0.113.9";
    const told = "not allowed from 203.0.113.9\n";
    expect(await (await from(denied)).hearsAll()).toEqual([1008, `* ${told}`]);
    const page = await fetch(url, { headers: { "X-Forwarded-For": denied } });
    expect([page.status, await page.text()]).toEqual([403, told]);
  });
});

describe("over TLS", () => {
  const text = (name: string) => readFileSync(certificates.file(name), "utf8");
  const trust = () => ({ ca: text("ca.pem") });

  testBeside("browsers share the certificate; SIGHUP renews it, and members stay", async () => {
    const folder = newFolder();
    const copy = (name: string) => {
      for (const end of ["pem", "key"])
        copyFileSync(certificates.file(`${name}.${end}`), join(folder, `now.${end}`));
    };
    copy("server");
    const files = ["--tls-cert", join(folder, "now.pem"), "--tls-key", join(folder, "now.key")];
    const { server, url } = await startWeb(...files);
    expect(url).toStartWith("https://127.0.0.1:");
    const ann = await WebPeer.connect(url, { tls: trust() });
    await server.logged(`joined web:${ann.peer.name} (1 here)`);
    copy("other");
    server.kill("SIGHUP");
    await server.logged(/files read again\n/);
    await expect(WebPeer.connect(url, { tls: trust() })).rejects.toThrow(/altname|host/i);
    const tls = { ...trust(), checkServerIdentity: () => undefined };
    const bob = await WebPeer.connect(url, { tls });
    bob.say("by the new certificate");
    await ann.hears("by the new certificate\n");
  });

  test("a certificate that will not do is refused; a CA asks browsers for theirs", async () => {
    const [cert, key, ca] = [text("server.pem"), text("server.key"), text("ca.pem")];
    const at = { host: "127.0.0.1", port: 0 };
    await using server = await listen({ ...at, web: at, tls: { cert, key } });
    for (const bad of [{ cert: "none", key: "none" }, { cert, key: text("client.key") }, { cert }])
      expect(() => server.renew({ tls: bad })).toThrow(UserError);
    const get = (own = {}) => fetch(`${server.urls["web"]}`, { tls: { ca, ...own } });
    expect((await get()).status).toBe(200);
    server.renew({ tls: { cert, key, ca } });
    await expect(get()).rejects.toThrow();
    const own = { cert: text("client.pem"), key: text("client.key") };
    expect((await get(own)).status).toBe(200);
  });
});

test("a server that cannot have its port for browsers leaves the other one free", async () => {
  const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const free = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = free;
  free.stop();
  const web = { host: "127.0.0.1", port: taken.port };
  await expect(listen({ host: "127.0.0.1", port, web })).rejects.toThrow(
    `cannot listen on 127.0.0.1:${taken.port}: address already in use`,
  );
  await using server = await listen({ host: "127.0.0.1", port });
  expect(server.urls).toEqual({});
  taken.stop();
});
