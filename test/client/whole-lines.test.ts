/** Lines stay whole: received in pieces; sent over connections that come and go, in a simulation of these. */

import { expect, test } from "bun:test";

import { disconnectOf } from "../../lib/client/conversation.ts";
import { Outgoing, WholeLines } from "../../lib/client/whole-lines.ts";
import { DISCONNECTS, REFUSALS } from "../../lib/program/server-messages.ts";
import { forSeeds } from "../harness/seeds.ts";
import type { Random } from "../simulation/random.ts";

const TOO_LONG = disconnectOf(`* ${DISCONNECTS.lineLongerThan("12")}`);
const REFUSED = disconnectOf(`* ${REFUSALS.roomIsFull}`);
const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();

test("lines come out whole, wherever the chunks are cut", () => {
  const sent = "one\n\ntwo\nthree";
  for (let size = 1; size <= sent.length; size++) {
    const lines = new WholeLines();
    const chunks = sent.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
    const runs = chunks.map((chunk) => text(lines.push(Buffer.from(chunk))) ?? "");
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

/** What a connection takes. */
function take(outgoing: Outgoing, bytesMax = Infinity): string {
  const bytes = outgoing.pending.subarray(0, bytesMax);
  const taken = `${Buffer.from(bytes)}`;
  if (taken) outgoing.taken(bytes.length);
  return taken;
}

test.each([
  ["8 MiB are sent again", 8 << 20, REFUSED, "what was sent is sent again", 0],
  ["more is lost", (8 << 20) + 1, REFUSED, "what was sent before that is lost", 1],
  ["a line is lost", 1, TOO_LONG, "what was sent before that is lost", 1],
] as const)("after a message of the server, %s", (_, bytes, disconnect, loss, lostLines) => {
  const outgoing = new Outgoing();
  outgoing.add(Buffer.alloc(bytes, "\n"));
  take(outgoing);
  expect([outgoing.lost(disconnect), outgoing.lostLines]).toEqual([loss, lostLines]);
  expect(outgoing.pending.length).toBe(lostLines > 0 ? 0 : bytes);
});

/** One simulated life: connections until all was taken, and what a server has received. */
function live(random: Random): void {
  const bytesMax = random.pick([12, 25, 1000]);
  const lines = Array.from({ length: random.below(30) }, (_, index) => {
    return `${index} ${"x".repeat(random.below(30))}`;
  });
  let input = lines.map((line) => `${line}\n`).join("");
  if (random.chance(300)) input = input.slice(0, -1);
  const outgoing = new Outgoing();
  let piece = new Uint8Array(0);
  const received: string[] = [];
  /** Whether bytes were lost that the system had taken, in a way that no client can know of. */
  let vanished = false;

  /** The server receives what was sent, or a part of that; then it goes, perhaps with a message. */
  const receive = (wire: string) => {
    const vanishes = !outgoing.isDone && random.chance(300);
    const arrived = vanishes ? wire.slice(0, random.below(wire.length + 1)) : wire;
    const whole = arrived.split("\n");
    const rest = whole.pop() ?? "";
    const tooLong = whole.findIndex((line) => line.length + 1 > bytesMax);
    received.push(...(tooLong < 0 ? whole : whole.slice(0, tooLong)));
    vanished ||= arrived !== wire || tooLong >= 0 || rest.length >= bytesMax;
    if (tooLong >= 0 || rest.length >= bytesMax)
      return disconnectOf(`* ${DISCONNECTS.lineLongerThan(`${bytesMax}`)}`);
    if (rest !== "" && outgoing.isDone) received.push(rest);
    return undefined;
  };

  for (let n = 0; n < 1000 && !outgoing.isDone; n++) {
    const isFull = random.chance(400);
    let wire = "";
    for (let steps = random.pick([1000, 20, 5, 0]); steps > 0 && !outgoing.isDone; steps--) {
      if (outgoing.pending.length === 0) {
        piece.buffer.transfer(0); // As `sendAll` frees it.
        piece = new TextEncoder().encode(input.slice(0, random.between(1, 60)));
        input = input.slice(piece.length);
        if (piece.length === 0) outgoing.end();
        else outgoing.add(piece);
      }
      wire += take(outgoing, random.between(1, 30));
    }
    outgoing.lost(isFull ? REFUSED : receive(wire));
  }

  expect(outgoing.isDone).toBe(true);
  // Whole lines, each at most once, in order.
  const at = received.map((line) => lines.indexOf(line));
  expect(at).toEqual([...new Set(at)].sort((one, other) => one - other));
  expect(at).not.toContain(-1);
  const lost = lines.length - received.length;
  if (vanished) expect(lost).toBeGreaterThanOrEqual(outgoing.lostLines);
  else expect(lost).toBe(outgoing.lostLines);
}

test("each line arrives at most once, in order, and is lost only if it is told or cannot be known", () => {
  forSeeds(1000, live);
});
