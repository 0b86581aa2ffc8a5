/**
 * Servers that are broken on purpose, one fault each, to show that the simulator
 * notices. The faults go into a copy of `lib/`, never into the tree.
 */

import { join } from "node:path";

import { catchAll, type Mutant } from "../mutants.ts";
import { DOORS_MUTANTS } from "./mutants-doors.ts";
import { EXTRAS_MUTANTS } from "./mutants-extras.ts";
import { ROOM_MUTANTS } from "./mutants-room.ts";
import { SHARED_MUTANTS } from "./mutants-shared.ts";

/** How many worlds a mutant may survive. */
const SEEDS = 20_000;
/** Worlds of several servers are larger. */
const SHARED_SEEDS = 5_000;
/** One that comes to no end in a hundred worlds within this time is caught, too. */
const STUCK_MS = 30_000;

export type { Mutant };

/** The faults of a file, each with a piece of its code and what that becomes. */
export function faultsIn(
  file: string,
  faults: Readonly<Record<string, readonly [code: string, becomes: string]>>,
): Mutant[] {
  return Object.entries(faults).map(([fault, [code, becomes]]) => ({ fault, file, code, becomes }));
}

/**
 * Runs mutants, so many at a time; returns the exit code, 0 when each was caught.
 *
 * @param words only those whose fault has these words
 * @param shared those of rooms that several servers share, and not the others
 */
export async function catchMutants(cores: number, words: string, shared: boolean): Promise<number> {
  const all = shared ? SHARED_MUTANTS : [...ROOM_MUTANTS, ...EXTRAS_MUTANTS, ...DOORS_MUTANTS];
  const mutants = all
    .filter(({ fault }) => fault.includes(words))
    .map((mutant) => ({ ...mutant, file: `lib/${mutant.file}` }));
  return catchAll(mutants, cores, (copy) => failureIn(copy, shared));
}

/** Returns what went wrong in the world that shows the fault. */
async function failureIn(copy: string, shared: boolean): Promise<string | undefined> {
  const worlds = join(copy, "test/simulation", shared ? "shared/world.ts" : "world.ts");
  const runWorld = shared ? "runSharedWorld" : "runWorld";
  const run = `const { ${runWorld} } = await import(${JSON.stringify(worlds)});
    for (let seed = 1; seed <= ${shared ? SHARED_SEEDS : SEEDS}; seed++) {
      ${runWorld}(seed);
      if (seed % 100 === 0) console.log(seed);
    }`;
  const child = Bun.spawn([process.execPath, "-e", run], { stdio: ["ignore", "pipe", "pipe"] });
  const stuck = setTimeout(() => child.kill("SIGKILL"), STUCK_MS);
  for await (const _ of child.stdout) stuck.refresh();
  clearTimeout(stuck);
  const stderr = await child.stderr.text();
  await child.exited;
  if (child.signalCode === "SIGKILL") return "it never ends";
  return /seed \d+, step .*/.exec(stderr)?.[0];
}
