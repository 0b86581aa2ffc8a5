/**
 * Servers that are broken on purpose, one fault each, to show that the simulator
 * notices. The faults go into a copy of `lib/`, never into the tree.
 */

import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

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
const ROOT = join(import.meta.dir, "../..");

/** One fault: a piece of the code, which occurs once, and what it becomes. */
export interface Mutant {
  readonly fault: string;
  /** Below `lib/`. */
  readonly file: string;
  readonly code: string;
  readonly becomes: string;
}

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
  const mutants = all.filter(({ fault }) => fault.includes(words));
  const left = mutants.values();
  let caught = 0;
  const runCore = async () => {
    for (const mutant of left) {
      const how = await catchMutant(mutant);
      if (how !== undefined) caught++;
      console.log(`${how === undefined ? "SURVIVED" : `caught (${how})`}: ${mutant.fault}`);
    }
  };
  await Promise.all(Array.from({ length: cores }, runCore));
  console.log(`${caught} of ${mutants.length} mutants caught`);
  return caught === mutants.length ? 0 : 1;
}

/** Returns what went wrong in the world that caught it. */
async function catchMutant(mutant: Mutant): Promise<string | undefined> {
  const copy = mkdtempSync(join(tmpdir(), "linechat-mutant-"));
  try {
    cpSync(join(ROOT, "lib"), join(copy, "lib"), { recursive: true });
    cpSync(import.meta.dir, join(copy, "test/simulation"), { recursive: true });
    await patch(join(copy, "lib", mutant.file), mutant);
    const isShared = SHARED_MUTANTS.includes(mutant);
    const worlds = join(copy, "test/simulation", isShared ? "shared/world.ts" : "world.ts");
    const runWorld = isShared ? "runSharedWorld" : "runWorld";
    const run = `const { ${runWorld} } = await import(${JSON.stringify(worlds)});
      for (let seed = 1; seed <= ${isShared ? SHARED_SEEDS : SEEDS}; seed++) {
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
  } finally {
    rmSync(copy, { recursive: true });
  }
}

async function patch(path: string, { code, becomes, fault }: Mutant): Promise<void> {
  const [before, after, ...more] = (await Bun.file(path).text()).split(code);
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error(`the code to break occurs not exactly once: ${fault}`);
  await Bun.write(path, before + becomes + after);
}
