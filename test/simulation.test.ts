/** The promises of the server, in some worlds; `bun run simulate` runs as many as you like. */

import { expect, setDefaultTimeout, test } from "bun:test";

import { runSharedWorld } from "./simulation/shared/world.ts";
import {
  addSightings,
  SHARED_SIGHTINGS,
  SIGHTINGS,
  type Sightings,
} from "./simulation/sightings.ts";
import { runWorld } from "./simulation/world.ts";

// Ten seconds where nothing else runs.
setDefaultTimeout(10 * 60_000);

test("the server keeps its promises in 1000 simulated worlds, in which all happens that can", () => {
  const seen: Sightings = {};
  for (let seed = 1; seed <= 1000; seed++) addSightings(seen, runWorld(seed));
  expect(Object.keys(seen).sort()).toEqual([...SIGHTINGS].sort());
});

test("servers that share a room keep them in 60 simulated worlds, whatever becomes of the stream", () => {
  const seen: Sightings = {};
  for (let seed = 1; seed <= 60; seed++) addSightings(seen, runSharedWorld(seed));
  expect(Object.keys(seen).sort()).toEqual([...SHARED_SIGHTINGS].sort());
});

test("a seed replays the same world, event by event", () => {
  const [once, again] = [tell(49), tell(49)];
  expect(once.length).toBeGreaterThan(50);
  expect(again).toEqual(once);
  expect(tell(47)).not.toEqual(once);
});

function tell(seed: number): string[] {
  const lines: string[] = [];
  runWorld(seed, (line) => lines.push(line));
  return lines;
}
