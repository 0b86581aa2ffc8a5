/** What is said over connections that come and go, on a server and a network that are simulated. */

import { describe, expect, test } from "bun:test";

import { Delivery } from "../../lib/client/delivery.ts";
import { disconnectOf, lineLongerThan, ROOM_IS_FULL } from "../../lib/program/server-messages.ts";
import { Random } from "../simulation/random.ts";

const FULL = disconnectOf(`* ${ROOM_IS_FULL}`);
const TOO_LONG = disconnectOf(`* ${lineLongerThan(12)}`);

/** One connection: what it has taken. */
function take(delivery: Delivery, bytesMax = Number.POSITIVE_INFINITY): string {
  let taken = "";
  for (let next = delivery.next; next && bytesMax > 0; next = delivery.next) {
    const bytes = next.subarray(0, bytesMax);
    taken += Buffer.from(bytes).toString();
    bytesMax -= bytes.length;
    delivery.taken(bytes.length);
  }
  return taken;
}

/** A delivery with something to say, and a connection. */
function saying(text: string): Delivery {
  const delivery = new Delivery();
  delivery.say(Buffer.from(text));
  delivery.connected();
  return delivery;
}

describe("what goes out again", () => {
  test("all that a server has not let in, down to half a line", () => {
    const delivery = saying("one\ntwo\nthr");
    expect(take(delivery)).toBe("one\ntwo\nthr");
    expect(delivery.lost(FULL)).toBeUndefined();
    delivery.connected();
    delivery.say(Buffer.from("ee\n"));
    delivery.end();
    expect([take(delivery), delivery.isDone]).toEqual(["one\ntwo\nthree\n", true]);
    delivery.lost(FULL);
    expect(delivery.isDone).toBe(false);
    delivery.connected();
    expect([take(delivery), delivery.isDone, delivery.lostLines]).toEqual([
      "one\ntwo\nthree\n",
      true,
      0,
    ]);
  });

  test("also if its memory was used for other things since", () => {
    const bytes = Buffer.from("one\ntwo\n");
    const delivery = new Delivery();
    delivery.say(bytes);
    delivery.connected();
    take(delivery);
    bytes.fill("x");
    delivery.lost(FULL);
    delivery.connected();
    expect(take(delivery)).toBe("one\ntwo\n");
  });

  test("not what was lost without a word: it may have been heard", () => {
    const delivery = saying("one\ntwo\n");
    expect(take(delivery, 6)).toBe("one\ntw");
    expect(delivery.lost(undefined)).toBe("a line was cut off; its rest is not sent");
    expect(delivery.lostLines).toBe(1);
    delivery.say(Buffer.from("three\n"));
    delivery.connected();
    expect(take(delivery)).toBe("three\n");
  });

  test.each([
    [
      "others were heard",
      (delivery: Delivery) => delivery.heard(Buffer.from("* hello\r\nbob: hi\n")),
    ],
    ["a refusal would have come", (delivery: Delivery) => delivery.settled()],
  ])("not what went out before %s", (_, happens) => {
    const delivery = saying("one\n");
    take(delivery);
    happens(delivery);
    delivery.lost(FULL);
    delivery.connected();
    expect(take(delivery)).toBe("");
  });

  test("also after lines of the server's own", () => {
    const delivery = saying("one\n");
    take(delivery);
    expect(delivery.heard(Buffer.from("* say this first\r\n* hello\n"))).toBe(false);
    delivery.lost(FULL);
    delivery.connected();
    expect(take(delivery)).toBe("one\n");
  });

  test("also what goes out late: a refusal may be the answer to it", () => {
    const delivery = saying("one\n");
    delivery.settled();
    take(delivery);
    delivery.lost(FULL);
    delivery.connected();
    expect(take(delivery)).toBe("one\n");
  });

  test("what came after a line that was too long, but not that line", () => {
    for (const taken of [21, 25, 28, 33, 99]) {
      const delivery = saying("one\ntwo\nfar too long\nfour\nfive\n");
      take(delivery, taken);
      expect(delivery.lost(TOO_LONG)).toBe("a line was too long for the server");
      expect(delivery.lostLines).toBe(1);
      delivery.connected();
      expect(take(delivery)).toBe("four\nfive\n");
    }
  });

  test("of a line that is too long before it is over, the rest is not said", () => {
    const delivery = saying("one\nthis never e");
    take(delivery);
    delivery.lost(TOO_LONG);
    delivery.say(Buffer.from("nds, does it"));
    delivery.say(Buffer.from("?\nnext\n"));
    delivery.connected();
    expect([take(delivery), delivery.lostLines]).toEqual(["next\n", 1]);
  });
});

test("while it is not clear whether the client was let in, it hands over so much and no more", () => {
  const delivery = saying("x".repeat(1 << 20));
  expect(take(delivery)).toHaveLength(256 << 10);
  expect([delivery.next, delivery.takesMore]).toEqual([undefined, false]);
  delivery.lost(FULL);
  delivery.connected();
  expect(take(delivery)).toHaveLength(256 << 10);
  delivery.settled();
  expect(take(delivery)).toHaveLength(768 << 10);
});

test("a refusal that comes too late loses lines, and that is told", () => {
  const delivery = saying("one\ntwo");
  take(delivery);
  delivery.settled();
  expect(delivery.lost(FULL)).toBe("what was sent to a server that let nobody in is lost");
  expect(delivery.lostLines).toBe(1);
  delivery.say(Buffer.from(" and a half\nthree\n"));
  delivery.connected();
  expect(take(delivery)).toBe("three\n");
});

test("a word of refusal from a room that lets others be heard is not the server's", () => {
  const delivery = saying("");
  delivery.heard(Buffer.from("bob: hi\n"));
  expect(delivery.isRefusal(FULL)).toBe(false);
  delivery.connected();
  expect([delivery.isRefusal(FULL), delivery.isRefusal(TOO_LONG)]).toEqual([true, false]);
});

test("the last line needs no LF, and is not cut off by the end", () => {
  const delivery = saying("one");
  delivery.end();
  take(delivery);
  expect([delivery.lost(undefined), delivery.lostLines, delivery.isDone]).toEqual([
    undefined,
    0,
    true,
  ]);
});

/** One simulated life of a delivery, by its seed. */
class World {
  readonly #random: Random;
  readonly #lines: string[];
  readonly #lineBytesMax: number;
  readonly #delivery = new Delivery();
  #input: string;
  /** What the server has heard, in order. */
  readonly #heard: string[] = [];
  /** Whether bytes were lost that the system had taken, in a way that no client can know of. */
  #vanished = false;
  #settled = false;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#lineBytesMax = this.#random.pick([12, 25, 1000]);
    this.#lines = Array.from({ length: this.#random.below(30) }, (_, index) => {
      return `${index} ${"x".repeat(this.#random.below(30))}`;
    });
    this.#input = this.#lines.map((line) => `${line}\n`).join("");
    if (this.#random.chance(300)) this.#input = this.#input.slice(0, -1);
  }

  run(): void {
    while (!this.#delivery.isDone) this.#connection();
    // Whole lines, each at most once, in order.
    const at = this.#heard.map((line) => this.#lines.indexOf(line));
    expect(at).toEqual([...new Set(at)].sort((one, other) => one - other));
    expect(at).not.toContain(-1);
    const lost = this.#lines.length - this.#heard.length;
    if (this.#vanished) expect(lost).toBeGreaterThanOrEqual(this.#delivery.lostLines);
    else expect(lost).toBe(this.#delivery.lostLines);
  }

  #connection(): void {
    const random = this.#random;
    const delivery = this.#delivery;
    const isFull = random.chance(400);
    delivery.connected();
    this.#settled = false;
    let wire = "";
    for (let steps = random.pick([1000, 20, 5, 0]); steps > 0 && !delivery.isDone; steps--) {
      if (delivery.takesMore && this.#input === "") delivery.end();
      else if (delivery.takesMore) this.#say(random.between(1, 60));
      wire += take(delivery, random.between(1, 30));
      if (!isFull && random.chance(50)) this.#settle(wire);
    }
    if (isFull) delivery.lost(FULL);
    else delivery.lost(this.#read(wire));
  }

  #say(bytes: number): void {
    this.#delivery.say(Buffer.from(this.#input.slice(0, bytes)));
    this.#input = this.#input.slice(bytes);
  }

  #settle(wire: string): void {
    const isHeard = this.#random.chance(500);
    if (isHeard) this.#delivery.heard(Buffer.from("bob: hi\n"));
    else this.#delivery.settled();
    this.#settled ||= isHeard || wire !== "";
  }

  /** The server reads what was sent, or a part of that; then it goes, perhaps with a word. */
  #read(wire: string) {
    const vanishes = !this.#delivery.isDone && this.#random.chance(300);
    const arrived = vanishes ? wire.slice(0, this.#random.below(wire.length + 1)) : wire;
    const lines = arrived.split("\n");
    const rest = lines.pop() ?? "";
    const bytesMax = this.#lineBytesMax;
    const tooLong = lines.findIndex((line) => line.length + 1 > bytesMax);
    this.#heard.push(...(tooLong < 0 ? lines : lines.slice(0, tooLong)));
    if (tooLong >= 0 || rest.length >= bytesMax) {
      this.#vanished ||= this.#settled;
      return disconnectOf(`* ${lineLongerThan(bytesMax)}`);
    }
    if (rest !== "" && this.#delivery.isDone) this.#heard.push(rest);
    this.#vanished ||= arrived !== wire;
    return undefined;
  }
}

test("each line is heard at most once, in order, and lost only if it is told or cannot be known", () => {
  for (let seed = 1; seed <= 3000; seed++)
    try {
      new World(seed).run();
    } catch (error) {
      throw new Error(`seed ${seed}: ${error}`);
    }
});
