/** Checks of random input, each of which can be replayed by its seed. */

import { Random } from "../simulation/random.ts";

/** Runs a check for many seeds, or for the one of FUZZ_SEED; a failure says which seed it was. */
export function forSeeds(count: number, check: (random: Random) => void): void {
  const only = process.env["FUZZ_SEED"];
  const first = only === undefined ? 1 : Number(only);
  const last = only === undefined ? count : first;
  for (let seed = first; seed <= last; seed++) {
    try {
      check(new Random(seed));
    } catch (cause) {
      throw new Error(`seed ${seed} (FUZZ_SEED=${seed} replays it): ${cause}`, { cause });
    }
  }
}
