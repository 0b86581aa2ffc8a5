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

if (process.send) process.on("message", (range: Range) => process.send?.(runWorlds(range)));
else
  await runCommand(command, async ({ seed, mutants, ...options }) => {
    const { fault = "", shared, minutes, cores } = options;
    const isOwn = mutants || minutes !== undefined;
    const { from = isOwn ? Math.ceil(Math.random() * OWN_SEEDS) : 1 } = options;
    if (mutants) process.exit(await catchMutants({ ...options, from, fault }));
    if (minutes !== undefined) console.log(`the first seed is ${from}`);
    const seeds = minutes === undefined ? options.seeds : Number.POSITIVE_INFINITY;
    if (seed === undefined) process.exit(await runOnCores({ shared, from, seeds }, cores, minutes));
    const { seen, failure } = runWorlds({ shared, from: seed, seeds: 1 }, console.log);
    console.log(failure ?? format(seen));
    process.exit(failure === undefined ? 0 : 1);
  });

/** So many worlds, from a seed on. */
interface Range {
  readonly shared: boolean;
  readonly from: number;
  readonly seeds: number;
}

/** Runs worlds in a process a core, until one fails; returns the exit code. */
async function runOnCores(
  { shared, from, seeds }: Range,
  cores: number,
  minutes = Number.POSITIVE_INFINITY,
): Promise<number> {
  const seen: Sightings = {};
  const end = from + seeds;
  const startedAtMs = performance.now();
  const endAtMs = startedAtMs + minutes * 60_000;
  let next = from;
  let failed = false;

  const report = (details = "") => {
    const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(0);
    const of = seeds === Number.POSITIVE_INFINITY ? ` from ${from} on` : ` of ${seeds}`;
    console.log(`${seen["worlds"] ?? 0}${of} worlds in ${seconds} s${details}`);
  };
  const runCore = () => {
    const core = Bun.spawn([process.execPath, import.meta.path], {
      stdio: ["ignore", "inherit", "inherit"],
      ipc(batch: ReturnType<typeof runWorlds>) {
        addSightings(seen, batch.seen);
        if (batch.failure) console.log(batch.failure);
        failed ||= batch.failure !== undefined;
        giveBatch();
      },
    });
    const giveBatch = () => {
      if (next >= end || performance.now() >= endAtMs || failed) return core.disconnect();
      core.send({ shared, from: next, seeds: Math.min(BATCH, end - next) } satisfies Range);
      next += BATCH;
    };
    giveBatch();
    return core.exited;
  };

  const reports = setInterval(report, REPORT_MS);
  const exitCodes = await Promise.all(Array.from({ length: cores }, runCore));
  clearInterval(reports);
  report(`: ${format(seen)}`);
  return failed || exitCodes.some((code) => code !== 0) ? 1 : 0;
}

/** Runs worlds until one fails; tells what was seen in those before, and what has gone wrong. */
function runWorlds({ shared, from, seeds }: Range, trace?: (line: string) => void) {
  const seen: Sightings = {};
  const run = shared ? runSharedWorld : runWorld;
  try {
    for (let seed = from; seed < from + seeds; seed++) addSightings(seen, run(seed, trace));
    return { seen };
  } catch (error) {
    if (!(error instanceof WorldFailure)) throw error;
    const replayed = `bun run simulate ${shared ? "--shared " : ""}--seed ${error.seed}`;
    return { seen, failure: `${error.message}\n(${replayed} replays it)` };
  }
}

function format(seen: Sightings): string {
  return Object.entries(seen)
    .map(([what, count]) => `${count} ${what}`)
    .join(", ");
}
