/** Which servers are considered down, and how much of the stream is kept for those that come back. */

import { describe, expect, test } from "bun:test";

import { ENTRY_BYTES, Kept, Peers } from "../../lib/redis/peers.ts";

describe("a server", () => {
  const look = (peers: Peers, states: Readonly<Record<string, string>>) =>
    peers.look(new Map(Object.entries(states)), "own");

  test("is silent if it has not changed in four looks, and only then", () => {
    const peers = new Peers();
    for (let count = 0; count < 9; count++) {
      look(peers, { one: "1 0-0", two: `${count >> 1} 0-0` });
      expect(peers.silent).toEqual(count < 4 ? [] : [["one", "1 0-0"]]);
    }
    look(peers, { one: "2 0-0" });
    expect(peers.silent).toEqual([]);
  });

  test("is told of when it is gone after it was silent; not if it has left", () => {
    const peers = new Peers();
    for (let count = 0; count < 3; count++)
      look(peers, { one: "1 0-0", two: `${count} 0-0`, three: `${count} 0-0` });
    expect(look(peers, { three: "3 0-0" })).toEqual(["one"]);
  });
});

describe("the stream keeps", () => {
  const LINES = new Uint8Array(1000 - ENTRY_BYTES);
  const [BYTES, SECOND] = [512_000, 1000];

  /** Reads entries of 1000 bytes, one in each so many ms; returns how many of the last are kept. */
  const keeps = (
    max: Partial<ConstructorParameters<typeof Kept>[0]>,
    count: number,
    ms: number,
  ) => {
    const kept = new Kept({ bytes: BYTES, ms: 60 * SECOND, historyBytes: 0, ...max });
    kept.begin(0);
    for (let at = 1; at <= count; at++) {
      kept.add(`${at}-0`, LINES, false, at * ms);
    }
    kept.forget(count * ms);
    return count - Math.max(0, Number.parseInt(kept.start, 10) - 1);
  };

  test("everything, until a server knows of more than that", () => {
    expect(keeps({}, 512, 0)).toBe(512);
  });

  test("so many bytes, however old or young they are", () => {
    for (const ms of [0, 100]) expect(keeps({}, 10_000, ms)).toBeWithin(512, 514);
  });

  test("or what is younger, if that is less", () => {
    expect(keeps({}, 1000, SECOND)).toBeWithin(60, 62);
  });

  test("and all that is history", () => {
    const historyBytes = 700 * LINES.length;
    expect(keeps({ historyBytes }, 10_000, SECOND)).toBeWithin(700, 702);
  });
});
