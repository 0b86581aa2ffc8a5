/** `--web` as programs have it: WebSockets by the frame, and what keeps others out. */

import { beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { UserError } from "../../lib/program/system-errors.ts";
import { listen } from "../../lib/server/listen.ts";
import { type Certificates, makeCertificates } from "../certificates.ts";
import { endAfterEach, newFile, newFolder, serverCommand, ServerProgram } from "../harness.ts";
import { frame, startWeb, TEXT, WebPeer, webUrl } from "../harness/web-peer.ts";

endAfterEach();

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});

describe("a WebSocket is a member", () => {
  test("of the same room: one order, its LF optional, never its own lines", async () => {
    const { server, join } = await startWeb();
    const [ann, bob, peer] = [await join(), await join(), await server.join()];
    for (const message of ["one", "two\n", "three\nfour", "", Buffer.from([0xff, 0, 13, 10])])
      ann.say(message);
    await peer.hears("\xff\0\r\n");
    expect(peer.text).toBe("one\ntwo\nthree\nfour\n\n\xff\0\r\n");
    await bob.hears("\xff\0\r\n");
    expect(bob.text).toBe(peer.text);
    peer.say("five\n");
    await ann.hears("five\n");
    expect(ann.text).toBe("five\n");
    ann.close();
    await server.logged(`left web:${ann.peer.name}: end of input (2 here)`);
    bob.peer.reset();
    await server.logged(`left web:${bob.peer.name}: reset (1 here)`);
  });

  test("and each message to it holds whole lines, also where the log wraps", async () => {
    const { server, join } = await startWeb("--buffer", "4K", "--max-line", "1K");
    const [ann, peer] = [await join(), await server.join()];
    const lines = Array.from({ length: 2000 }, (_, n) => `${n} ${"x".repeat((n * 37) % 900)}\n`);
    const sent = lines.join("");
    await peer.sayAll(sent);
    await ann.hearsBytes(sent.length);
    expect(ann.text).toBe(sent);
    expect(ann.messages.filter((message) => message.at(-1) !== 10)).toEqual([]);
  });

  test("whose text is UTF-8, or its connection ends", async () => {
    const { server, join } = await startWeb();
    const [ann, bob, peer] = [await join(), await join(), await server.join()];
    ann.peer.say(frame(TEXT, Uint8Array.of(0xff, 0xfe)));
    expect(await ann.closed()).toBe(1007);
    await server.logged(`left web:${ann.peer.name}: reset (2 here)`);
    peer.say("and the room goes on\n");
    await bob.hears("and the room goes on\n");
    expect([bob.text, peer.text]).toEqual(["and the room goes on\n", ""]);
  });

  test("whose lines may be so long; a message twice that is read no more", async () => {
    const { server, join } = await startWeb("--max-line", "100");
    const [ann, bob, peer] = [await join(), await join(), await server.join()];
    ann.say("x".repeat(99));
    await peer.hears(`${"x".repeat(99)}\n`);
    ann.say("y".repeat(100));
    expect(await ann.hearsAll()).toEqual([1008, "* line longer than 100 bytes\n"]);
    await server.logged(`left web:${ann.peer.name}: line too long (2 here)`);
    bob.say("z".repeat(1000));
    expect(await bob.closed()).toBe(1009);
    await server.logged(`left web:${bob.peer.name}: line too long (1 here)`);
    expect(peer.text).toBe(`${"x".repeat(99)}\n`);
  });

  test("that is told why it is disconnected, then 1008; and 1001 when the server stops", async () => {
    const { server, join } = await startWeb("--idle", "300ms");
    const ann = await join();
    expect(await ann.hearsAll()).toEqual([1008, "* idle for 300ms\n"]);
    const bob = await join();
    server.kill("SIGTERM");
    expect(await bob.closed()).toBe(1001);
    expect(await server.exited).toBe(0);
  });

  test("that meets the doors: the pass phrase, then the name; then come history and its end", async () => {
    const phrase = newFile("phrase", "open sesame\n");
    const { server, url } = await startWeb("--pass-file", phrase, "--names", "--history", "10");
    const ann = await WebPeer.connect(url);
    ann.say("open wheat");
    expect(await ann.hearsAll()).toEqual([1008, "* wrong pass phrase\n"]);
    const bob = await WebPeer.connect(url);
    bob.say("open sesame");
    await bob.hears("* say your name first\n");
    bob.say("bob: hello");
    await server.logged(`joined bob web:${bob.peer.name} (1 here)`);
    bob.say("again");
    const cat = await WebPeer.connect(url);
    for (const line of ["open sesame", "cat"]) cat.say(line);
    await cat.hears("* end of history\n");
    expect(cat.text).toBe(
      "* say your name first (here: bob)\nbob: hello\nbob: again\n* end of history\n",
    );
    const other = await WebPeer.connect(url);
    for (const line of ["open sesame", "bob"]) other.say(line);
    const taken = "* say your name first (here: bob, cat)\n* the name bob is taken\n";
    expect(await other.hearsAll()).toEqual([1008, taken]);
  });

  test("that is answered once it is in the room, and not before", async () => {
    const { server, url } = await startWeb("--names");
    const isAnswer = (message: Buffer) => message.length === 0;
    const [eve, ann] = [await WebPeer.connect(url), await WebPeer.connect(url)];
    for (const peer of [eve, ann]) peer.say(new Uint8Array(0));
    eve.say("no name");
    await eve.hearsAll();
    expect(eve.messages.filter(isAnswer)).toEqual([]);
    ann.say("ann");
    await server.logged(/joined ann /);
    await ann.until("the answer", () => ann.messages.some(isAnswer));
  });

  test("counted by its address, like all", async () => {
    const { server, join, url } = await startWeb("--max-clients-per-address", "2");
    await Promise.all([join(), server.join()]);
    const third = await WebPeer.connect(url);
    expect(await third.hearsAll()).toEqual([1008, "* too many connections from 127.0.0.1\n"]);
  });

  test("refused by its address; nor does that get the page", async () => {
    const { url } = await startWeb("--deny", "127.0.0.1");
    const ann = await WebPeer.connect(url);
    expect(await ann.hearsAll()).toEqual([1008, "* not allowed from 127.0.0.1\n"]);
    const page = await fetch(url);
    expect([page.status, await page.text()]).toEqual([403, "not allowed from 127.0.0.1\n"]);
  });

  test("beside a room on a Unix socket", async () => {
    const path = join(newFolder(), "room");
    const server = await ServerProgram.run(serverCommand("--unix", path, "--web", "0"));
    const ann = await WebPeer.connect(await webUrl(server));
    await server.logged(`joined web:${ann.peer.name} (1 here)`);
  });
});

describe("the page", () => {
  test("is at /, and allows no code but its own", async () => {
    const { url } = await startWeb();
    const page = await fetch(url);
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(page.headers.get("x-content-type-options")).toBe("nosniff");
    expect(page.headers.get("referrer-policy")).toBe("no-referrer");
    const text = await page.text();
    const hashOf = (element: string) => {
      const [, code = ""] = new RegExp(`<${element}>([^]*)</${element}>`).exec(text) ?? [];
      return `'sha256-${new Bun.CryptoHasher("sha256").update(code).digest("base64")}'`;
    };
    expect(page.headers.get("content-security-policy")?.split("; ")).toEqual([
      "default-src 'none'",
      `script-src ${hashOf("script")}`,
      `style-src ${hashOf("style")}`,
      "img-src data:",
      "connect-src 'self'",
      "form-action 'none'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ]);
    expect(text).not.toMatch(/ (on\w+|style)="/);
    expect((await fetch(`${url}other`)).status).toBe(404);
  });

  test("tells what the room asks for", async () => {
    const plain = await startWeb();
    expect(await (await fetch(plain.url)).text()).toContain('<html data-line-bytes="65536" lang');
    const { url } = await startWeb("--names", "--history", "5", "--max-line", "1K");
    expect(await (await fetch(url)).text()).toContain(
      '<html data-names data-history data-line-bytes="1024" lang',
    );
  });
});

describe("a page elsewhere gets nowhere", () => {
  const ask = async (url: string, headers: Record<string, string>) => {
    const web = await WebPeer.connect(url, { headers });
    return [headers, Number(web.answer.split(" ")[1])];
  };

  test("by a WebSocket from there, nor by a name of its own that leads here", async () => {
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

  test("and the log says once what to add, if it should", async () => {
    const { server, url } = await startWeb();
    for (const Host of [
      "chat.example.org",
      "chat.example.org:81",
      "b.example",
      "chat.example.org",
    ]) {
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
  });

  test("and no flood of names floods the log", async () => {
    const { server, url } = await startWeb();
    for (let n = 0; n < 50; n++) await fetch(url, { headers: { Host: `${n}.example` } });
    expect(server.count(/refused a browser/)).toBe(20);
  });

  test("--web-name adds names, also for a proxy that does not hand Host on", async () => {
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

describe("behind a reverse proxy", () => {
  const joinedFrom = async (options: string[], forwarded: string) => {
    const { server, url } = await startWeb(...options);
    const web = await WebPeer.connect(url, { headers: { "X-Forwarded-For": forwarded } });
    if (!web.answer.includes(" 101 ")) return web.answer.split("\r\n\r\n").at(-1);
    await server.logged(/(joined|refused) web:/);
    return /(?:joined|refused) web:(\S+):\d+(.*)/.exec(server.stderr)?.slice(1).join("");
  };
  const proxy = ["--web-proxy", "127.0.0.1", "--web-proxy", "10.0.0.0/8"];

  test("--web-proxy believes what that says of where a browser is", async () => {
    expect(await joinedFrom(proxy, "203.0.113.9")).toBe("203.0.113.9 (1 here)");
    expect(await joinedFrom(proxy, "2001:DB8::0:1")).toBe("[2001:db8::1] (1 here)");
    // What a browser has sent itself stands before what the proxies have added.
    expect(await joinedFrom(proxy, "1.2.3.4, 203.0.113.9, 10.1.2.3")).toBe("203.0.113.9 (1 here)");
    expect(await joinedFrom(proxy, "1.2.3.4, unknown, 10.1.2.3")).toBe("10.1.2.3 (1 here)");
    expect(await joinedFrom(proxy, "")).toBe("127.0.0.1 (1 here)");
  });

  test("and nobody else", async () => {
    expect(await joinedFrom([], "203.0.113.9")).toBe("127.0.0.1 (1 here)");
    expect(await joinedFrom(["--web-proxy", "10.0.0.0/8"], "203.0.113.9")).toBe(
      "127.0.0.1 (1 here)",
    );
  });

  test("so that rules and counts mean people", async () => {
    const denied = [...proxy, "--deny", "203.0.113.0/24"];
    expect(await joinedFrom(denied, "203.0.113.9")).toBe(
      "203.0.113.9: not allowed from 203.0.113.9 (0 here)",
    );
    const { server, url } = await startWeb(...proxy, "--max-clients-per-address", "1");
    for (const forwarded of ["192.0.2.1", "192.0.2.2"]) {
      await WebPeer.connect(url, { headers: { "X-Forwarded-For": forwarded } });
      await server.logged(`joined web:${forwarded}:`);
    }
    const third = await WebPeer.connect(url, { headers: { "X-Forwarded-For": "192.0.2.2" } });
    expect(await third.hearsAll()).toEqual([1008, "* too many connections from 192.0.2.2\n"]);
  });
});

describe("over TLS", () => {
  const trust = () => ({ ca: readFileSync(certificates.file("ca.pem"), "utf8") });

  test("browsers share the certificate; SIGHUP renews it, and members stay", async () => {
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

  test("a certificate that will not do is refused, and the page stays with the old one", async () => {
    const [cert, key, other] = ["server.pem", "server.key", "client.key"].map((name) =>
      readFileSync(certificates.file(name), "utf8"),
    );
    const at = { host: "127.0.0.1", port: 0 };
    await using server = await listen({ ...at, web: at, tls: { cert, key } });
    for (const bad of [{ cert: "none", key: "none" }, { cert, key: other }, { cert }])
      expect(() => server.renew({ tls: bad })).toThrow(UserError);
    expect((await fetch(`${server.urls["web"]}`, { tls: trust() })).status).toBe(200);
  });

  test("--tls-ca asks browsers for certificates too", async () => {
    const [cert, key, ca] = ["server.pem", "server.key", "ca.pem"].map((name) =>
      certificates.file(name),
    );
    const files = ["--tls-cert", cert, "--tls-key", key, "--tls-ca", ca].map(String);
    const { url } = await startWeb(...files);
    await expect(fetch(url, { tls: trust() })).rejects.toThrow();
    const own = {
      cert: readFileSync(certificates.file("client.pem"), "utf8"),
      key: readFileSync(certificates.file("client.key"), "utf8"),
    };
    expect((await fetch(url, { tls: { ...trust(), ...own } })).status).toBe(200);
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
  const server = await listen({ host: "127.0.0.1", port });
  expect(server.urls).toEqual({});
  await server.stop();
  taken.stop();
});
