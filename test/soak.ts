/**
 * `bun run soak --minutes 15`: one server, a steady crowd that checks every byte it receives, guests,
 * and faults at random; in the end every line is accounted for. Exits with 1 when something is wrong.
 * With `--redis`, three servers that share a room, and what happens to Redis.
 */

import assert from "node:assert/strict";

import { flag, kind, runCommand } from "../lib/program/command-line.ts";
import { count as whole } from "../lib/program/option-values.ts";
import { endingAll, ServerProgram } from "./harness.ts";
import { soakOverRedis } from "./redis/soak.ts";
import { Random } from "./simulation/random.ts";
import { Crowd } from "./soak/crowd.ts";
import { MemoryWatch } from "./soak/memory-watch.ts";
import { disturb, PATIENCE } from "./soak/trouble.ts";

const TALKERS = 3;
/** A room in which nothing is received for so long, while its talkers would talk, has got stuck. */
const STANDSTILL_MS = 120_000;
const PROGRESS_MS = 10_000;

const minutes = kind("n", "a number above 0", (text) =>
  Number(text) > 0 && Number.isFinite(Number(text)) ? Number(text) : undefined,
);
const command = {
  name: "soak",
  summary: "Runs a server with a steady crowd, guests and faults, and checks every byte they hear.",
  operands: [],
  options: {
    minutes: minutes("how long it takes", 15),
    listeners: whole("steady members that only listen", 500),
    seed: whole("the seed of the faults", Date.now()),
    redis: flag("three servers that share a room, and what happens to their Redis"),
  },
  examples: [["bun run soak --minutes 15", "a quarter of an hour"]],
} as const;

await runCommand(command, async ({ minutes, listeners, seed, redis }) => {
  const forMs = minutes * 60_000;
  console.log(`soaking for ${minutes} minutes, --seed ${seed}`);
  await (redis ? soakOverRedis(seed, forMs) : endingAll(() => soak(forMs, listeners, seed)));
});
process.exit();

async function soak(forMs: number, listeners: number, seed: number): Promise<void> {
  const words = ["--patience", PATIENCE, "--buffer", "1M", "--max-clients", "10000"];
  const room = await ServerProgram.start(...words);
  const crowd = await Crowd.gather([room.port], listeners, TALKERS);
  const memory = new MemoryWatch(() => room.memoryBytes());
  const startMs = performance.now();
  const live = async () => {
    const random = new Random(seed);
    crowd.talk(random);
    const [trouble] = await Promise.all([
      disturb(room, crowd, seed, forMs).finally(() => crowd.hush()),
      crowd.dawdle(random),
    ]);
    return { ...trouble, missing: await crowd.missing() };
  };
  try {
    const { missing, ...trouble } = await Promise.race([watchProgress(crowd, memory), live()]);
    const seconds = (performance.now() - startMs) / 1000;
    const growth = memory.end();
    const { lines } = crowd.witness.heard;
    const deliveries = crowd.deliveries + trouble.guestDeliveries;
    const rows = {
      "lines said": `${count(lines)}: ${count(crowd.said)} by the steady crowd, ${count(trouble.guestLines)} by guests, the others by clients of faults`,
      "deliveries checked": `${count(deliveries)}, ${count(deliveries / seconds)} a second`,
      "lines lost": count(missing),
      "clients churned": count(room.count(/ left .*(end of input|reset)/)),
      evictions: `${count(room.count(/too slow/))}, none of the steady crowd`,
      faults: `${trouble.faults} in this room, ${trouble.stops} in rooms that were stopped`,
      memory: `${memory}`,
    };
    for (const [name, what] of Object.entries(rows)) console.log(`${`${name}:`.padEnd(21)}${what}`);
    assert.equal(missing, 0, `${missing} lines are lost`);
    assert.equal(growth, undefined);
    const endings = crowd.dismiss();
    assert.equal(await room.stop(), 0, "its exit code");
    assert.deepEqual(new Set(await endings), new Set(["end of input"]));
    assert.equal(room.count(/error/), 0, "there is an error in its log");
  } catch (error) {
    console.log(`WRONG: ${error instanceof Error ? error.message : error}`);
    console.log(room.journal.slice(-3).join("\n"));
    process.exitCode = 1;
  } finally {
    memory.end();
  }
}

/** Tells how far it is; rejects when something is wrong, or it has got stuck. */
function watchProgress(crowd: Crowd, memory: MemoryWatch): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const startMs = performance.now();
  let last = { deliveries: -1, ms: startMs };
  setInterval(() => {
    const { deliveries, fault } = crowd;
    const ms = performance.now();
    if (fault !== undefined) reject(new Error(fault));
    if (deliveries > last.deliveries) last = { deliveries, ms };
    else if (ms - last.ms > STANDSTILL_MS) reject(new Error("nothing is received any more"));
    console.log(`${count((ms - startMs) / 1000)} s: ${count(deliveries)} deliveries; ${memory}`);
  }, PROGRESS_MS).unref();
  return promise;
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}
