/** A member that begins as TLS does, on a port without TLS, is told so and leaves. */

import { expect, test } from "bun:test";

import { firstBytes } from "../../lib/extras/first-bytes.ts";
import { openParts } from "./open-parts.ts";

/** A record with a ClientHello, which has line ends in it. */
const HELLO = "\x16\x03\x01\n\n\x01hello\n";

function openPair() {
  const opened = openParts([firstBytes]);
  return { ...opened, ann: opened.join("ann"), bob: opened.join("bob") };
}

test("nothing of a ClientHello is relayed, wherever it is cut behind its first bytes, nor what follows it", () => {
  for (let cut = 3; cut <= HELLO.length; cut++) {
    const { settle, left, ann, bob } = openPair();
    ann.sends(HELLO.slice(0, cut));
    ann.sends(HELLO.slice(cut));
    ann.sends("more\n");
    settle();
    expect([ann.received, ann.ended]).toEqual(["* speaks TLS, this port does not\n", true]);
    expect([bob.received, left]).toEqual(["", ["ann: speaks TLS, this port does not"]]);
  }
});

test("lines that only begin like one are lines, and so is one behind another line", () => {
  const likeIt = ["\x16\n", "\x16\x03\n", "\x16hello\n", "\x15\x03\x01\n\n\x01\n"];
  for (const line of likeIt) {
    const { settle, ann, bob } = openPair();
    for (const chunk of [line, HELLO]) ann.sends(chunk);
    settle();
    expect([bob.received, ann.ended]).toEqual([line + HELLO, false]);
  }
});
