import { describe, expect, setDefaultTimeout, test } from "bun:test";

import type { AcceptedSocket, Door } from "../../lib/doors/door.ts";
import { telnet } from "../../lib/doors/telnet.ts";
import { forSeeds } from "../harness/seeds.ts";
import type { Random } from "../simulation/random.ts";
import { openDoors } from "./open-doors.ts";

setDefaultTimeout(60_000);

const bytes = (latin1: string) => Buffer.from(latin1, "latin1");
const MARK = "\xff\xfb\x06";

/** One of data, and of each kind of command; what is not whole yet comes last. */
const TOKEN =
  /[^\xff]|\xff[\xfb-\xfe][^]|\xff\xfa(?:[^\xff]|\xff[^\xf0])*\xff\xf0|\xff(?:[\0-\xf9]|\xff)|\xff[^]*$/g;
const tokensOf = (latin1: string) => latin1.match(TOKEN) ?? [];
const isData = (token: string) => !token.startsWith("\xff");

/** What bytes say, by one look at all of them. */
function dataOf(latin1: string): string {
  const data = tokensOf(latin1).filter(isData).join("");
  return data.replace(/\r[\n\0]?/g, "\n");
}

/** How all bytes are to be answered: each request refused; and whether by marks. */
function answersTo(latin1: string) {
  const requests = tokensOf(latin1).filter((token) => /^\xff[\xfb\xfd][^]$/.test(token));
  const others = requests.filter((request) => request !== "\xff\xfd\x06");
  const refusals = others.map((it) => `\xff${it[1] === "\xfb" ? "\xfe" : "\xfc"}${it[2]}`);
  return {
    refusals: refusals.join(""),
    marks: requests.filter((it) => it === "\xff\xfd\x06").length,
  };
}

/** Bytes among which commands, and parts of them, are frequent. */
function randomTelnet(random: Random, length: number): Buffer {
  const data = ["\r\n", "\r\0", "\r", "\n", "\0", "a", "\xf0", "\xff", "\xff\xff"];
  const commands = ["\xff\xf4", "\xff\xfd\x06", "\xff\xfb\x1f", "\xff\xfd\x01", "\xff\xfe\x01"];
  const more = ["\xff\xfb\x06", "\xff\xfa\x1f\0P\0\x18\xff\xf0", "\xff\xfa"];
  const text = Array.from({ length }, () => random.pick([...data, ...commands, ...more])).join("");
  return bytes(text.slice(0, length));
}

/** A client that is through the door, with its socket as the room has it and what that is told. */
function enter() {
  let data = "";
  let drains = 0;
  const inRoom = Promise.withResolvers<AcceptedSocket>();
  const next: Door = {
    meet(arrival) {
      inRoom.resolve(arrival.socket);
      arrival.drained = () => drains++;
      arrival.hold({
        withinMs: 1000,
        read: (received, isAll) => {
          data = received.toString("latin1") + (isAll ? "EOF" : "");
        },
        late() {},
      });
    },
  };
  const { accept } = openDoors([telnet().door, next]);
  const socket = accept();
  /** What has been sent to it. */
  let sent = "";
  /** How much of so many bytes it takes. */
  const client = { socket, takes: (length: number) => length };
  socket.write = (from, offset, length) => {
    const taken = client.takes(length);
    sent += Buffer.from(from.subarray(offset, offset + taken)).toString("latin1");
    return taken;
  };
  return {
    ...{ socket, inRoom: Bun.peek(inRoom.promise) as AcceptedSocket, client }, // resolved by now
    receives: (latin1: string) => socket.data.received(bytes(latin1)),
    get data() {
      return data;
    },
    get sent() {
      return sent;
    },
    get drains() {
      return drains;
    },
  };
}

describe("a telnet client", () => {
  test("is read, and each request is answered, wherever its bytes are cut", () => {
    forSeeds(150, (random) => {
      const telnet = enter();
      let received = "";
      for (let step = random.between(1, 20); step > 0; step--) {
        const chunk = randomTelnet(random, random.below(20)).toString("latin1");
        received += chunk;
        telnet.receives(chunk);
        expect(telnet.data).toBe(dataOf(received));
        expect(telnet.sent.replaceAll(MARK, "")).toBe(answersTo(received).refusals);
        expect(telnet.sent.split(MARK).length - 1).toBe(answersTo(received).marks);
      }
      telnet.socket.data.ended();
      expect(telnet.data).toBe(`${dataOf(received)}EOF`);
    });
  });

  test("gets all lines without FF, and answers whole, whatever its socket takes", () => {
    forSeeds(150, (random) => {
      const telnet = enter();
      telnet.client.takes = (length) => (random.chance(400) ? random.below(length + 1) : length);
      const lines = randomTelnet(random, random.below(200));
      let [done, received] = [0, ""];
      while (done < lines.length) {
        if (random.chance(200)) {
          const chunk = randomTelnet(random, random.below(20)).toString("latin1");
          received += chunk;
          telnet.receives(chunk);
        }
        done += telnet.inRoom.write(lines, done, random.between(1, lines.length - done));
      }
      telnet.client.takes = (length) => length;
      telnet.socket.data.drained();
      const sent = tokensOf(telnet.sent);
      expect(sent.filter(isData).join("")).toBe(lines.toString("latin1").replaceAll("\xff", ""));
      const answers = sent.filter((token) => !isData(token));
      expect(answers.filter((one) => one !== MARK).join("")).toBe(answersTo(received).refusals);
      expect(answers.filter((one) => one === MARK)).toHaveLength(answersTo(received).marks);
    });
  });

  test("drains once its answers are out", () => {
    const telnet = enter();
    telnet.client.takes = () => 0;
    telnet.receives("\xff\xfb\x1f");
    expect(telnet.inRoom.write(bytes("hello\n"), 0, 6)).toBe(0);
    telnet.client.takes = () => 1;
    for (const drains of [0, 0, 1]) {
      telnet.socket.data.drained();
      expect(telnet.drains).toBe(drains);
    }
    expect(telnet.sent).toBe("\xff\xfe\x1f");
  });

  test("that is blocked is answered with its drain, so that lines which wait for it go on", () => {
    const telnet = enter();
    telnet.client.takes = () => 1;
    telnet.receives("\xff\xfb\x1f");
    expect(telnet.inRoom.write(bytes("hello\n"), 0, 6)).toBe(0);
    telnet.client.takes = (length) => length;
    telnet.receives("a");
    expect(telnet.sent).toBe("\xff\xfe");
    telnet.socket.data.drained();
    expect([telnet.sent, telnet.drains]).toEqual(["\xff\xfe\x1f", 1]);
  });

  test("that reads nothing has only so many answers waiting, and one that is closed for writing none", () => {
    const telnet = enter();
    telnet.client.takes = () => 0;
    telnet.receives("\xff\xfd\x06".repeat(100_000));
    telnet.client.takes = (length) => length;
    telnet.socket.data.drained();
    expect(telnet.sent.length).toBeWithin(2000, 2100);
    const { sent } = telnet;
    telnet.inRoom.shutdown();
    telnet.receives("\xff\xfd\x06");
    expect(telnet.sent).toBe(sent);
  });
});

test("a telnet client is known to the system as its socket is, so that it is found when it vanishes", () => {
  const telnet = enter();
  Object.assign(telnet.socket, { fd: 7 });
  expect(telnet.inRoom).toHaveProperty("fd", 7);
});
