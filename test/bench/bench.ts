#!/usr/bin/env bun
/**
 * How fast the room is next to what a person would use instead: starts each server in turn, puts each
 * under the same load, and prints what came of it.
 *
 *   bun run bench --help
 */

import { writeFileSync } from "node:fs";
import { cpus, release, type } from "node:os";
import { join } from "node:path";

import { flag, runCommand, text } from "../../lib/program/command-line.ts";
import { count } from "../../lib/program/option-values.ts";
import { fileLimit } from "../../lib/program/resources.ts";
import { usageError, UserError } from "../../lib/program/system-errors.ts";
import { version } from "../../package.json";
import { key, pem } from "../certificates.ts";
import { benchOverRedis } from "../redis/bench.ts";
import { drawSpeed } from "./charts.ts";
import { noMeasurement } from "./load.ts";
import { type Peer, PEERS, pinned, startPeer, twoCpus, whyMissing } from "./peers.ts";
import { type Finding, markdown, type Measurement, table } from "./report.ts";
import { clientsOf, type Load, type Scenario, SCENARIOS } from "./scenarios.ts";

/** A load that has not ended by then never will. */
const LOAD_MS = 30_000;
const REDIS_MS = 5_000;
const CPUS = twoCpus();
const SCENARIO_NAMES = [...new Set(SCENARIOS.map(({ name }) => name))];
const PEER_NAMES = PEERS.map(({ name }) => name);

const command = {
  name: "bench",
  summary:
    "Measures linechat next to other ways to relay lines, on this machine, in less than three minutes.",
  operands: [],
  options: {
    rounds: count("how often the servers take their turns", 2),
    scenario: text("list")(`only these: ${SCENARIO_NAMES.join(",")}`),
    peer: text("list")(`only these: ${PEER_NAMES.join(",")}`),
    redis: flag("a room on several servers that share it over Redis, instead"),
    markdown: flag("print the section of the README"),
    plot: flag("draw the chart, test/bench/speed.svg, for which there has to be growth"),
  },
  examples: [
    ["bun run bench", "everything, as a table"],
    ["bun run bench --plot --markdown", "the chart and the section of the README"],
    ["bun run bench --scenario one-to-100 --peer linechat", "one figure"],
  ],
} as const;

await runCommand(command, async (options) => {
  if (options.redis) return benchOverRedis(REDIS_MS);
  const chosen = choose("--scenario", options.scenario, SCENARIO_NAMES);
  const scenarios = SCENARIOS.filter(({ name }) => chosen.includes(name));
  const peerNames = choose("--peer", options.peer, PEER_NAMES);
  const peers = PEERS.filter((peer) => {
    const why = peerNames.includes(peer.name) ? whyMissing(peer) : "";
    if (why) showProgress(`${why}\n`);
    return why === undefined;
  });
  if (peers.length === 0) throw new UserError("there is nothing to measure");
  if (CPUS === undefined)
    showProgress("all run on the same processors: there is no taskset, or only one processor\n");
  const all: Finding[] = [];
  for (const scenario of scenarios) all.push(...(await run(scenario, peers, options.rounds)));
  showProgress("");
  const findings = {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown"}, ${type()} ${release()}`,
    versions: versionsOf(peers),
    all,
  };
  console.log((options.markdown ? markdown : table)(findings));
  if (options.plot) writeFileSync(join(import.meta.dir, "speed.svg"), drawSpeed(findings));
});
process.exit();

/** Puts all servers through a scenario, in turn. */
async function run(
  scenario: Scenario,
  peers: readonly Peer[],
  roundsMax: number,
): Promise<Finding[]> {
  const all = peers.map((peer) => {
    const skipped = whyNot(scenario, peer);
    const finding: Finding = { scenario, peer: peer.name, rounds: [] };
    return { peer, finding: skipped === undefined ? finding : { ...finding, skipped } };
  });
  const rounds = scenario.once ? 1 : roundsMax;
  for (let round = 1; round <= rounds; round++)
    for (const { peer, finding } of all) {
      if (finding.skipped || finding.rounds.some(({ problem }) => problem)) continue;
      showProgress(`${scenario.title}, round ${round} of ${rounds}: ${peer.name}`);
      let measurement = await measure(scenario, peer);
      // A server with a short backlog can miss a newcomer on a busy machine.
      if (measurement.clients === 0) measurement = await measure(scenario, peer);
      finding.rounds.push(measurement);
    }
  return all.map(({ finding }) => finding);
}

/** Starts a server, loads it, stops it. */
async function measure({ shape }: Scenario, peer: Peer): Promise<Measurement> {
  const tls = shape.tls ? { cert: pem("server"), key: key("server") } : undefined;
  const { port, pid, stop } = await startPeer(peer, tls, CPUS?.server);
  return runLoad({ ...shape, port, pid, dialect: peer.dialect }).finally(stop);
}

/** Why a server cannot take part in a scenario. */
function whyNot(scenario: Scenario, peer: Peer): string | undefined {
  const clients = clientsOf(scenario);
  if (clients > (peer.clientsMax?.count ?? Infinity)) return peer.clientsMax?.reason;
  if (clients > fileLimit().clientsMax) return "more clients than ulimit -n allows";
  return scenario.shape.tls && !peer.hasTls ? "no TLS here" : undefined;
}

/** Shows on stderr what is being done: a line that stays, or one that changes, on a terminal only. */
function showProgress(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what}`);
  else if (what.endsWith("\n")) process.stderr.write(what);
}

/** Runs the load generator. */
async function runLoad(load: Load): Promise<Measurement> {
  const program = [process.execPath, join(import.meta.dir, "load.ts"), JSON.stringify(load)];
  const generator = Bun.spawn(pinned(program, CPUS?.load), {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: LOAD_MS,
  });
  const output = await generator.stdout.text();
  return output === "" ? noMeasurement("the load did not end") : JSON.parse(output);
}

/** The members of a comma-separated list; all there are without one. */
function choose(
  option: string,
  list: string | undefined,
  all: readonly string[],
): readonly string[] {
  const chosen = list?.split(",") ?? all;
  for (const name of chosen)
    if (!all.includes(name))
      throw usageError(`${option} takes a list of ${all.join(", ")}, and not '${name}'`);
  return chosen;
}

function versionsOf(peers: readonly Peer[]): string[] {
  const versions = peers.flatMap(({ needs }) => {
    if (!needs) return [];
    const { stdout, stderr } = Bun.spawnSync([needs.program, "--version"]);
    const [number = "unknown"] = /\d+(\.\d+)+/.exec(`${stdout}${stderr}`) ?? [];
    return [`${needs.program} ${number}`];
  });
  return [`linechat ${version}`, `Bun ${Bun.version}`, ...versions];
}
