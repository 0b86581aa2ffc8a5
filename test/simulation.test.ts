/** The promises of the server, in some worlds; `bun run simulate` runs as many as you like. */

import { expect, test } from "bun:test";

import { Sightings } from "./simulation/sightings.ts";
import { runWorld } from "./simulation/world.ts";

test("the server keeps its promises in 2000 simulated worlds, in which all happens that can", () => {
  const seen = new Sightings();
  for (let seed = 1; seed <= 2000; seed++) seen.add(runWorld(seed));
  for (const [what, count] of Object.entries(seen)) expect([what, count]).not.toEqual([what, 0]);
}, 30_000);

test("a seed replays the same world, event by event", () => {
  const [once, again] = [tell(47), tell(47)];
  expect(once.length).toBeGreaterThan(50);
  expect(again).toEqual(once);
  expect(tell(48)).not.toEqual(once);
});

function tell(seed: number): string[] {
  const lines: string[] = [];
  runWorld(seed, (line) => lines.push(line));
  return lines;
}
