/** WebSockets whose peers have vanished, and those that only look like it; a beat takes 20 ms here. */

import { describe, expect, test } from "bun:test";

import { DEFAULTS, Room, type RoomOptions } from "../../lib/room/room.ts";
import { Connections } from "../../lib/server/connections.ts";
import { Heartbeat } from "../../lib/web/heartbeat.ts";
import { web } from "../../lib/web/web.ts";
import { atEnd, endAfterEach } from "../harness.ts";
import { eventually } from "../harness/watched.ts";
import { frame, PING, WebPeer, type WebPeerOptions } from "../harness/web-peer.ts";

const BEAT_MS = 20;
const MIB = 1 << 20;

endAfterEach();

/** A room that has only WebSockets, and what it tells of those that have left. */
async function openRoom(options: Partial<RoomOptions> = {}, beatMs = BEAT_MS) {
  const left: string[] = [];
  const room = new Room({
    ...options,
    now: () => performance.now(),
    wake: (delayMs) => void setTimeout(() => connections.flush(), delayMs),
    extras: [() => ({ gone: (_, reason) => void left.push(reason) })],
  });
  const connections: Connections = new Connections(room, {});
  const place = { host: "127.0.0.1", port: 0 };
  const context = { secrets: {}, onError: undefined, onWarning() {} };
  const part = web(place, { patienceMs: options.patienceMs }, context, beatMs);
  const way = { kind: "tcp", doors: [], open: 0 } as const;
  const open = await part.open?.(connections, way);
  const { web: url = "" } = open?.() ?? {};
  const join = async (how?: WebPeerOptions) => {
    const { size } = room;
    const peer = await WebPeer.connect(url, how);
    await eventually("it to join", () => room.size > size);
    return peer;
  };
  atEnd(async () => {
    part.stop?.();
    await connections.stop(0);
    await part.close?.();
  });
  return { room, left, join };
}

/** Waits until so many pings have come, every fifth beat. */
function pinged(peer: WebPeer, count: number): Promise<true> {
  const until = peer.pings + count;
  return peer.until(`${count} pings`, () => peer.pings >= until);
}

describe("a peer that answers no ping", () => {
  for (const [where, talks] of [
    ["in a silent room", false],
    ["in a room where somebody talks", true],
  ] as const)
    test(`is given up ${where}`, async () => {
      const { left, join } = await openRoom();
      const [gone, bob] = [await join({ isMute: true }), await join()];
      await eventually("one to be given up", () => {
        if (talks) bob.say("still talking");
        return left.length > 0;
      });
      expect(left).toEqual(["vanished"]);
      expect(await gone.peer.endOfInput()).toBeTrue();
      expect(gone.pings).toBeWithin(1, 4); // One that is not answered is enough.
      await pinged(bob, 1);
    });

  test("stays while it sends anything else", async () => {
    const { left, join } = await openRoom();
    const [ann, bob] = [await join({ isMute: true }), await join()];
    const isOver = { is: false };
    void pinged(bob, 8).then(() => (isOver.is = true));
    await eventually("40 beats", () => {
      ann.say(new Uint8Array(0));
      return isOver.is;
    });
    expect(left).toEqual([]);
  });

  test("stays while the server does not read from it, nor later, if it is there", async () => {
    const { room, left, join } = await openRoom({ logBytes: 64 << 10, patienceMs: 3_600_000 });
    const [reader, sender, witness] = [await join({ stopped: true }), await join(), await join()];
    const lines = Buffer.alloc(16 * MIB, `${"x".repeat(63)}\n`);
    for (let at = 0; at < lines.length; at += 64 << 10)
      sender.say(lines.subarray(at, at + (64 << 10)));
    await eventually("the room to be held up", () => room.counters.heldUpMs > 0);
    await eventually("40 beats", () => room.counters.heldUpMs > 40 * BEAT_MS);
    expect(left).toEqual([]);
    reader.peer.resume();
    await witness.hearsBytes(lines.length);
    await pinged(sender, 4);
    expect(left).toEqual([]);
  });
});

test("a peer that pings gets its answer", async () => {
  const { join } = await openRoom();
  const peer = await join();
  peer.peer.say(frame(PING, "?"));
  await peer.until("the answer", () => peer.pongs === 1);
});

describe("a reader whose answer is behind what it has not read", () => {
  /** One with a megabyte on its way to it, which it does not read; and one that reads everything. */
  async function openBehind(patienceMs: number) {
    const { left, join } = await openRoom({ patienceMs });
    const [reader, sender, witness] = [await join(), await join(), await join()];
    reader.peer.pause();
    const lines = Buffer.alloc(MIB, `${"x".repeat(63)}\n`);
    for (let at = 0; at < MIB; at += 64 << 10) sender.say(lines.subarray(at, at + (64 << 10)));
    await witness.hearsBytes(MIB);
    return { left, reader, witness };
  }

  test("has as much time as the patience of the room allows for that", async () => {
    const { left, reader, witness } = await openBehind(DEFAULTS.patienceMs);
    await pinged(witness, 8);
    expect(left).toEqual([]);
    reader.peer.resume();
    await reader.hearsBytes(MIB);
    await pinged(reader, 4);
    expect(left).toEqual([]);
  });

  test("and no more", async () => {
    const { left } = await openBehind(10);
    await eventually("it to be given up", () => left.length > 0);
    expect(left).toEqual(["vanished"]);
  });
});

describe("an empty message shows that the server is there", () => {
  const count = (peer: WebPeer) => peer.messages.filter(({ length }) => length === 0).length;

  test("when nothing else has gone out", async () => {
    const { join } = await openRoom();
    const peer = await join();
    await peer.until("two of them", () => count(peer) === 2);
    expect(peer.text).toBe("");
  });

  test("but not among lines", async () => {
    const { left, join } = await openRoom({}, 5);
    const [ann, bob] = [await join(), await join()];
    const isOver = { is: false };
    void pinged(bob, 8).then(() => (isOver.is = true));
    await eventually("40 beats", () => {
      ann.say("still talking");
      return isOver.is;
    });
    expect([count(bob), left]).toEqual([0, []]);
  });

  test("but is not added to what is held for a peer that does not read", () => {
    const heartbeat = new Heartbeat();
    let held = 1;
    let sent = 0;
    const wire = {
      ...{ isPaused: false, ping: () => 0 },
      getBufferedAmount: () => held,
      sendBinary: () => ++sent,
    };
    for (let n = 0; n < 10; n++) {
      heartbeat.isAsked = true;
      heartbeat.beat(wire, true);
    }
    expect(sent).toBe(0);
    held = 0;
    heartbeat.beat(wire, true);
    expect(sent).toBe(1);
  });

  test("and is the answer only once what was sent before is received", () => {
    const heartbeat = new Heartbeat();
    let sent = 0;
    const wire = {
      ...{ isPaused: false, ping: () => 0, getBufferedAmount: () => 0 },
      sendBinary: () => ++sent,
    };
    heartbeat.isAsked = true;
    heartbeat.beat(wire, false);
    expect(sent).toBe(0);
    heartbeat.answer(wire, true);
    heartbeat.answer(wire, true);
    expect(sent).toBe(1);
    heartbeat.isAsked = true;
    heartbeat.beat(wire, true);
    expect(sent).toBe(2);
  });

  test("and is the answer to one, which is no line; an empty text is", async () => {
    const { join } = await openRoom({}, 3_600_000);
    const [ann, bob] = [await join(), await join()];
    ann.say("one");
    ann.say(new Uint8Array(0));
    await ann.until("the answer", () => count(ann) === 1);
    ann.say("");
    ann.say("two");
    await bob.hears("two\n");
    expect([bob.text, count(bob)]).toEqual(["one\n\ntwo\n", 0]);
  });
});
