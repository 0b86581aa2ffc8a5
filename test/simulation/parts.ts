/** What the server of a world does beside relaying: the parts that `listen` would load for its options. */

import type { Context, Part } from "../../lib/extras/part.ts";
import type { Rules } from "./rules.ts";

/** The parts in the order of `EXTRAS`. */
export function partsFor(_rules: Rules, _context: Context): Part[] {
  return [];
}
