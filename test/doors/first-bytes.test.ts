/** What a client sends first: another protocol is told so, however it is cut, and lines are relayed. */

import { expect, test } from "bun:test";
import { join } from "node:path";

import type { Way } from "../../lib/doors/door.ts";
import { firstBytes } from "../../lib/doors/first-bytes.ts";
import { names } from "../../lib/extras/names/names.ts";
import { LineBuffer } from "../../lib/room/line-buffer.ts";
import { type Make, openParts, type Options } from "../extras/open-parts.ts";
import { endAfterEach, newFolder, Peer, Program, testBeside } from "../harness.ts";
import { besideWith } from "../harness/tools.ts";
import { FakeSocket } from "../room/fake-socket.ts";
import { HTTP_ANSWER } from "../simulation/first-line.ts";
import { material, openServer, trusting } from "./open-server.ts";

endAfterEach();

/** What others send first, the end of which tells what it is, and what that is. */
const OTHERS = [
  ["TLS", "\x16\x03\x01"],
  ["SSH", "SSH-2.0-"],
  ["HTTP", "POST /?a=b HTTP/1.1\r\n"],
  ["HTTP", "GET http://127.0.0.1:8080/ HTTP/1.0\n"],
  ["HTTP", "GET /a: HTTP/1.1\r\n"],
  ["HTTP", "PRI * HTTP/2.0\r\n"],
  ["PROXY", "PROXY TCP4 "],
  ["PROXY", "PROXY UNKNOWN"],
  // Empty lines may come before a request, and have to before a PROXY header of version 2.
  ["HTTP", "\r\nGET / HTTP/1.1\r\n"],
  ["HTTP", "\n\nGET / HTTP/1.1\n"],
  ["PROXY", "\r\n\r\n\0\r\nQUIT\n"],
] as const;

function openPair(makers: readonly Make[] = [], options: Options = {}) {
  const opened = openParts([firstBytes, ...makers], options);
  const [ann, bob] = [opened.accept(), opened.accept()];
  return { ...opened, ann, bob };
}

const toldFor = (protocol: string) =>
  protocol === "HTTP" ? HTTP_ANSWER : `* speaks ${protocol}, this port does not\n`;

test("nothing of another protocol is relayed, wherever it is cut, nor what follows it", () => {
  for (const [protocol, start] of OTHERS)
    for (let cut = 0; cut <= start.length; cut++) {
      const { settle, left, ann, bob } = openPair();
      ann.sends(start.slice(0, cut));
      settle();
      ann.sends(`${start.slice(cut)}Cookie: a=b\r\n`);
      ann.sends("ann: hello\n");
      ann.data.ended();
      settle();
      expect([start, cut, ann.received, ann.ended]).toEqual([start, cut, toldFor(protocol), true]);
      expect(left).toEqual([`[::1]:1: speaks ${protocol}, this port does not`]);
      expect(bob.received).toMatch(/^[\r\n]*$/);
    }
});

test("a request that ends with the input is one, and so is one as long as a line may be", () => {
  const { settle, ann, bob } = openPair([], { lineBytesMax: 64 });
  ann.sends("GET / HTTP/1.1");
  ann.data.ended();
  bob.sends(`GET /${"a".repeat(64 - 15)} HTTP/1.1`);
  settle();
  expect([bob.received, bob.ended]).toEqual(["", false]);
  bob.sends("\n");
  settle();
  expect([ann.received, bob.received]).toEqual([HTTP_ANSWER, HTTP_ANSWER]);
});

test("one that is longer is a line too long, even if no end of it comes", () => {
  const { settle, left, ann, bob } = openPair([], { lineBytesMax: 64 });
  for (const byte of `GET /${"a".repeat(64)} HTTP/1.1\n`) ann.sends(byte);
  settle();
  expect([left, bob.received]).toEqual([["[::1]:1: line too long"], ""]);
});

test("lines that only begin so are lines, whole at once or in pieces, and are left alone then", () => {
  for (const line of [
    ...["\x16\n", "\x16\x03\n", "\x16hello\n", "\x15\x03\x01\n\n\x01\n", "\0\r\n", "\n", "\r\n\n"],
    ...["GET well soon\n", "GET /\r\n", "GET\n", "get / HTTP/1.1\n", "GET / HTTP/1.1 please\n"],
    ...[
      "PROXY is a line\r\n",
      "PROXY TCP7 a b\n",
      "SSH-2.0\n",
      "HTTP/1.1 200 OK\n",
      "ann: GET /\n",
    ],
    ...["\n\n\nGET / HTTP/1.1\n", "\0\nQUIT\n"],
  ])
    for (const parts of [[line], [...line]]) {
      const { room, settle, ann, bob } = openPair();
      for (const part of parts) ann.sends(part);
      ann.sends("a line\n");
      ann.sends("GET / HTTP/1.1\r\n");
      settle();
      expect([bob.received, ann.ended]).toEqual([`${line}a line\nGET / HTTP/1.1\r\n`, false]);
      const [member] = room.members;
      expect(member?.lines).toBeInstanceOf(LineBuffer);
    }
});

test("what a WebSocket sends is lines, whatever they look like", () => {
  const { connections, settle, ann } = openPair();
  const way: Way = { kind: "web", doors: [], open: 0 };
  connections.ways.push(way);
  const page = new FakeSocket(7, "::1");
  connections.accept(page, way);
  page.sends("GET / HTTP/1.1\n");
  settle();
  expect([page.ended, ann.received]).toEqual([false, "GET / HTTP/1.1\n"]);
});

test("one that speaks HTTP is told where the page is, if there is one", () => {
  const { settle, ann } = openPair([() => ({ page: () => "http://127.0.0.1:8081/" })]);
  ann.sends("GET / HTTP/1.1\r\n");
  settle();
  const [head = "", body = ""] = ann.received.split("\r\n\r\n");
  expect(body).toEndWith(" Its page for browsers is at http://127.0.0.1:8081/\n");
  expect(head).toEndWith(`\r\nContent-Length: ${body.length}`);
});

test("where a name is asked for, another protocol is told so behind that, and is no name", () => {
  for (const [protocol, sent] of [
    ["TLS", "\x16\x03\x01\n\n\x01"],
    ["HTTP", "GET /a: HTTP/1.1\r\n"],
  ] as const) {
    const { ann } = openPair([(context) => names(context)]);
    for (const byte of sent) ann.sends(byte);
    expect(ann.received).toBe(`* say your name first\n${toldFor(protocol)}`);
  }
});

/** What a page elsewhere can have a browser send without asking first: `no-cors`, with cookies. */
const POST = {
  method: "POST",
  mode: "no-cors",
  body: "ann: hello\n",
  headers: { Cookie: "session=secret", "Content-Type": "text/plain" },
} as const;
const BODY = HTTP_ANSWER.slice(HTTP_ANSWER.indexOf("\r\n\r\n") + 4);

testBeside(
  "requests of any method, and for a WebSocket, are answered, and nothing is relayed",
  async () => {
    const { port, join, events } = await openServer();
    const ann = await join();
    const url = `http://127.0.0.1:${port}/${"a".repeat(8000)}?b=c`;
    for (const request of [POST, { ...POST, method: "PUT" }, { ...POST, method: "OPTIONS" }]) {
      const answer = await fetch(url, request);
      expect([answer.status, await answer.text()]).toEqual([400, BODY]);
      const headers = ["connection", "content-length", "content-type"];
      expect([...answer.headers.keys()].sort()).toEqual(headers);
    }
    const socket = new WebSocket(url.replace("http", "ws"));
    await new Promise((resolve) => socket.addEventListener("error", resolve));
    ann.endInput();
    expect(await ann.hearsAll()).toBe("");
    expect(
      events.filter((event) => event.endsWith(": speaks HTTP, this port does not")),
    ).toHaveLength(4);
  },
);

testBeside("the answer reaches a client that is still sending a large body", async () => {
  const { port, join } = await openServer();
  const ann = await join();
  const caller = await Peer.connect(port);
  caller.say("POST / HTTP/1.1\r\nContent-Length: 8388608\r\n\r\n");
  await caller.sayAll(Buffer.alloc(8 << 20, "spam\n"));
  caller.endInput();
  expect(await caller.hearsAll()).toBe(HTTP_ANSWER);
  ann.endInput();
  expect(await ann.hearsAll()).toBe("");
});

testBeside(
  "it tells where the page is, which still has its own; and comes by a Unix socket, too",
  async () => {
    const { server, port } = await openServer({ web: { port: 0 } });
    const page = server.urls["web"] ?? "";
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    expect(await answer.text()).toBe(BODY.replace("\n", ` Its page for browsers is at ${page}\n`));
    expect((await fetch(page)).status).toBe(200);
    const unix = join(newFolder(), "room");
    await openServer({ host: undefined, port: undefined, unix });
    expect(await (await fetch("http://localhost/", { ...POST, unix })).text()).toBe(BODY);
  },
);

besideWith("openssl")(
  "it comes over TLS; and real TLS where there is none is told apart",
  async () => {
    const secure = await openServer({ tls: material() });
    const ann = await secure.join({ tls: trusting() });
    const tls = { rejectUnauthorized: false };
    const answer = await fetch(`https://127.0.0.1:${secure.port}/`, { ...POST, tls });
    expect([answer.status, await answer.text()]).toEqual([400, BODY]);
    ann.endInput();
    expect(await ann.hearsAll()).toBe("");
    const plain = await openServer();
    const bob = await plain.join();
    for (let count = 0; count < 6; count++) {
      // Whatever line ends there are in its random bytes.
      new Program(["openssl", "s_client", "-connect", `127.0.0.1:${plain.port}`]);
      await plain.happened(/: speaks TLS, this port does not$/);
      plain.events.length = 0;
    }
    bob.endInput();
    expect(await bob.hearsAll()).toBe("");
  },
);
