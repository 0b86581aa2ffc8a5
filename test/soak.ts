/**
 * `bun run soak --minutes 15`: one server, a steady crowd that checks every
 * byte it hears, guests, and faults at random; in the end every line is
 * accounted for. Exits with 1 when something is wrong. With `--redis`, three servers
 * that share a room, and what happens to Redis.
 */

import { flag, type Option, runCommand, type Values } from "../lib/program/command-line.ts";
import { count as whole } from "../lib/program/option-values.ts";
import { demand } from "./faults/faults.ts";
import { breakAll, Seat } from "./faults/seat.ts";
import { ServerProgram } from "./harness.ts";
import { soakOverRedis } from "./redis/soak.ts";
import { CrowdProcess } from "./soak/crowd-process.ts";
import { MemoryWatch } from "./soak/memory-watch.ts";
import { BATCH_LINES, PACEMAKER, talkerName } from "./soak/steady-crowd.ts";
import { Trouble } from "./soak/trouble.ts";

const TALKERS = 3;
/** What ends later than this after its time has got stuck. */
const OVERTIME_MS = 300_000;
/** All has come once nothing has come for so long. */
const QUIET_MS = 500;
const PROGRESS_MS = 60_000;

/** What became of the lines, once all have been heard. */
interface Account {
  seconds: number;
  /** How many were said in all, and by the steady crowd. */
  lines: number;
  steadyLines: number;
  /** How many the crowd has heard, one said to 100 being 100, and how many have not come. */
  deliveries: number;
  missing: number;
}

const minutesOption: Option<number> = {
  takes: "n",
  expects: "a number above 0",
  help: "how long it takes (default 15)",
  default: 15,
  parse: (value) =>
    Number(value) > 0 && Number.isFinite(Number(value)) ? Number(value) : undefined,
};
const command = {
  name: "soak",
  summary: "Runs a server with a steady crowd, guests and faults, and checks every byte they hear.",
  operands: [],
  options: {
    minutes: minutesOption,
    listeners: whole("steady members that only listen", 500),
    seed: whole("the seed of the faults", Date.now()),
    redis: flag("three servers that share a room, and what happens to their Redis"),
  },
  examples: [["bun run soak --minutes 15", "a quarter of an hour"]],
} as const;
const given: Values<typeof command.options>[] = [];
await runCommand(command, (options) => void given.push(options));
const [options] = given;
if (options === undefined) process.exit(); // It was asked for help.
const { minutes, listeners, seed, redis } = options;
const forMs = minutes * 60_000;

console.log(`soaking for ${minutes} minutes, --seed ${seed}`);
if (redis) {
  await soakOverRedis(seed, forMs);
  process.exit(0);
}
const words = ["--patience", "10s", "--buffer", "1M", "--max-clients", "10000"];
await using room = await ServerProgram.start(...words);
await using crowd = await CrowdProcess.start({
  ...{ port: room.port, listeners, talkers: TALKERS, seed },
});
const pacemaker = await Seat.join(room.port, PACEMAKER);
const trouble = new Trouble(room, pacemaker, anotherBatch);
const memory = new MemoryWatch(() => room.memoryBytes());
const startMs = performance.now();
const progress = setInterval(reportProgress, PROGRESS_MS);
const stuck = Promise.withResolvers<never>();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => stuck.reject(new Error(`ended by ${signal}`)));
const alarm = setTimeout(
  () => stuck.reject(new Error("it does not come to an end")),
  forMs + OVERTIME_MS,
);
try {
  const account = await Promise.race([crowd.failure, keepPace(), stuck.promise, live()]);
  await Promise.race([stuck.promise, stop()]);
  report(account);
} catch (error) {
  complain(`${error instanceof Error ? error.message : error}`);
  console.log(room.journal.slice(-3).join("\n"));
} finally {
  clearInterval(progress);
  clearTimeout(alarm);
  memory.end();
  breakAll(room.port);
  await trouble.end();
}

/** Lets the talkers say a batch each, and the next one once half of it has come here. */
async function keepPace(): Promise<never> {
  for (let batch = 1; ; batch++) {
    await pacemaker.say(1);
    await pacemaker.hears(talkerName(0), (batch - 0.5) * BATCH_LINES);
  }
}

/** Waits until a talker of the steady crowd has said as much as a batch, from now on. */
function anotherBatch(): Promise<void> {
  const talker = talkerName(0);
  return pacemaker.hears(talker, pacemaker.heard.count(talker) + BATCH_LINES);
}

/** Lasts as long as it is to; then waits until everybody has heard everything. */
async function live(): Promise<Account> {
  await trouble.run(seed, forMs);
  const said = await crowd.hush();
  for (const [index, lines] of said.entries()) await pacemaker.hears(talkerName(index), lines);
  for (let lines = -1; lines < pacemaker.heard.lines; await Bun.sleep(QUIET_MS))
    lines = pacemaker.heard.lines;
  const seconds = (performance.now() - startMs) / 1000;
  const lines = pacemaker.heard.lines + pacemaker.said;
  const steadyLines = said.reduce((sum, each) => sum + each, pacemaker.said);
  const account = await crowd.account(lines);
  memory.end();
  return { ...account, seconds, lines, steadyLines };
}

async function stop(): Promise<void> {
  const exitCode = await room.stop();
  demand(exitCode === 0, `the server ended with exit code ${exitCode}`);
  demand((await pacemaker.left) === "end of input", `the ${PACEMAKER} was reset`);
  demand(pacemaker.heard.fault === undefined, `the ${PACEMAKER} heard ${pacemaker.heard.fault}`);
  demand((await crowd.ended) === 0, "a steady member was reset");
  const error = room.journal.find((line) => line.includes("error"));
  demand(error === undefined, `${error}`);
}

function report({ seconds, lines, steadyLines, deliveries, missing }: Account): void {
  const { guestLines, guestDeliveries } = trouble;
  const faultLines = lines - steadyLines - guestLines;
  const checked = deliveries + pacemaker.heard.lines + guestDeliveries;
  const members = listeners + TALKERS + 1;
  const rows = {
    "lines said": `${count(lines)}: ${count(steadyLines)} by the steady crowd, ${count(guestLines)} by guests, ${count(faultLines)} by clients of faults`,
    "deliveries checked": `${count(checked)}, ${count(checked / seconds)} a second`,
    "to the steady crowd": `${count(steadyLines * (members - 1))} of its own lines, ${count(guestLines * members)} of guests, ${count(faultLines * members)} of faults`,
    "to guests": count(guestDeliveries),
    "lines lost": count(missing),
    "clients churned": count(room.count(/ left .*(end of input|reset)/)),
    evictions: `${count(room.count(/too slow/))}, none of the steady crowd`,
    faults: `${trouble}`,
    memory: `${memory}`,
  };
  for (const [name, what] of Object.entries(rows)) console.log(`${`${name}:`.padEnd(21)}${what}`);
  if (missing > 0) complain(`${missing} lines are lost`);
  if (memory.problem !== undefined) complain(memory.problem);
}

function complain(problem: string): void {
  console.log(`WRONG: ${problem}`);
  process.exitCode = 1;
}

function reportProgress(): void {
  const seconds = (performance.now() - startMs) / 1000;
  const speed = `${count(crowd.deliveries / seconds)} a second`;
  console.log(`${count(seconds)} s: ${count(crowd.deliveries)} deliveries, ${speed}; ${memory}`);
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}
