/**
 * Servers that are broken on purpose, one fault each, to show that the simulator
 * notices. The faults go into a copy of the tree, never into the tree itself.
 */

import { join } from "node:path";

import { catchAll, failureOf } from "../mutants.ts";
import { DOORS_MUTANTS } from "./mutants-doors.ts";
import { EXTRAS_MUTANTS } from "./mutants-extras.ts";
import { generateMutants } from "./mutants-generated.ts";
import { ROOM_MUTANTS } from "./mutants-room.ts";
import { SHARED_MUTANTS } from "./mutants-shared.ts";

/** How many worlds a mutant may survive; those of several servers are larger. */
const SEEDS = 20_000;
const SHARED_SEEDS = 5_000;
/** One of the many that are generated need not be as rare a fault. */
const GENERATED_SEEDS = 300;
const GENERATED_SHARED_SEEDS = 60;
/** One that comes to no end in a world within this time is caught, too. */
const STUCK_MS = 20_000;

/** Which mutants are tried, and on how many cores. */
interface Choice {
  readonly cores: number;
  /** Only those whose fault has these words. */
  readonly fault: string;
  /** Those of rooms that several servers share, and not the others. */
  readonly shared: boolean;
  /** How many are generated, and by which seed they are chosen. */
  readonly generated: number;
  readonly from: number;
}

/** Tries mutants; returns the exit code, 0 when each was caught. */
export async function catchMutants(choice: Choice): Promise<number> {
  const { cores, fault: words, shared, generated, from } = choice;
  const named = shared ? SHARED_MUTANTS : [...ROOM_MUTANTS, ...EXTRAS_MUTANTS, ...DOORS_MUTANTS];
  const made = new Set(generateMutants(generated, from, shared));
  const mutants = [...made, ...named].filter(({ fault }) => fault.includes(words));
  console.log(`those that are generated come again with --from ${from}`);
  const generatedIn = shared ? worldFailureIn(true, GENERATED_SHARED_SEEDS) : anyFailureIn;
  const namedIn = worldFailureIn(shared);
  return catchAll(mutants, cores, (copy, mutant) =>
    made.has(mutant) ? generatedIn(copy) : namedIn(copy),
  );
}

/** A generated one may be noticed by any of these. */
async function anyFailureIn(copy: string): Promise<string | undefined> {
  return (
    (await worldFailureIn(false, GENERATED_SEEDS)(copy)) ??
    (await failureOf(copy, "test/room")) ??
    (await failureOf(copy, "test/fuzz.test.ts")) ??
    (await worldFailureIn(true, GENERATED_SHARED_SEEDS)(copy))
  );
}

/** Returns what went wrong in the world that shows the fault. */
const worldFailureIn =
  (shared: boolean, seeds = shared ? SHARED_SEEDS : SEEDS) =>
  async (copy: string): Promise<string | undefined> => {
    const worlds = join(copy, "test/simulation", shared ? "shared/world.ts" : "world.ts");
    const runWorld = shared ? "runSharedWorld" : "runWorld";
    const run = `const { ${runWorld} } = await import(${JSON.stringify(worlds)});
      for (let seed = 1; seed <= ${seeds}; seed++) {
        ${runWorld}(seed);
        console.log(seed);
      }`;
    const child = Bun.spawn([process.execPath, "-e", run], { stdio: ["ignore", "pipe", "pipe"] });
    const stuck = setTimeout(() => child.kill("SIGKILL"), STUCK_MS);
    for await (const _ of child.stdout) stuck.refresh();
    clearTimeout(stuck);
    const stderr = await child.stderr.text();
    await child.exited;
    if (child.signalCode === "SIGKILL") return "it never ends";
    return /seed \d+, step .*/.exec(stderr)?.[0];
  };
