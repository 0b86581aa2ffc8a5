/** WebSockets whose peers have vanished, and those that only look like it. */

import { describe, expect, test } from "bun:test";

import type { Part } from "../../lib/extras/part.ts";
import { BEAT_MS, Heartbeat } from "../../lib/web/heartbeat.ts";
import { web } from "../../lib/web/web.ts";
import { openParts } from "../extras/open-parts.ts";
import { atEnd, endAfterEach, testBeside } from "../harness.ts";
import { eventually } from "../harness/watched.ts";
import { frame, PING, WebPeer } from "../harness/web-peer.ts";

endAfterEach();

/** The wire of a heartbeat, which counts what goes out, and holds so many bytes. */
function openWire(isPaused = false) {
  const wire = {
    ...{ isPaused, held: 0, pings: 0, sent: 0 },
    ping: () => ++wire.pings,
    sendBinary: () => ++wire.sent,
    getBufferedAmount: () => wire.held,
  };
  return wire;
}

describe("a peer is given up", () => {
  /** Beats until it is, at most so many; what happens before each may show that it is there. */
  function beatsOf(beatsMax: number, { before = (_: Heartbeat) => {}, isPaused = false } = {}) {
    const heartbeat = new Heartbeat(10_000);
    const wire = openWire(isPaused);
    let beats = 0;
    do before(heartbeat);
    while (heartbeat.beat(wire) && ++beats < beatsMax);
    return { beats, pings: wire.pings };
  }

  test("after 70 s in which nothing comes, and after one ping", () => {
    expect(beatsOf(100)).toEqual({ beats: 70_000 / BEAT_MS, pings: 1 });
  });

  test("not while it answers, or sends anything, or is not read from", () => {
    expect(beatsOf(100, { before: (heartbeat) => heartbeat.answered() }).pings).toBe(20);
    expect(beatsOf(100, { before: (heartbeat) => heartbeat.received() }).beats).toBe(100);
    expect(beatsOf(100, { isPaused: true }).beats).toBe(100);
  });

  test("once it had the patience of the room for all that was sent before the ping", () => {
    // 64 KiB in 10 s, which are two beats; and of what is sent after the ping nothing counts.
    const once = (bytes: number, at: number) => {
      let turn = 0;
      return beatsOf(2000, { before: (heartbeat) => turn++ === at && heartbeat.sent(bytes) }).beats;
    };
    expect(once(1 << 20, 0)).toBe(14 + 32);
    expect(once(1 << 20, 7)).toBe(14);
    expect(once(1 << 30, 0)).toBe(14 + 256);
  });
});

test("the answer waits until what was sent before is received, and the peer takes it", () => {
  const heartbeat = new Heartbeat();
  const wire = openWire();
  wire.held = 1;
  heartbeat.isAsked = true;
  heartbeat.answer(wire, true);
  wire.held = 0;
  heartbeat.beat(wire, false);
  expect(wire.sent).toBe(0);
  heartbeat.beat(wire, true);
  heartbeat.answer(wire, true);
  expect(wire.sent).toBe(1);
});

test("an empty message goes out each 25 s in which nothing else does", () => {
  const sentIn = (beats: number, talks: boolean) => {
    const [heartbeat, wire] = [new Heartbeat(), openWire()];
    for (let beat = 0; beat < beats; beat++) {
      if (talks) heartbeat.sent(1);
      heartbeat.beat(wire);
    }
    return wire.sent;
  };
  expect([sentIn(100_000 / BEAT_MS, false), sentIn(20, true)]).toEqual([4, 0]);
});

testBeside("one that answers no ping leaves, as vanished, however much is sent to it", async () => {
  let part: Part = {};
  const place = { host: "127.0.0.1", port: 0 };
  const opened = openParts([(context) => (part = web(place, {}, context, 60))]);
  const listen = await part.open?.(opened.connections, { kind: "tcp", doors: [], open: 0 });
  const { web: url = "" } = listen?.() ?? {};
  atEnd(() => {
    part.stop?.();
    opened.room.stop();
    return part.close?.();
  });
  const bob = await WebPeer.open(url);
  // An empty message shows that the server is there, when nothing else does.
  await bob.until("two of them", () => bob.messages.length >= 2);
  expect(bob.text).toBe("");
  // One that answers none either, but pings by itself, is there.
  const pinging = await WebPeer.open(url, { stopped: true });
  const gone = await WebPeer.open(url, { stopped: true });
  await eventually("it to be given up", () => {
    bob.say("still talking");
    pinging.write(frame(PING, "?"));
    opened.pass(0);
    return opened.left.length > 0;
  });
  expect(opened.left).toEqual([`web:${gone.name}: vanished`]);
  gone.resume();
  expect(await gone.endOfInput()).toBeTrue();
});
