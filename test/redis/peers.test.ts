/** Which servers are considered down, by what the stream shows. */

import { expect, test } from "bun:test";

import { Peers } from "../../lib/redis/stream.ts";

/** Two servers next to this one, and what follows; each entry is given as that of a server, and when. */
function silentAfter(...entries: readonly [by: "own" | "one" | "two", ms: number][]): string[] {
  const peers = new Peers();
  peers.begin(new Map(["one", "two"].map((name) => [name, "0-0"])));
  const entry = { number: 1, read: "0-0", lines: "", isPassing: false, granted: "" };
  let after = "1000-0";
  for (const [by, ms] of entries) {
    const id = `${ms}-0`;
    peers.received({ ...entry, id, after, by }, by === "own");
    after = id;
  }
  return peers.dropSilent();
}

test("a server that adds nothing for 4 s, while others do, is silent", () => {
  const own = [2000, 3000, 4000].map((ms): ["own", number] => ["own", ms]);
  expect(silentAfter(...own)).toEqual([]);
  expect(silentAfter(...own, ["one", 4500], ["own", 5000])).toEqual(["two"]);
});

test("while the stream stands still, none is", () => {
  expect(silentAfter(["own", 2000], ["one", 60_000], ["own", 61_000], ["two", 61_500])).toEqual([]);
});
