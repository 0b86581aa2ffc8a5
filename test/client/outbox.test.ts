/** What is said over connections that come and go, on a server and a network that are simulated. */

import { describe, expect, test } from "bun:test";

import { Outbox } from "../../lib/client/outbox.ts";
import { lastWordOf, longerThan, ROOM_IS_FULL } from "../../lib/room/last-words.ts";
import { Random } from "../simulation/random.ts";

const FULL = lastWordOf(`* ${ROOM_IS_FULL}`);
const TOO_LONG = lastWordOf(`* ${longerThan(12)}`);

/** One connection: what it has taken. */
function take(outbox: Outbox, bytesMax = Number.POSITIVE_INFINITY): string {
  let taken = "";
  for (let next = outbox.next; next && bytesMax > 0; next = outbox.next) {
    const bytes = next.subarray(0, bytesMax);
    taken += Buffer.from(bytes).toString();
    bytesMax -= bytes.length;
    outbox.taken(bytes.length);
  }
  return taken;
}

/** An outbox with something to say, and how many lines it thinks have gone. */
function saying(text: string): { outbox: Outbox; gone: () => number } {
  let gone = 0;
  const outbox = new Outbox((lines) => (gone += lines));
  outbox.say(Buffer.from(text));
  outbox.connected();
  return { outbox, gone: () => gone };
}

describe("what goes out again", () => {
  test("all that a server has not let in, down to half a line", () => {
    const { outbox, gone } = saying("one\ntwo\nthr");
    expect([take(outbox), gone()]).toEqual(["one\ntwo\nthr", 2]);
    expect(outbox.lost(FULL)).toBeUndefined();
    expect(gone()).toBe(0);
    outbox.connected();
    outbox.say(Buffer.from("ee\n"));
    outbox.end();
    expect([take(outbox), gone(), outbox.isDone]).toEqual(["one\ntwo\nthree\n", 3, true]);
    outbox.lost(FULL);
    expect(outbox.isDone).toBe(false);
    outbox.connected();
    expect([take(outbox), outbox.isDone, outbox.lostLines]).toEqual(["one\ntwo\nthree\n", true, 0]);
  });

  test("not what was lost without a word: it may have been heard", () => {
    const { outbox } = saying("one\ntwo\n");
    expect(take(outbox, 6)).toBe("one\ntw");
    expect(outbox.lost(undefined)).toBe("a line was cut off; its rest is not sent");
    expect(outbox.lostLines).toBe(1);
    outbox.say(Buffer.from("three\n"));
    outbox.connected();
    expect(take(outbox)).toBe("three\n");
  });

  test.each([
    ["others were heard", (outbox: Outbox) => outbox.heard(Buffer.from("* hello\r\nbob: hi\n"))],
    ["a refusal would have come", (outbox: Outbox) => outbox.settled()],
  ])("not what went out before %s", (_, happens) => {
    const { outbox } = saying("one\n");
    take(outbox);
    happens(outbox);
    outbox.lost(FULL);
    outbox.connected();
    expect(take(outbox)).toBe("");
  });

  test("also after lines of the server's own", () => {
    const { outbox } = saying("one\n");
    take(outbox);
    expect(outbox.heard(Buffer.from("* say your name first\r\n* hello\n"))).toBe(false);
    outbox.lost(FULL);
    outbox.connected();
    expect(take(outbox)).toBe("one\n");
  });

  test("what came after a line that was too long, but not that line", () => {
    for (const taken of [21, 25, 28, 33, 99]) {
      const { outbox, gone } = saying("one\ntwo\nfar too long\nfour\nfive\n");
      take(outbox, taken);
      expect(outbox.lost(TOO_LONG)).toBe("a line was too long for the server");
      expect([outbox.lostLines, gone()]).toEqual([1, 3]);
      outbox.connected();
      expect([take(outbox), gone()]).toEqual(["four\nfive\n", 5]);
    }
  });

  test("of a line that is too long before it is over, the rest is not said", () => {
    const { outbox } = saying("one\nthis never e");
    take(outbox);
    outbox.lost(TOO_LONG);
    outbox.say(Buffer.from("nds, does it"));
    outbox.say(Buffer.from("?\nnext\n"));
    outbox.connected();
    expect([take(outbox), outbox.lostLines]).toEqual(["next\n", 1]);
  });
});

test("while it is not clear whether the client was let in, it hands over so much and no more", () => {
  const { outbox } = saying("x".repeat(1 << 20));
  expect(take(outbox)).toHaveLength(256 << 10);
  expect([outbox.next, outbox.takesMore]).toEqual([undefined, false]);
  outbox.lost(FULL);
  outbox.connected();
  expect(take(outbox)).toHaveLength(256 << 10);
  outbox.settled();
  expect(take(outbox)).toHaveLength(768 << 10);
});

test("a refusal that comes too late loses lines, and that is told", () => {
  const { outbox } = saying("one\ntwo");
  take(outbox);
  outbox.settled();
  expect(outbox.lost(FULL)).toBe("what was sent to a server that let nobody in is lost");
  expect(outbox.lostLines).toBe(1);
  outbox.say(Buffer.from(" and a half\nthree\n"));
  outbox.connected();
  expect(take(outbox)).toBe("three\n");
});

test("a word of refusal from a room that lets others be heard is not the server's", () => {
  const { outbox } = saying("");
  outbox.heard(Buffer.from("bob: hi\n"));
  expect(outbox.isRefusal(FULL)).toBe(false);
  outbox.connected();
  expect([outbox.isRefusal(FULL), outbox.isRefusal(TOO_LONG)]).toEqual([true, false]);
});

test("the last line needs no LF, and is not cut off by the end", () => {
  const { outbox } = saying("one");
  outbox.end();
  take(outbox);
  expect([outbox.lost(undefined), outbox.lostLines, outbox.isDone]).toEqual([undefined, 0, true]);
});

/** One simulated life of an outbox, by its seed. */
class World {
  readonly #random: Random;
  readonly #lines: string[];
  readonly #lineBytesMax: number;
  readonly #outbox: Outbox;
  #input: string;
  /** What the server has heard, in order. */
  readonly #heard: string[] = [];
  /** Whether bytes were lost that the system had taken, in a way that no client can know of. */
  #vanished = false;
  #settled = false;
  gone = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#lineBytesMax = this.#random.pick([12, 25, 1000]);
    this.#lines = Array.from({ length: this.#random.below(30) }, (_, index) => {
      return `${index} ${"x".repeat(this.#random.below(30))}`;
    });
    this.#input = this.#lines.map((line) => `${line}\n`).join("");
    if (this.#random.chance(300)) this.#input = this.#input.slice(0, -1);
    this.#outbox = new Outbox((lines) => (this.gone += lines));
  }

  run(): void {
    const lines = this.#input.split("\n").length - 1;
    while (!this.#outbox.isDone) this.#connection();
    expect(this.gone).toBe(lines);
    // Whole lines, each at most once, in order.
    const at = this.#heard.map((line) => this.#lines.indexOf(line));
    expect(at).toEqual([...new Set(at)].sort((one, other) => one - other));
    expect(at).not.toContain(-1);
    const lost = this.#lines.length - this.#heard.length;
    if (this.#vanished) expect(lost).toBeGreaterThanOrEqual(this.#outbox.lostLines);
    else expect(lost).toBe(this.#outbox.lostLines);
  }

  #connection(): void {
    const random = this.#random;
    const outbox = this.#outbox;
    const isFull = random.chance(400);
    outbox.connected();
    this.#settled = false;
    let wire = "";
    for (let steps = random.pick([1000, 20, 5, 0]); steps > 0 && !outbox.isDone; steps--) {
      if (outbox.takesMore && this.#input === "") outbox.end();
      else if (outbox.takesMore) this.#say(random.between(1, 60));
      wire += take(outbox, random.between(1, 30));
      if (!isFull && random.chance(50)) this.#settle();
    }
    if (isFull) outbox.lost(FULL);
    else outbox.lost(this.#read(wire));
  }

  #say(bytes: number): void {
    this.#outbox.say(Buffer.from(this.#input.slice(0, bytes)));
    this.#input = this.#input.slice(bytes);
  }

  #settle(): void {
    this.#settled = true;
    if (this.#random.chance(500)) this.#outbox.settled();
    else this.#outbox.heard(Buffer.from("bob: hi\n"));
  }

  /** The server reads what was sent, or a part of that; then it goes, perhaps with a word. */
  #read(wire: string) {
    const vanishes = !this.#outbox.isDone && this.#random.chance(300);
    const arrived = vanishes ? wire.slice(0, this.#random.below(wire.length + 1)) : wire;
    const lines = arrived.split("\n");
    const rest = lines.pop() ?? "";
    const bytesMax = this.#lineBytesMax;
    const tooLong = lines.findIndex((line) => line.length + 1 > bytesMax);
    this.#heard.push(...(tooLong < 0 ? lines : lines.slice(0, tooLong)));
    if (tooLong >= 0 || rest.length >= bytesMax) {
      this.#vanished ||= this.#settled;
      return lastWordOf(`* ${longerThan(bytesMax)}`);
    }
    if (rest !== "" && this.#outbox.isDone) this.#heard.push(rest);
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
