/** How much a run has seen, so that a range that never evicts or never wraps is visible as such. */

/** Counts of what happened. */
export class Sightings {
  worlds = 0;
  steps = 0;
  connections = 0;
  lines = 0;
  deliveries = 0;
  wraps = 0;
  holds = 0;
  evictions = 0;
  refused = 0;
  tooLong = 0;
  idle = 0;
  paced = 0;
  resets = 0;
  cleanEnds = 0;
  stops = 0;

  /** Adds what was seen elsewhere. */
  add(other: Sightings): void {
    for (const key of Object.keys(this) as (keyof Counts)[]) this[key] += other[key];
  }
}

type Counts = Omit<Sightings, "add">;
