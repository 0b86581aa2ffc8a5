/** The specification: each promise of the README, over every way into a room. */

import { describe, expect, test } from "bun:test";

import { endAfterEach, Peer, ServerProgram, testBeside } from "./harness.ts";
import { inTurns, numberedLines, testLong, testWith } from "./harness/tools.ts";
import { type Choices, type Way, WayIn, WAYS } from "./harness/ways.ts";

endAfterEach();

const MIB = 1 << 20;
/** More than the log and the kernel together hold for somebody who does not read: 6.5 MB with Redis. */
const FLOOD = numberedLines(100_000, 100);
const SMALL_AND_PATIENT = { logBytes: 256 << 10, patienceMs: 100_000 };
const LONGEST_LINE = numberedLines(1, 65_536);

/** With more at a time, none is soon enough at its sockets. */
const inTurn = inTurns(5);
/** For those that mostly wait. */
const besides = inTurns(WAYS.length);

type Open = (choices?: Choices) => Promise<WayIn>;

/** A sentence of a promise, kept over every way, but for those that give a reason why not. */
function kept(
  sentence: string,
  run: (open: Open, way: Way) => Promise<unknown>,
  reason: (way: Way) => string | undefined = () => undefined,
  turn: typeof inTurn = inTurn,
): void {
  for (const way of WAYS) {
    const why = reason(way);
    const name = `${sentence}: ${way.name}${why === undefined ? "" : `, where ${why}`}`;
    const kind = why === undefined ? testWith(...way.needs) : test.skip;
    const check = async () => {
      const rooms: WayIn[] = [];
      await run(async (choices) => {
        const room = await WayIn.open(way, choices);
        rooms.push(room);
        return room;
      }, way);
      for (const room of rooms) await room.leave();
    };
    testBeside(name, () => turn(check), kind as typeof test);
  }
}

/** A reader that keeps nothing, and compares all that comes with what is to come. */
function comparing(expected: Buffer) {
  const heard = { bytes: 0, isSame: true };
  const onBytes = (bytes: Buffer) => {
    const part = expected.subarray(heard.bytes, (heard.bytes += bytes.length));
    heard.isSame &&= part.equals(bytes);
  };
  return { heard, onBytes };
}

const linesOf = (text: string) => text.split(/(?<=\n)/);

describe("1, whole lines:", () => {
  kept("however a line is cut, it arrives whole, and never mixed with another's", async (open) => {
    const room = await open();
    const [ann, bob, listener] = [await room.join(), await room.join(), await room.join()];
    const line = "cut here\n";
    const sent = ann.encode(line);
    for (let cut = 1; cut < sent.length; cut++) {
      ann.write(sent.subarray(0, cut));
      bob.say(`between ${cut}\n`);
      await listener.hears(`between ${cut}\n`);
      ann.write(sent.subarray(cut));
      await bob.hearsBytes(cut * line.length);
    }
    bob.say("end\n");
    await listener.hears("end\n");
    const between = Array.from(sent.subarray(1), (_, n) => [`between ${n + 1}\n`, line]).flat();
    expect(linesOf(listener.text)).toEqual([...between, "end\n"]);
  });

  kept(
    "many lines in one write, empty ones, and any bytes arrive as they are",
    async (open, way) => {
      const room = await open();
      const [talker, listener] = [await room.join(), await room.join()];
      const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      const invalid = Buffer.from([0xff, 0xfe, 0x80, 0xc3, 0x28, 10]);
      const lines = [Buffer.from("\n\n\r\none\ntwo\r\n\0\n"), invalid, all, Buffer.from("\nend\n")];
      const said = Buffer.concat(lines).filter((byte) => !way.reserved?.includes(byte));
      talker.say(said);
      await listener.hearsBytes(said.length);
      expect(listener.heard).toEqual(Buffer.from(said));
    },
  );

  kept(
    "half a line of a client that is reset is nobody's",
    async (open) => {
      const room = await open();
      const [talker, rude, listener] = [await room.join(), await room.join(), await room.join()];
      rude.write(rude.encode("half a line\n").subarray(0, -4));
      rude.reset();
      await room.logged(rude, "left NAME: reset");
      talker.say("all well\n");
      await listener.hears("all well\n");
      expect(listener.text).toBe("all well\n");
    },
    (way) => way.noReset,
  );
});

describe("2, one order:", () => {
  kept("all members get the same order of whole lines, without their own", async (open) => {
    const room = await open();
    const [one, other] = [await room.join(), await room.join()];
    const talkers = [await room.join(), await room.join(), await room.join()];
    const said = talkers.map((_, who) => numberedLines(5_000, 50, `${who}`));
    for (const [who, talker] of talkers.entries()) talker.say(said[who] ?? "");
    for (const listener of [one, other]) await listener.hearsBytes(3 * 5_000 * 50);
    expect(other.heard.equals(one.heard)).toBe(true);
    const lines = linesOf(one.text);
    for (const [who, talker] of talkers.entries()) {
      const isOwn = (line: string) => line.startsWith(`${who} `);
      expect(lines.filter(isOwn).join("") === `${said[who]}`).toBe(true);
      await talker.hearsBytes(2 * 5_000 * 50);
      expect(talker.text === lines.filter((line) => !isOwn(line)).join("")).toBe(true);
    }
  });
});

describe("3, no silent loss:", () => {
  kept("a flood to readers of any speed loses nothing; the sender is slowed", async (open) => {
    const room = await open(SMALL_AND_PATIENT);
    const [fast, slow] = [comparing(FLOOD), comparing(FLOOD)];
    const talker = await room.join();
    const fastReader = await room.join(fast);
    const slowReader = await room.join({ ...slow, stopped: true });
    const flood = talker.sayAll(FLOOD);
    await fastReader.hearsBytes(1);
    for (let bytes = -1; bytes < fast.heard.bytes; await Bun.sleep(200)) bytes = fast.heard.bytes;

    expect(fast.heard.bytes).toBeLessThan(FLOOD.length);
    while (slow.heard.bytes < FLOOD.length / 4) await slowReader.sip();
    slowReader.resume();
    await flood;
    for (const reader of [fastReader, slowReader]) await reader.hearsBytes(FLOOD.length);
    expect([fast.heard, slow.heard]).toEqual(Array(2).fill({ bytes: FLOOD.length, isSame: true }));
  });

  kept("the last line is relayed at the end of input, an LF added", async (open) => {
    const room = await open();
    const [talker, listener] = [await room.join(), await room.join()];
    talker.say("first\nlast line");
    talker.endInput();
    await listener.hears("first\nlast line\n");
    expect(await talker.endOfInput()).toBe(true);
    await room.logged(talker, "left NAME: end of input");
  });
});

describe("4, bounded memory:", () => {
  kept(
    "a line at the limit is relayed; one byte more ends a flood with the reason",
    async (open) => {
      const room = await open();
      const [talker, listener] = [await room.join(), await room.join()];
      talker.say(Buffer.concat([LONGEST_LINE, numberedLines(40, LONGEST_LINE.length + 1)]));
      expect(await talker.hearsAll()).toBe("* line longer than 65536 bytes\n");
      await room.logged(talker, "left NAME: line too long");
      const other = await room.join();
      other.say("nothing of it\n");
      await listener.hears("nothing of it\n");
      expect(listener.text === `${LONGEST_LINE}nothing of it\n`).toBe(true);
    },
  );

  for (const way of WAYS.filter(({ name }) => /TCP|TLS|WebSocket|Redis/.test(name)))
    testLong(
      `a GiB past a reader that has stopped takes less than 200 MB: ${way.name}`,
      async () => {
        const room = await WayIn.open(way, { patienceMs: 1000 });
        const stopped = await room.join({ stopped: true });
        const [reader, talker] = [await room.join({ countOnly: true }), await room.join()];
        const block = numberedLines(16_384, 64);
        let memoryBytes = 0;
        for (let n = 0; n < 1024; n++) {
          expect(await talker.sayAll(block)).toBe(true);
          if (n % 16 === 0) memoryBytes = Math.max(memoryBytes, room.memoryBytes);
        }
        await reader.hearsBytes(1024 * MIB);
        expect(Math.max(memoryBytes, room.memoryBytes)).toBeLessThan(200e6);
        await room.logged(stopped, "left NAME: too slow");
      },
    );
});

describe("5, no slow reader stalls the room for long:", () => {
  kept(
    "one that has stopped is disconnected after the patience, nobody else",
    async (open) => {
      const room = await open({ logBytes: MIB, patienceMs: 3000 });
      const { heard, onBytes } = comparing(FLOOD);
      const [stopped, talker] = [await room.join({ stopped: true }), await room.join()];
      const reader = await room.join({ onBytes });
      talker.say(FLOOD);
      await reader.hearsBytes(FLOOD.length);
      expect(heard.isSame).toBe(true);
      await room.logged(stopped, "left NAME: too slow");
      reader.say("both are there\n");
      await talker.hears("both are there\n");
      stopped.resume();
      await stopped.endOfInput();
      expect(stopped.heardBytes).toBeLessThan(FLOOD.length);
    },
    undefined,
    besides,
  );

  kept("with one client flooding, the single lines of another come through", async (open) => {
    const room = await open(SMALL_AND_PATIENT);
    const countOnly = { countOnly: true };
    const [flooder, talker] = [await room.join(countOnly), await room.join(countOnly)];
    const listener = await room.join(countOnly);
    const flood = flooder.flood(Buffer.alloc(MIB / 4, "0123456789abcde\n"));
    await listener.hearsBytes(MIB / 2);
    for (let n = 1; n <= 2; n++) {
      talker.say("me\n");
      await flooder.hearsBytes(3 * n); // All that the flooder hears.
    }
    await flooder.end();
    await flood;
  });
});

describe("6, a clean end:", () => {
  kept(
    "a half-closed client that reads slowly gets all from before its EOF, and then EOF",
    async (open) => {
      const room = await open();
      const said = Buffer.concat([FLOOD.subarray(0, 6e6), Buffer.from("the last\n")]);
      const { heard, onBytes } = comparing(said);
      const slow = await room.join({ onBytes, stopped: true });
      const [talker, probe] = [await room.join(), await room.join({ countOnly: true })];
      let sent = said.length;
      talker.say(said);
      await probe.hearsBytes(sent);
      slow.say("bye");
      slow.endInput();
      await probe.hearsBytes((sent += "bye\n".length));
      while (heard.bytes < 1e6) {
        await slow.sip();
        talker.say("too late\n");
        await probe.hearsBytes((sent += "too late\n".length));
      }
      slow.resume();
      expect(await slow.endOfInput()).toBe(true);
      expect(heard).toEqual({ bytes: said.length, isSame: true });
      await room.logged(slow, "left NAME: end of input");
    },
    (way) => way.noHalfClose,
  );

  kept("a stop under load hands everybody the same whole lines, then EOF", async (open) => {
    const room = await open(SMALL_AND_PATIENT);
    const [one, talker, other] = [await room.join(), await room.join(), await room.join()];
    const flood = talker.flood(FLOOD.subarray(0, MIB));
    await one.hearsBytes(MIB);
    const stopped = room.stop();
    expect(await Promise.all([one, other].map((each) => each.endOfInput()))).toEqual([true, true]);
    for (const peer of [one, other, talker]) await peer.end();
    await flood;
    expect(new Set(await stopped)).toEqual(new Set([0]));
    expect(one.heard.equals(other.heard)).toBe(true);
    expect([one.heardBytes > MIB, one.heard.at(-1)]).toEqual([true, 10]);
  });

  testBeside("SIGINT is a SIGTERM, and a second signal does not wait", async () => {
    const server = await ServerProgram.start();
    await server.join({ stopped: true });
    const [reader, talker] = [await server.join({ countOnly: true }), await server.join()];
    talker.say(FLOOD);
    await reader.hearsBytes(8 * MIB); // By now a lot is pending for the one that has stopped.
    server.kill("SIGINT");
    await server.logged("stopping");
    expect(await server.stop()).toBe(0);
  });
});

describe("a full room", () => {
  kept(
    "tells one more client so, then EOF, and lets the next one in once one has left",
    async (open) => {
      const room = await open({ clientsMax: 2 });
      const hosts = room.hosts.length;
      const members: Peer[] = [];
      for (let n = 0; n < 2 * hosts; n++) members.push(await room.join());
      for (let n = 0; n < hosts; n++) {
        const refused = await room.connect();
        expect(await refused.hearsAll()).toBe("* room is full\n");
        await room.logged(refused, "refused NAME: room is full (2 here)");
      }
      const [leaver, witness] = [members[0], members[hosts]];
      leaver?.endInput();
      if (leaver) await room.logged(leaver, "left NAME: end of input (1 here)");
      const next = await room.join();
      next.say("in\n");
      await witness?.hears("in\n");
      await room.stop();
    },
    (way) => way.noSeats,
  );
});
