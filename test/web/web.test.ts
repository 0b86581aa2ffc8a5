/** `--web` as programs have it: WebSockets by the frame, and what keeps others out. */

import { beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { listen } from "../../lib/server/listen.ts";
import { type Certificates, makeCertificates } from "../certificates.ts";
import { newFolder, runToEnd, ServerProgram } from "../harness.ts";
import {
  BINARY,
  CONTINUATION,
  frame,
  TEXT,
  WebPeer,
  type WebPeerOptions,
  webUrl,
} from "../harness/web-peer.ts";
import { endAllAfterEach } from "../server/ends.ts";

endAllAfterEach();

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});

async function start(...options: string[]) {
  const server = await ServerProgram.start("--web", "0", ...options);
  const url = await webUrl(server);
  /** A WebSocket that has joined. */
  const join = async (how?: WebPeerOptions): Promise<WebPeer> => {
    const web = await WebPeer.connect(url, how);
    await server.logged(`joined web:${web.peer.name} (`);
    return web;
  };
  return { server, url, join };
}

describe("a WebSocket is a member", () => {
  test("of the same room: one order, its LF optional, never its own lines", async () => {
    const { server, join } = await start();
    const [ann, bob, peer] = [await join(), await join(), await server.join()];
    ann.say("one");
    ann.say("two\n");
    ann.say("three\nfour");
    ann.say("");
    ann.say(Buffer.from([0xff, 0, 0x0d, 0x0a]));
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

  test("however its messages are cut", async () => {
    const { server, join } = await start();
    const [ann, peer] = [await join(), await server.join()];
    ann.peer.say(frame(TEXT, "a fragm", false));
    ann.peer.say(frame(CONTINUATION, "ented li", false));
    ann.peer.say(frame(CONTINUATION, "ne"));
    await peer.hears("a fragmented line\n");
    for (const byte of frame(BINARY, "one byte at a time")) {
      ann.peer.say(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await peer.hears("one byte at a time\n");
    ann.peer.say(Buffer.concat([frame(TEXT, "two"), frame(TEXT, "at once")]));
    await peer.hears("two\nat once\n");
  });

  test("and each message to it holds whole lines, also where the log wraps", async () => {
    const { server, join } = await start("--buffer", "4K", "--max-line", "1K");
    const [ann, peer] = [await join(), await server.join()];
    let said = "";
    for (let n = 0; n < 2000; n++) said += `${n} ${"x".repeat((n * 37) % 900)}\n`;
    await peer.sayAll(said);
    await ann.hearsBytes(said.length);
    expect(ann.text).toBe(said);
    expect(ann.messages.filter((message) => message.at(-1) !== 10)).toEqual([]);
  });

  test("whose text is UTF-8, or its connection ends", async () => {
    const { server, join } = await start();
    const [ann, peer] = [await join(), await server.join()];
    ann.peer.say(frame(TEXT, Uint8Array.of(0xff, 0xfe)));
    expect(await ann.closed()).toBe(1007);
    await server.logged(`left web:${ann.peer.name}: reset (1 here)`);
    peer.say("and the room goes on\n");
    expect(peer.text).toBe("");
  });

  test("whose lines may be so long; a message twice that is read no more", async () => {
    const { server, join } = await start("--max-line", "100");
    const [ann, bob, peer] = [await join(), await join(), await server.join()];
    ann.say("x".repeat(99));
    await peer.hears(`${"x".repeat(99)}\n`);
    ann.say("y".repeat(100));
    expect(await ann.closed()).toBe(1008);
    expect(ann.text).toBe("* line longer than 100 bytes\n");
    await server.logged(`left web:${ann.peer.name}: line too long (2 here)`);
    bob.say("z".repeat(1000));
    expect(await bob.closed()).toBe(1009);
    await server.logged(`left web:${bob.peer.name}: line too long (1 here)`);
    expect(peer.text).toBe(`${"x".repeat(99)}\n`);
  });

  test("that is told a last word, then 1008; and 1001 when the server stops", async () => {
    const { server, join } = await start("--idle", "300ms");
    const ann = await join();
    expect(await ann.closed()).toBe(1008);
    expect(ann.text).toBe("* idle for 300ms\n");
    const bob = await join();
    server.kill("SIGTERM");
    expect(await bob.closed()).toBe(1001);
    expect(await server.exited).toBe(0);
  });

  test("which says the pass phrase first", async () => {
    const phrase = join(newFolder(), "phrase");
    writeFileSync(phrase, "open sesame\n");
    const { server, url } = await start("--pass-file", phrase);
    const ann = await WebPeer.connect(url);
    ann.say("open wheat");
    expect(await ann.closed()).toBe(1008);
    expect(ann.text).toBe("* wrong pass phrase\n");
    const bob = await WebPeer.connect(url);
    bob.say("open sesame");
    await server.logged(`joined web:${bob.peer.name} (1 here)`);
  });

  test("with a name and with history as all have them", async () => {
    const { server, url } = await start("--names", "--announce", "--history", "10");
    const ann = await WebPeer.connect(url);
    await ann.hears("* say your name first\n");
    ann.say("ann: hello");
    await server.logged(`joined ann web:${ann.peer.name} (1 here)`);
    ann.say("again");
    const bob = await WebPeer.connect(url);
    await bob.hears("ann: hello\nann: again\n* until here what was said before\n");
    bob.say("ann");
    expect(await bob.closed()).toBe(1008);
    expect(bob.text).toEndWith("* the name ann is taken\n");
  });

  test("counted by its address, like all; and slowed by its rate", async () => {
    const one = ["--max-clients-per-address", "2", "--max-rate", "50"];
    const { server, join, url } = await start(...one);
    const [ann, peer] = [await join(), await server.join()];
    const third = await WebPeer.connect(url);
    expect(await third.closed()).toBe(1008);
    expect(third.text).toBe("* too many connections from 127.0.0.1\n");
    const sinceMs = performance.now();
    for (let n = 0; n < 80; n++) ann.say(`${n}`);
    await peer.hears("79\n");
    expect(performance.now() - sinceMs).toBeGreaterThan(400);
    expect(peer.text).toBe(Array.from({ length: 80 }, (_, n) => `${n}\n`).join(""));
  });

  test("refused by its address; nor does that get the page", async () => {
    const { url } = await start("--deny", "127.0.0.1");
    const ann = await WebPeer.connect(url);
    expect(await ann.closed()).toBe(1008);
    expect(ann.text).toBe("* not allowed from 127.0.0.1\n");
    const page = await fetch(url);
    expect([page.status, await page.text()]).toEqual([403, "not allowed from 127.0.0.1\n"]);
  });

  test("beside a room on a Unix socket", async () => {
    const path = join(newFolder(), "room");
    const words = ["server.ts", "--unix", path, "--web", "0"];
    const server = await ServerProgram.run([process.execPath, ...words]);
    const ann = await WebPeer.connect(await webUrl(server));
    await server.logged(`joined web:${ann.peer.name} (1 here)`);
  });
});

describe("the page", () => {
  test("is at /, and allows no code but its own", async () => {
    const { url } = await start();
    const page = await fetch(url);
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const policy = page.headers.get("content-security-policy") ?? "";
    expect(policy).toMatch(/^default-src 'none'; script-src 'sha256-\S+'; style-src 'sha256-\S+';/);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("unsafe");
    const text = await page.text();
    for (const [element, source] of [
      ["script", "script-src"],
      ["style", "style-src"],
    ] as const) {
      const [, code = ""] = new RegExp(`<${element}>([^]*)</${element}>`).exec(text) ?? [];
      const hash = new Bun.CryptoHasher("sha256").update(code).digest("base64");
      expect(policy).toContain(`${source} 'sha256-${hash}'`);
    }
    expect(text).not.toMatch(/ (on\w+|style)="/);
    expect((await fetch(`${url}other`)).status).toBe(404);
    expect((await fetch(url, { method: "DELETE" })).status).toBe(405);
  });

  test("tells what the room asks for", async () => {
    const plain = await start();
    expect(await (await fetch(plain.url)).text()).toContain('<html data-line-bytes="65536" lang');
    const { url } = await start("--names", "--history", "5", "--max-line", "1K");
    expect(await (await fetch(url)).text()).toContain(
      '<html data-names data-history data-line-bytes="1024" lang',
    );
  });
});

describe("a page elsewhere gets nowhere", () => {
  const ask = async (url: string, headers: Record<string, string>) => {
    const web = await WebPeer.connect(url, { headers });
    return Number(web.answer.split(" ")[1]);
  };

  test("by a WebSocket from there, nor by a name of its own that leads here", async () => {
    const { url } = await start();
    const { host, port } = new URL(url);
    expect(await ask(url, {})).toBe(101);
    expect(await ask(url, { Origin: `http://${host}` })).toBe(101);
    expect(await ask(url, { Host: `localhost:${port}`, Origin: `http://localhost:${port}` })).toBe(
      101,
    );
    expect(await ask(url, { Host: `[::1]:${port}` })).toBe(101);
    for (const Origin of [
      "http://evil.example",
      "null",
      "http://127.0.0.1:1",
      `http://localhost:${port}`,
      `file://`,
    ])
      expect([Origin, await ask(url, { Origin })]).toEqual([Origin, 403]);
    for (const Host of ["evil.example", `evil.example:${port}`, "127.0.0.1.evil.example", ""])
      expect([Host, await ask(url, { Host, Origin: `http://${Host}` })]).toEqual([Host, 403]);
    expect((await fetch(url, { headers: { Host: "evil.example" } })).status).toBe(403);
  });

  test("--web-name adds names, also for a proxy that does not hand Host on", async () => {
    const names = ["--web-name", "chat.example.org", "--web-name", "other.example:8443"];
    const { url } = await start(...names);
    expect(await ask(url, { Host: "chat.example.org", Origin: "https://chat.example.org" })).toBe(
      101,
    );
    expect(await ask(url, { Origin: "https://Chat.example.org" })).toBe(101);
    expect(
      await ask(url, { Host: "other.example:8443", Origin: "https://other.example:8443" }),
    ).toBe(101);
    expect(await ask(url, { Origin: "https://other.example" })).toBe(403);
    expect(await ask(url, { Origin: "https://chat.example.org:99" })).toBe(403);
  });
});

describe("over TLS", () => {
  const tls = (name: string) => [
    "--tls-cert",
    certificates.file(`${name}.pem`),
    "--tls-key",
    certificates.file(`${name}.key`),
  ];
  const trust = () => ({ ca: readFileSync(certificates.file("ca.pem"), "utf8") });

  test("browsers share the certificate; SIGHUP renews it, and who is in stays", async () => {
    const folder = newFolder();
    const copy = (name: string) => {
      for (const end of ["pem", "key"])
        writeFileSync(
          join(folder, `now.${end}`),
          readFileSync(certificates.file(`${name}.${end}`)),
        );
    };
    copy("server");
    const files = ["--tls-cert", join(folder, "now.pem"), "--tls-key", join(folder, "now.key")];
    const { server, url } = await start(...files);
    expect(url).toStartWith("https://127.0.0.1:");
    const ann = await WebPeer.connect(url, { tls: trust() });
    await server.logged(`joined web:${ann.peer.name} (1 here)`);
    copy("other");
    server.kill("SIGHUP");
    await server.logged("certificates read anew\n");
    await expect(WebPeer.connect(url, { tls: trust() })).rejects.toThrow(
      /ERR_TLS_CERT_ALTNAME|altname|host/i,
    );
    const bob = await WebPeer.connect(url, {
      tls: { ...trust(), checkServerIdentity: () => undefined },
    });
    bob.say("by the new certificate");
    await ann.hears("by the new certificate\n");
  });

  test("--tls-ca asks browsers for certificates too", async () => {
    const { url } = await start(...tls("server"), "--tls-ca", certificates.file("ca.pem"));
    await expect(fetch(url, { tls: trust() })).rejects.toThrow();
    const own = {
      cert: readFileSync(certificates.file("client.pem"), "utf8"),
      key: readFileSync(certificates.file("client.key"), "utf8"),
    };
    expect((await fetch(url, { tls: { ...trust(), ...own } })).status).toBe(200);
  });
});

test("options that do not go together are named", async () => {
  const says = async (...words: string[]) => {
    const { code, stderr } = await runToEnd([process.execPath, "server.ts", ...words, "0"]);
    return [code, stderr.replace("linechat-server: ", "").replace(" (--help shows how)\n", "")];
  };
  expect(await says("--web-name", "x")).toEqual([2, "--web-name needs --web"]);
  const files = ["--tls-cert", "c", "--tls-key", "k", "--tls-ca", "a"];
  expect((await says("--web", "0", "--names", ...files))[0]).toBe(2);
  const taken = await start();
  const [code, why] = await says("--web", new URL(taken.url).host, "--host", "127.0.0.1");
  expect(code).toBe(1);
  expect(why).toContain(`cannot listen on ${new URL(taken.url).host}: the address is in use`);
});

test("a server that cannot have its port for browsers leaves the other one free", async () => {
  const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const free = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = free;
  free.stop();
  const web = { host: "127.0.0.1", port: taken.port };
  await expect(listen({ host: "127.0.0.1", port, web })).rejects.toThrow(
    `cannot listen on 127.0.0.1:${taken.port}: the address is in use`,
  );
  const server = await listen({ host: "127.0.0.1", port });
  expect(server.webUrl).toBeUndefined();
  await server.stop();
  taken.stop();
});
