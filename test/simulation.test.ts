/** The promises of the server, in some worlds; `bun run simulate` runs as many as you like. */

import { expect, test } from "bun:test";

import { endAfterEach, runToEnd } from "./harness.ts";
import { runSharedWorld } from "./simulation/shared/world.ts";
import {
  addSightings,
  SHARED_SIGHTINGS,
  SIGHTINGS,
  type Sightings,
} from "./simulation/sightings.ts";
import { runWorld } from "./simulation/world.ts";

endAfterEach();

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

test("its command line says what there is, and what is wrong", async () => {
  const command = [process.execPath, "test/simulation/simulate.ts"];
  const help = await runToEnd([...command, "--help"]);
  expect(help).toMatchObject({ code: 0, stderr: "" });
  for (const option of ["seed", "seeds", "minutes", "from", "cores", "mutants", "fault"])
    expect(help.stdout).toContain(`\n  --${option} `);
  const mistake = await runToEnd([...command, "--seed", "x"]);
  const stderr = 'simulate: --seed takes a whole number from 1 on, not "x" (see --help)\n';
  expect(mistake).toEqual({ code: 2, stdout: "", stderr });
});

function tell(seed: number): string[] {
  const lines: string[] = [];
  runWorld(seed, (line) => lines.push(line));
  return lines;
}
