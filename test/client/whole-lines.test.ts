/** Lines stay whole: received in pieces; sent over connections that come and go, in a simulation of these. */

import { describe, expect, test } from "bun:test";

import { disconnectOf } from "../../lib/client/conversation.ts";
import { Outgoing, WholeLines } from "../../lib/client/whole-lines.ts";
import { DISCONNECTS, REFUSALS } from "../../lib/program/server-messages.ts";
import { Random } from "../simulation/random.ts";

const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();

test("lines come out whole, wherever the chunks are cut", () => {
  const sent = "one\n\ntwo\nthree";
  for (let cut = 0; cut <= sent.length; cut++) {
    const lines = new WholeLines();
    const runs = [sent.slice(0, cut), sent.slice(cut)].map(
      (chunk) => text(lines.push(Buffer.from(chunk))) ?? "",
    );
    for (const run of runs) expect(run).toMatch(/^$|\n$/);
    expect(runs.join("")).toBe("one\n\ntwo\n");
    expect([text(lines.end()), lines.end()]).toEqual(["three", undefined]);
  }
});

test("a line that is too long to be kept is passed on in parts", () => {
  const lines = new WholeLines();
  const half = "x".repeat(1 << 19);
  const runs = [half, `${half}y`, "f\ng"].map((chunk) => text(lines.push(Buffer.from(chunk))));
  expect([...runs, text(lines.end())]).toEqual([undefined, `${half}${half}y`, "f\n", "g"]);
});

const MIB = 1 << 20;
const TOO_LONG = disconnectOf(`* ${DISCONNECTS.lineLongerThan("12")}`);
const REFUSED = disconnectOf(`* ${REFUSALS.roomIsFull}`);

/** One connection: what it takes. */
function take(outgoing: Outgoing, bytesMax = Number.POSITIVE_INFINITY): string {
  let taken = "";
  for (let [next] = outgoing.pending; next && bytesMax > 0; [next] = outgoing.pending) {
    const bytes = next.subarray(0, bytesMax);
    taken += Buffer.from(bytes).toString();
    bytesMax -= bytes.length;
    outgoing.taken(bytes.length);
  }
  return taken;
}

function add(outgoing: Outgoing, text: string): void {
  outgoing.add(Buffer.from(text));
}

/** Something to send, and a connection. */
function sending(text: string): Outgoing {
  const outgoing = new Outgoing();
  add(outgoing, text);
  outgoing.connected();
  return outgoing;
}

/** The connection is lost, and there is another: what that takes, and how many lines are lost. */
function reconnect(outgoing: Outgoing, disconnect?: typeof TOO_LONG) {
  const loss = outgoing.lost(disconnect);
  outgoing.connected();
  return { loss, taken: take(outgoing), lostLines: outgoing.lostLines };
}

const NOTHING_LOST = { loss: undefined, lostLines: 0 };
const AGAIN = { loss: "what was sent is sent again", lostLines: 0 };

describe("what a refused client has sent is sent again", () => {
  test("in order, down to half a line and what follows it", () => {
    const outgoing = sending("one\ntwo\nthr");
    take(outgoing);
    for (let refusals = 0; refusals < 2; refusals++)
      expect(reconnect(outgoing, REFUSED)).toEqual({ ...AGAIN, taken: "one\ntwo\nthr" });
    add(outgoing, "ee\n");
    outgoing.end();
    expect([take(outgoing), outgoing.isDone]).toEqual(["ee\n", true]);
    expect([outgoing.lost(REFUSED), outgoing.isDone]).toEqual([AGAIN.loss, false]);
    outgoing.connected();
    expect([take(outgoing), outgoing.lostLines]).toEqual(["one\ntwo\nthree\n", 0]);
  });

  test("also if its memory was used for other things since", () => {
    const bytes = Buffer.from("one\ntwo\n");
    const outgoing = sending("");
    outgoing.add(bytes);
    take(outgoing);
    bytes.fill("x");
    expect(reconnect(outgoing, REFUSED).taken).toBe("one\ntwo\n");
  });

  test("but not what may have been relayed, because the client was not refused", () => {
    const outgoing = sending("one\n");
    take(outgoing);
    expect(reconnect(outgoing)).toEqual({ ...NOTHING_LOST, taken: "" });
  });

  test("and if it was more than is kept, that is told, and lines stay whole", () => {
    const outgoing = sending("x\n".repeat(5 * MIB) + "half");
    take(outgoing);
    add(outgoing, " a line\nnext\n");
    expect(reconnect(outgoing, REFUSED)).toEqual({
      loss: "what was sent before that is lost",
      taken: "next\n",
      lostLines: 1,
    });
  });
});

test("of a line that was cut off, the rest is not sent, however many pieces it comes in", () => {
  const outgoing = sending("one\ntwo two\n");
  expect(take(outgoing, 6)).toBe("one\ntw");
  const loss = "a line was cut off; its rest is not sent";
  expect(reconnect(outgoing)).toEqual({ loss, taken: "", lostLines: 1 });
  add(outgoing, "half");
  take(outgoing);
  expect(reconnect(outgoing)).toEqual({ loss, taken: "", lostLines: 2 });
  for (const rest of [" of", " it", "\nthree\n"]) add(outgoing, rest);
  expect(take(outgoing)).toBe("three\n");
});

test("a line that was too long is lost with what was taken after it, and its rest", () => {
  const outgoing = sending("one\nfar too long\nfour\nthis never e");
  take(outgoing);
  add(outgoing, "nds, does it");
  add(outgoing, "?\nnext\n");
  expect(reconnect(outgoing, TOO_LONG)).toEqual({
    loss: "what was sent before that is lost",
    taken: "next\n",
    lostLines: 1,
  });
});

test("the last line needs no LF, and is not cut off by the end", () => {
  const outgoing = sending("one");
  outgoing.end();
  take(outgoing);
  expect([outgoing.lost(), outgoing.lostLines, outgoing.isDone]).toEqual([...[undefined, 0, true]]);
});

/** One simulated life, by its seed. */
class World {
  readonly #random: Random;
  readonly #lines: string[];
  readonly #lineBytesMax: number;
  readonly #outgoing = new Outgoing();
  #input: string;
  /** What the server has received, in order. */
  readonly #received: string[] = [];
  /** Whether bytes were lost that the system had taken, in a way that no client can know of. */
  #vanished = false;

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
    while (!this.#outgoing.isDone) this.#connection();
    // Whole lines, each at most once, in order.
    const at = this.#received.map((line) => this.#lines.indexOf(line));
    expect(at).toEqual([...new Set(at)].sort((one, other) => one - other));
    expect(at).not.toContain(-1);
    const lost = this.#lines.length - this.#received.length;
    if (this.#vanished) expect(lost).toBeGreaterThanOrEqual(this.#outgoing.lostLines);
    else expect(lost).toBe(this.#outgoing.lostLines);
  }

  #connection(): void {
    const random = this.#random;
    const outgoing = this.#outgoing;
    const isFull = random.chance(400);
    outgoing.connected();
    let wire = "";
    for (let steps = random.pick([1000, 20, 5, 0]); steps > 0 && !outgoing.isDone; steps--) {
      if (outgoing.pending.length === 0)
        if (this.#input === "") outgoing.end();
        else this.#add(random.between(1, 60));
      wire += take(outgoing, random.between(1, 30));
    }
    if (isFull) outgoing.lost(REFUSED);
    else outgoing.lost(this.#receive(wire));
  }

  #add(bytes: number): void {
    add(this.#outgoing, this.#input.slice(0, bytes));
    this.#input = this.#input.slice(bytes);
  }

  /** The server receives what was sent, or a part of that; then it goes, perhaps with a message. */
  #receive(wire: string) {
    const vanishes = !this.#outgoing.isDone && this.#random.chance(300);
    const arrived = vanishes ? wire.slice(0, this.#random.below(wire.length + 1)) : wire;
    const lines = arrived.split("\n");
    const rest = lines.pop() ?? "";
    const bytesMax = this.#lineBytesMax;
    const tooLong = lines.findIndex((line) => line.length + 1 > bytesMax);
    this.#received.push(...(tooLong < 0 ? lines : lines.slice(0, tooLong)));
    if (tooLong >= 0 || rest.length >= bytesMax) {
      this.#vanished = true;
      return disconnectOf(`* ${DISCONNECTS.lineLongerThan(`${bytesMax}`)}`);
    }
    if (rest !== "" && this.#outgoing.isDone) this.#received.push(rest);
    this.#vanished ||= arrived !== wire;
    return undefined;
  }
}

test("each line arrives at most once, in order, and is lost only if it is told or cannot be known", () => {
  for (let seed = 1; seed <= 3000; seed++)
    try {
      new World(seed).run();
    } catch (error) {
      throw new Error(`seed ${seed}: ${error}`);
    }
});
