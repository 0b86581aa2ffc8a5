/** What a client sends first: a request of HTTP is answered by HTTP, and costs a member nothing later. */

import { expect, test } from "bun:test";

import { firstBytes } from "../../lib/doors/first-bytes.ts";
import { LineBuffer } from "../../lib/room/line-buffer.ts";
import { openParts } from "../extras/open-parts.ts";
import { endAfterEach, Peer, testBeside } from "../harness.ts";
import { HTTP_ANSWER } from "../simulation/first-line.ts";
import { openServer } from "./open-server.ts";

endAfterEach();

test("lines are looked at no more once they are known to be lines", () => {
  const { room, accept } = openParts([firstBytes]);
  accept().sends("GET well soon\n");
  const [member] = room.members;
  expect(member?.lines).toBeInstanceOf(LineBuffer);
});

/** What a page elsewhere can have a browser send without asking first: `no-cors`, with cookies. */
const POST = {
  method: "POST",
  mode: "no-cors",
  body: "ann: hello\n",
  headers: { Cookie: "session=secret", "Content-Type": "text/plain" },
} as const;

testBeside(
  "a request, even of a large body, is told where the page is, and not relayed",
  async () => {
    const { server, port, join, events } = await openServer({ web: { port: 0 } });
    const ann = await join();
    const page = server.urls["web"] ?? "";
    const [, plain = ""] = HTTP_ANSWER.split("\r\n\r\n");
    const body = plain.replace("\n", ` Its page for browsers is at ${page}\n`);

    const answer = await fetch(`http://127.0.0.1:${port}/${"a".repeat(8000)}?b=c`, POST);
    expect([answer.status, await answer.text()]).toEqual([400, body]);
    const headers = ["connection", "content-length", "content-type"];
    expect([...answer.headers.keys()].sort()).toEqual(headers);

    const caller = await Peer.connect(port);
    caller.say("POST / HTTP/1.1\r\nContent-Length: 8388608\r\n\r\n");
    await caller.sayAll(Buffer.alloc(8 << 20, "spam\n"));
    caller.endInput();
    expect(await caller.hearsAll()).toEndWith(`\r\n\r\n${body}`);

    ann.endInput();
    expect(await ann.hearsAll()).toBe("");
    expect(
      events.filter((event) => event.endsWith(": speaks HTTP, this port does not")),
    ).toHaveLength(2);
    expect((await fetch(page)).status).toBe(200);
  },
);
