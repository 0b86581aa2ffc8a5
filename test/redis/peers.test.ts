/** Who is waited for no more, by what the stream shows. */

import { expect, test } from "bun:test";

import { Peers } from "../../lib/redis/peers.ts";

/** Two servers beside this one, and what follows; each is given as who says something, and when. */
function silentAfter(...entries: readonly [by: "own" | "one" | "two", ms: number][]): string[] {
  const peers = new Peers();
  const readings = new Map(["own", "one", "two"].map((name) => [name, "0-0"]));
  peers.begin("1000-0", readings, "own");
  for (const [by, ms] of entries) {
    const entry = { id: `${ms}-0`, after: "", by, number: 1, read: "0-0", lines: "" };
    peers.heard(entry, by === "own");
  }
  return peers.dropSilent();
}

test("who says nothing for 4 s, while others do, is silent", () => {
  const own = [2000, 3000, 4000].map((ms): ["own", number] => ["own", ms]);
  expect(silentAfter(...own)).toEqual([]);
  expect(silentAfter(...own, ["one", 4500], ["own", 5000])).toEqual(["two"]);
});

test("while the stream stands still, nobody is", () => {
  expect(silentAfter(["own", 2000], ["one", 60_000], ["own", 61_000], ["two", 61_500])).toEqual([]);
});
