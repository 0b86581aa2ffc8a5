/**
 * `bun run simulate`: replays one world with a trace, runs a range of them on
 * all cores, or shows that broken servers are caught.
 *
 *   bun run simulate --help
 */

import { flag, kind, runCommand, text } from "../../lib/program/command-line.ts";
import { count } from "../../lib/program/option-values.ts";
import { catchMutants } from "./mutants.ts";
import { runSharedWorld } from "./shared/world.ts";
import { addSightings, type Sightings } from "./sightings.ts";
import { runWorld, WorldFailure } from "./world.ts";

/** How many worlds a process runs between two messages to this one, and how often it tells of them. */
const BATCH = 20;
const REPORT_MS = 10_000;
const MINUTE_MS = 60_000;
/** The first seed of a run that has its own is below this, so that it is short to type. */
const OWN_SEEDS = 1e9;

const minutes = kind("n", "a number of minutes like 6 or 0.5", (text) =>
  /^\d{1,4}(\.\d{1,3})?$/.test(text) ? Number(text) : undefined,
);

const command = {
  name: "simulate",
  summary: "Runs the room in small worlds made from seeds, and looks for broken promises.",
  operands: [],
  options: {
    seed: count("one world, told event by event", undefined),
    seeds: count("so many worlds, on all cores", 10_000),
    minutes: minutes("so long instead, with seeds that other runs do not have"),
    from: count("the first seed (default 1, or any with --minutes or --mutants)"),
    cores: count("processes", navigator.hardwareConcurrency),
    shared: flag("worlds of several servers that share a room, and mutants of these"),
    mutants: flag("one server broken on purpose after the other instead: each has to be caught"),
    generated: count("how many of these are made by operators", 40),
    fault: text("words")("only mutants whose names have these words"),
  },
  examples: [
    ["bun run simulate --seeds 1000000", "worlds 1 to 1000000"],
    ["bun run simulate --minutes 6", "others each time; the first seed is printed"],
    ["bun run simulate --seed 7", "one of them again, with a trace"],
    ["bun run simulate --mutants", "show that the simulator notices mistakes"],
  ],
} as const;

if (process.send) process.on("message", (batch: Batch) => process.send?.(runBatch(batch)));
else
  await runCommand(command, async ({ seed, mutants, ...options }) => {
    const { cores, shared, minutes } = options;
    const isOwn = mutants || minutes !== undefined;
    const { from = isOwn ? Math.ceil(Math.random() * OWN_SEEDS) : 1, fault = "" } = options;
    if (mutants) process.exit(await catchMutants({ ...options, from, fault }));
    if (seed !== undefined) process.exit(replay(seed, shared));
    process.exit(await runRange({ ...options, from }, cores, shared));
  });

/** What runs a world of this kind, and tells what was seen there. */
function runnerOf(shared: boolean): (seed: number, trace?: (line: string) => void) => Sightings {
  return shared ? runSharedWorld : runWorld;
}

/** Tells one world; returns the exit code. */
function replay(seed: number, shared: boolean): number {
  try {
    console.log(format(runnerOf(shared)(seed, (line) => console.log(line))));
    return 0;
  } catch (error) {
    console.log(explain(error, shared));
    return 1;
  }
}

interface Range {
  readonly from: number;
  readonly seeds: number;
  readonly minutes: number | undefined;
}

/** Runs worlds in a process a core, until one fails; returns the exit code. */
async function runRange(range: Range, cores: number, shared: boolean): Promise<number> {
  const seen: Sightings = {};
  const { from, seeds, minutes } = range;
  const end = minutes === undefined ? from + seeds : Number.POSITIVE_INFINITY;
  const startedAtMs = performance.now();
  const endAtMs = startedAtMs + (minutes ?? Number.POSITIVE_INFINITY) * MINUTE_MS;
  let next = from;
  let failed = false;

  const report = (details = "") => {
    const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(0);
    const of = minutes === undefined ? ` of ${seeds}` : ` from ${from} on`;
    console.log(`${seen["worlds"] ?? 0}${of} worlds in ${seconds} s${details}`);
  };
  const runCore = () => {
    const core = Bun.spawn([process.execPath, import.meta.path], {
      stdio: ["ignore", "inherit", "inherit"],
      ipc(batch: ReturnType<typeof runBatch>) {
        addSightings(seen, batch.seen);
        if (batch.failure) console.log(batch.failure);
        failed ||= batch.failure !== undefined;
        giveBatch();
      },
    });
    const giveBatch = () => {
      if (next >= end || performance.now() >= endAtMs || failed) return core.disconnect();
      const batch: Batch = { shared, first: next, end: Math.min(end, next + BATCH) };
      next = batch.end;
      core.send(batch);
    };
    giveBatch();
    return core.exited;
  };

  if (minutes !== undefined) console.log(`the first seed is ${from}`);
  const reports = setInterval(report, REPORT_MS);
  const exitCodes = await Promise.all(Array.from({ length: cores }, runCore));
  clearInterval(reports);
  report(`: ${format(seen)}`);
  return failed || exitCodes.some((code) => code !== 0) ? 1 : 0;
}

interface Batch {
  readonly shared: boolean;
  readonly first: number;
  readonly end: number;
}

function runBatch({ shared, first, end }: Batch): { seen: Sightings; failure?: string } {
  const seen: Sightings = {};
  try {
    for (let seed = first; seed < end; seed++) addSightings(seen, runnerOf(shared)(seed));
    return { seen };
  } catch (error) {
    return { seen, failure: explain(error, shared) };
  }
}

function explain(error: unknown, shared: boolean): string {
  if (!(error instanceof WorldFailure)) throw error;
  const replayed = `bun run simulate ${shared ? "--shared " : ""}--seed ${error.seed}`;
  return `${error.message}\n(${replayed} replays it)`;
}

function format(seen: Sightings): string {
  const inWords = (what: string) => what.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return Object.entries(seen)
    .map(([what, count]) => `${count} ${/ /.test(what) ? what : inWords(what)}`)
    .join(", ");
}
