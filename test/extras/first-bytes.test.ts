/** A member that speaks another protocol is told so and leaves, however its first line is cut. */

import { expect, test } from "bun:test";

import type { Way } from "../../lib/doors/door.ts";
import { firstBytes } from "../../lib/doors/first-bytes.ts";
import { LineBuffer } from "../../lib/room/line-buffer.ts";
import { FakeSocket } from "../room/fake-socket.ts";
import { HTTP_ANSWER } from "../simulation/first-line.ts";
import { type Make, openParts, type Options } from "./open-parts.ts";

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
      expect([bob.received, left]).toEqual([
        "",
        [`[::1]:1: speaks ${protocol}, this port does not`],
      ]);
    }
});

test("empty lines may come before a request, and have to before a PROXY header of version 2", () => {
  for (const [protocol, start] of [
    ["HTTP", "\r\nGET / HTTP/1.1\r\n"],
    ["HTTP", "\n\nGET / HTTP/1.1\n"],
    ["PROXY", "\r\n\r\n\0\r\nQUIT\n"],
  ] as const)
    for (let cut = 0; cut <= start.length; cut++) {
      const { settle, ann, bob } = openPair();
      for (const part of [start.slice(0, cut), start.slice(cut)]) ann.sends(part);
      settle();
      expect([start, cut, ann.received]).toEqual([start, cut, toldFor(protocol)]);
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
