/** What a client sends first: another protocol is answered in its own way. */

import { expect, test } from "bun:test";
import { join } from "node:path";

import { firstBytes } from "../../lib/doors/first-bytes.ts";
import { names } from "../../lib/extras/names/names.ts";
import { LineBuffer } from "../../lib/room/line-buffer.ts";
import { openParts } from "../extras/open-parts.ts";
import { endAfterEach, newFolder, Peer, testBeside } from "../harness.ts";
import { HTTP_ANSWER } from "../simulation/first-line.ts";
import { openServer } from "./open-server.ts";

endAfterEach();

test("a request that is longer is a line too long, even if no end of it comes", () => {
  const { accept, settle, left } = openParts([firstBytes], { lineBytesMax: 64 });
  const ann = accept();
  for (const byte of `GET /${"a".repeat(64)}`) ann.sends(byte);
  settle();
  expect(left).toEqual(["[::1]:1: line too long"]);
});

test("lines are looked at no more once they are known to be lines", () => {
  const { room, accept } = openParts([firstBytes]);
  accept().sends("GET well soon\n");
  const [member] = room.members;
  expect(member?.lines).toBeInstanceOf(LineBuffer);
});

test("what stands behind a name is a line", () => {
  const { accept, settle, left } = openParts([firstBytes, names]);
  const [ann, bob] = [accept(), accept()];
  ann.sends("ann\n");
  bob.sends("bob: GET / HTTP/1.1\n");
  settle();
  expect(ann.received).toEndWith("bob: GET / HTTP/1.1\n");
  expect(left).toEqual([]);
});

/** What a page elsewhere can have a browser send without asking first: `no-cors`, with cookies. */
const POST = {
  method: "POST",
  mode: "no-cors",
  body: "ann: hello\n",
  headers: { Cookie: "session=secret", "Content-Type": "text/plain" },
} as const;
const BODY = HTTP_ANSWER.slice(HTTP_ANSWER.indexOf("\r\n\r\n") + 4);

testBeside("requests of any method are answered, and nothing is relayed", async () => {
  const { port, join: joinRoom, events } = await openServer();
  const ann = await joinRoom();
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
  const refusals = events.filter((event) => event.endsWith(": speaks HTTP, this port does not"));
  expect(refusals).toHaveLength(4);
  const unix = join(newFolder(), "room");
  await openServer({ host: undefined, port: undefined, unix });
  expect(await (await fetch("http://localhost/", { ...POST, unix })).text()).toBe(BODY);
});

testBeside("one that still sends a large body is answered where the page is", async () => {
  const { server, port, join } = await openServer({ web: { port: 0 } });
  const ann = await join();
  const caller = await Peer.connect(port);
  caller.say("POST / HTTP/1.1\r\nContent-Length: 8388608\r\n\r\n");
  await caller.sayAll(Buffer.alloc(8 << 20, "spam\n"));
  caller.endInput();
  const page = server.urls["web"] ?? "";
  const body = BODY.replace("\n", ` Its page for browsers is at ${page}\n`);
  expect(await caller.hearsAll()).toEndWith(`\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  ann.endInput();
  expect(await ann.hearsAll()).toBe("");
  expect((await fetch(page)).status).toBe(200);
});
