/**
 * `bun run simulate`: replays one world with a trace, runs a range of them on
 * all cores, or shows that broken servers are caught.
 *
 *   bun run simulate --help
 */

import { flag, runCommand, text } from "../../lib/program/command-line.ts";
import { count } from "../../lib/program/option-values.ts";
import { catchMutants } from "./mutants.ts";
import { runSharedWorld, SharedSightings } from "./shared/world.ts";
import { Sightings } from "./sightings.ts";
import { runWorld, WorldFailure } from "./world.ts";

/** How many worlds a process runs between two reports, and how often these are printed. */
const BATCH = 200;
const REPORT_MS = 10_000;

const command = {
  name: "simulate",
  summary: "Runs the room in small worlds made from seeds, and looks for broken promises.",
  operands: [],
  options: {
    seed: count("one world, told event by event", undefined),
    seeds: count("so many worlds, on all cores", 10_000),
    from: count("the seed of the first of them", 1),
    cores: count("processes (default: one for each core)", navigator.hardwareConcurrency),
    shared: flag("worlds of several servers that share a room, and mutants of these"),
    mutants: flag("one server broken on purpose after the other instead: each has to be caught"),
    fault: text("words")("only mutants whose names have these words (default: all)", ""),
  },
  examples: [
    ["bun run simulate --seeds 1000000", "worlds 1 to 1000000"],
    ["bun run simulate --seed 7", "one of them again, with a trace"],
    ["bun run simulate --mutants", "show that the simulator notices mistakes"],
  ],
} as const;

if (process.send) process.on("message", runBatch);
else
  await runCommand(command, async ({ seed, seeds, from, cores, shared, mutants, fault }) => {
    if (mutants) process.exit(await catchMutants(cores, fault, shared));
    process.exit(
      seed === undefined ? await runRange(from, seeds, cores, shared) : replay(seed, shared),
    );
  });

/** What was seen in worlds of either kind, which is only added to its own. */
type Seen = (Sightings | SharedSightings) & { add(other: Seen): void };

function kindOf(shared: boolean) {
  return shared
    ? { run: runSharedWorld, newSightings: () => new SharedSightings() }
    : { run: runWorld, newSightings: () => new Sightings() };
}

/** Tells one world; returns the exit code. */
function replay(seed: number, shared: boolean): number {
  try {
    console.log(format(kindOf(shared).run(seed, (line) => console.log(line))));
    return 0;
  } catch (error) {
    console.log(explain(error, shared));
    return 1;
  }
}

/** Runs worlds in a process a core, until one fails; returns the exit code. */
async function runRange(
  first: number,
  count: number,
  cores: number,
  shared: boolean,
): Promise<number> {
  const seen: Seen = kindOf(shared).newSightings();
  const end = first + count;
  const startedAtMs = performance.now();
  let next = first;
  let failed = false;
  let reportAtMs = startedAtMs + REPORT_MS;

  const report = () => {
    const seconds = (performance.now() - startedAtMs) / 1000;
    const done = `${seen.worlds} of ${count} worlds in ${seconds.toFixed(0)} s`;
    console.log(seen.worlds < count && !failed ? done : `${done}: ${format(seen)}`);
    reportAtMs = performance.now() + REPORT_MS;
  };
  const runCore = () => {
    const core = Bun.spawn([process.execPath, import.meta.path], {
      stdio: ["ignore", "inherit", "inherit"],
      ipc(message: BatchResult) {
        seen.add(message.seen);
        if (message.failure) console.log(message.failure);
        failed ||= message.failure !== undefined;
        if (performance.now() >= reportAtMs) report();
        giveBatch();
      },
    });
    const giveBatch = () => {
      if (next >= end || failed) return core.disconnect();
      const batch: Batch = { shared, first: next, end: Math.min(end, next + BATCH) };
      next = batch.end;
      core.send(batch);
    };
    giveBatch();
    return core.exited;
  };

  const exitCodes = await Promise.all(Array.from({ length: cores }, runCore));
  report();
  return failed || exitCodes.some((code) => code !== 0) ? 1 : 0;
}

interface Batch {
  readonly shared: boolean;
  readonly first: number;
  readonly end: number;
}

interface BatchResult {
  readonly seen: Seen;
  readonly failure?: string;
}

function runBatch({ shared, first, end }: Batch): void {
  const { run, newSightings } = kindOf(shared);
  const seen: Seen = newSightings();
  try {
    for (let seed = first; seed < end; seed++) seen.add(run(seed));
    process.send?.({ seen });
  } catch (error) {
    process.send?.({ seen, failure: explain(error, shared) });
  }
}

function explain(error: unknown, shared: boolean): string {
  if (!(error instanceof WorldFailure)) throw error;
  const replayed = `bun run simulate ${shared ? "--shared " : ""}--seed ${error.seed}`;
  return `${error.message}\n(${replayed} replays it)`;
}

function format(seen: Seen): string {
  return Object.entries(seen)
    .map(
      ([what, count]) =>
        `${count} ${what.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)}`,
    )
    .join(", ");
}
