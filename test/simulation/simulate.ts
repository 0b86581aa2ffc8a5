/**
 * `bun run simulate`: replays one world with a trace, runs a range of them on
 * all cores, or shows that broken servers are caught.
 *
 *     bun run simulate --seed 7            one world, told event by event
 *     bun run simulate --seeds 1000000     worlds 1 to 1000000 (also --from, --cores)
 *     bun run simulate --shared            worlds of several servers that share a room (also --seed, --seeds)
 *     bun run simulate --mutants           one server broken on purpose after the other (also --fault, some words)
 */

import { parseArgs } from "node:util";

import { catchMutants } from "./mutants.ts";
import { runSharedWorld, SharedSightings } from "./shared/world.ts";
import { Sightings } from "./sightings.ts";
import { runWorld, WorldFailure } from "./world.ts";

/** How many worlds a process runs between two reports. */
const BATCH = 1000;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "10000" },
    from: { type: "string", default: "1" },
    cores: { type: "string", default: `${navigator.hardwareConcurrency}` },
    shared: { type: "boolean", default: false },
    mutants: { type: "boolean", default: false },
    fault: { type: "string", default: "" },
  },
});

type Seen = Sightings | SharedSightings;
const run = values.shared ? runSharedWorld : runWorld;
const newSightings = () => (values.shared ? new SharedSightings() : new Sightings());

if (process.send) process.on("message", runBatch);
else if (values.mutants) process.exit(await catchMutants(Number(values.cores), values.fault));
else if (values.seed !== undefined) process.exit(replay(Number(values.seed)));
else process.exit(await runRange(Number(values.from), Number(values.seeds), Number(values.cores)));

/** Tells one world; returns the exit code. */
function replay(seed: number): number {
  try {
    console.log(format(run(seed, (line) => console.log(line))));
    return 0;
  } catch (error) {
    console.log(explain(error));
    return 1;
  }
}

/** Runs worlds in a process a core, until one fails; returns the exit code. */
async function runRange(first: number, count: number, cores: number): Promise<number> {
  const seen: { add(other: Seen): void } & Seen = newSightings();
  const end = first + count;
  const startedAtMs = performance.now();
  let next = first;
  let failed = false;
  let reportAtMs = 0;

  const report = () => {
    const seconds = (performance.now() - startedAtMs) / 1000;
    console.log(`${seconds.toFixed(0)} s, ${format(seen)}`);
    reportAtMs = performance.now() + 5_000;
  };
  const runCore = () => {
    const words = values.shared ? ["--shared"] : [];
    const core = Bun.spawn([process.execPath, import.meta.path, ...words], {
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
      const batch: Batch = { first: next, end: Math.min(end, next + BATCH) };
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
  readonly first: number;
  readonly end: number;
}

interface BatchResult {
  readonly seen: Seen;
  readonly failure?: string;
}

function runBatch({ first, end }: Batch): void {
  const seen: { add(other: Seen): void } & Seen = newSightings();
  try {
    for (let seed = first; seed < end; seed++) seen.add(run(seed));
    process.send?.({ seen });
  } catch (error) {
    process.send?.({ seen, failure: explain(error) });
  }
}

function explain(error: unknown): string {
  if (!(error instanceof WorldFailure)) throw error;
  const replayed = `bun run simulate ${values.shared ? "--shared " : ""}--seed ${error.seed}`;
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
