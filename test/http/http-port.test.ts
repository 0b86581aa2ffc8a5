/** Ports of HTTP against requests of all kinds, handlers that fail, and connections that say nothing. */

import { expect, test } from "bun:test";

import { basics } from "../../lib/http/http-port.ts";
import {
  endAfterEach,
  limitFiles,
  Peer,
  serverCommand,
  ServerProgram,
  testBeside,
} from "../harness.ts";
import { figuresOf } from "../harness/figures.ts";
import { eventually } from "../harness/watched.ts";
import { upgradeRequest, WebPeer, webUrl } from "../harness/web-peer.ts";

endAfterEach();

const HOST = "Host: 127.0.0.1";
const LONG = "x".repeat(15_000);

/** Start lines and headers, of which something is wrong, or at least odd. */
const REQUESTS: readonly string[] = [
  ...["127.0.0.1:99999", "127.0.0.1:x", "[::", "[", "a b", "%%%", "\xff\xfe", "", LONG].map(
    (host) => `GET / HTTP/1.1\r\nHost: ${host}`,
  ),
  ...["/metrics", "/health", "/x"].map((path) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:99999`),
  ...[
    ...["GET /%zz", "GET /%00?%ff", "GET /\xff", "GET //", "GET /?a#b", `GET /${LONG}`],
    ...["GET http://[/", "GET http://evil.example:99999/", "GET *", "GET x", "OPTIONS *"],
    ...["CONNECT a:99999", "FOO /", "POST /", "HEAD /", "TRACE /", "PRI *"],
  ].map((start) => `${start} HTTP/1.1\r\n${HOST}`),
  ...["HTTP/1.0", "HTTP/2.0", "HTTP/9.9"].map((version) => `GET / ${version}`),
  ...[
    ...[HOST, "Origin: [", "Origin: \xff", `Origin: ${LONG}`, "Origin: a\r\nOrigin: b"],
    ...["Upgrade: h2c", "X-Forwarded-For: \xff,,\r\nX-Forwarded-Host: [", "Expect: 100-continue"],
    ...["Content-Length: x", "Content-Length: 9", "Transfer-Encoding: chunked", `X: ${LONG}`],
    ...["Upgrade: websocket", "Upgrade: websocket\r\nConnection: Upgrade"],
    Array.from({ length: 300 }, (_, n) => `X${n}: y`).join("\r\n"),
  ].map((header) => `GET / HTTP/1.1\r\n${HOST}\r\n${header}`),
  ...["Key: x", "Version: 99", "Version: x", "Protocol: \xff, a", "Extensions: ;;="].map((header) =>
    upgradeRequest("127.0.0.1").replace("\r\n\r\n", `\r\nSec-WebSocket-${header}`),
  ),
];

/** A server with both ports, which may open so many files. */
async function start(filesMax: number) {
  const command = serverCommand("--host", "127.0.0.1", "--web", "0", "--metrics", "0", "0");
  const server = await ServerProgram.run(limitFiles(filesMax, command));
  const [page, figures] = [await webUrl(server), await figuresOf(server)];
  return { server, page, ...figures };
}

const portOf = (url: string) => Number(new URL(url).port);

testBeside("no request makes a port fail, or print anything", async () => {
  const { server, page, url } = await start(1024);
  for (const port of [portOf(page), portOf(url)])
    for (const request of REQUESTS) {
      const peer = await Peer.connect(port);
      peer.say(Buffer.from(`${request}\r\n\r\n`, "latin1"));
      // Some get no answer, some an open WebSocket.
      peer.endInput();
      await peer.endOfInput();
      const [status = ""] = /^HTTP\/1\.1 (?!100)\d+/m.exec(peer.text) ?? [];
      expect([request.slice(0, 80), status]).not.toContain("HTTP/1.1 500");
    }
  expect([(await fetch(page)).status, (await fetch(url)).status]).toEqual([200, 200]);
  const odd = server.journal.filter((line) => !/Z (up|listen|web|metrics|join|left)/.test(line));
  expect(odd).toEqual([]);
});

test("a handler that fails all the same is told to the server, and answered by a plain 500", async () => {
  const errors: Error[] = [];
  await using server = Bun.serve({
    ...{ hostname: "127.0.0.1", port: 0 },
    ...basics("nowhere", (error) => errors.push(error)),
    routes: { "/": () => Promise.reject(new Error("of two\nlines")) },
  });
  const response = await fetch(server.url);
  expect([response.status, await response.text()]).toEqual([500, "the server has failed\n"]);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "content-type": "text/plain; charset=utf-8",
    "cache-control": "no-store",
    connection: "close",
  });
  expect(errors.map(({ message }) => message)).toEqual(["of two\nlines"]);
});

testBeside(
  "connections that send nothing, or half a request, leave files for all others",
  async () => {
    const { server, page, url, health } = await start(128);
    const web = await WebPeer.open(page);
    await server.logged(`joined web:${web.name} (1 here)`);
    const calls = Array.from({ length: 160 }, (_, n) =>
      Peer.connect(portOf(n % 2 ? page : url), n % 3 ? { says: "GET" } : {}),
    );
    let closed = 0;
    for (const peer of await Promise.all(calls)) void peer.endOfInput().then(() => closed++);
    const peer = await server.join();
    peer.say("still here\n");
    await web.hears("still here\n");
    expect((await fetch(page)).status).toBe(200);
    expect(await health()).toBe("200 ok");
    await eventually("many to be closed", () => closed > 40);
    await server.logged(
      /Z \d+ connections to 127\.0\.0\.1:\d+ that sent no request were closed: files ran short, ulimit -n is 128\n/,
    );
    expect(server.count(/ left /)).toBe(0);
  },
);
