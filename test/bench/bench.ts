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
import { makeCertificates } from "../certificates.ts";
import { benchOverRedis } from "../redis/bench.ts";
import { drawSpeed } from "./charts.ts";
import type { Load, Measurement } from "./load.ts";
import { type Peer, PEERS, pinned, startPeer, twoCpus, whyMissing } from "./peers.ts";
import { type Finding, type Findings, markdown, type ScenarioFindings, table } from "./report.ts";
import { clientsOf, GROWTH, type Scenario, SCENARIOS } from "./scenarios.ts";

/** A load that has not ended by then never will. */
const LOAD_MS = 30_000;
const REDIS_MS = 5_000;
const CPUS = twoCpus();
const SCENARIO_NAMES = [...SCENARIOS.map(({ name }) => name), "growth"];
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
    json: flag("print all that was measured as JSON"),
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
  const scenarios = choose("--scenario", options.scenario, SCENARIO_NAMES);
  const chosen = choose("--peer", options.peer, PEER_NAMES);
  const peers = PEERS.filter((peer) => {
    const why = chosen.includes(peer.name) ? whyMissing(peer) : "";
    if (why) showProgress(`${why}\n`);
    return why === undefined;
  });
  if (peers.length === 0) throw new UserError("there is nothing to measure");
  if (CPUS === undefined)
    showProgress("all run on the same processors: there is no taskset, or only one processor\n");
  const runAll = async (some: readonly Scenario[]) => {
    const all: ScenarioFindings[] = [];
    for (const scenario of some) all.push(await run(scenario, peers, options.rounds));
    return all;
  };
  const findings: Findings = {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown"}, ${type()} ${release()}`,
    versions: versionsOf(peers),
    scenarios: await runAll(SCENARIOS.filter(({ name }) => scenarios.includes(name))),
    growth: await runAll(scenarios.includes("growth") ? GROWTH : []),
  };
  showProgress("");
  const print = options.markdown ? markdown : table;
  console.log(options.json ? JSON.stringify(findings, null, 2) : print(findings));
  if (options.plot) writeFileSync(join(import.meta.dir, "speed.svg"), drawSpeed(findings));
});

/** Puts all servers through a scenario, in turn. */
async function run(
  scenario: Scenario,
  peers: readonly Peer[],
  roundsMax: number,
): Promise<ScenarioFindings> {
  const findings: Finding[] = peers.map(({ name }) => ({ peer: name, rounds: [] }));
  const rounds = scenario.once ? 1 : roundsMax;
  for (let round = 1; round <= rounds; round++)
    for (const [index, peer] of peers.entries()) {
      const finding = findings[index];
      showProgress(`${scenario.title}, round ${round} of ${rounds}: ${peer.name}`);
      const isBroken = finding?.rounds.some(({ problem }) => problem !== undefined);
      const skipped = whyNot(scenario, peer);
      if (!finding || isBroken) continue;
      if (skipped === undefined) finding.rounds.push(await measure(scenario, peer));
      else finding.skipped = skipped;
    }
  return { scenario, findings };
}

/** Starts a server, loads it, stops it. */
async function measure(scenario: Scenario, peer: Peer): Promise<Measurement> {
  const { file } = scenario.tls ? makeCertificates() : {};
  const tls = file && { cert: file("server.pem"), key: file("server.key") };
  for (let attempt = 0; ; attempt++) {
    const server = await startPeer(peer, tls, CPUS?.server);
    const { port, pid } = server;
    const about = { port, pid, dialect: peer.dialect, tls: tls !== undefined };
    try {
      const measurement = await runLoad({ ...scenario.shape, ...about }, CPUS?.load);
      // A server with a short backlog can miss a newcomer on a busy machine.
      if (measurement.clients > 0 || attempt > 0) return measurement;
    } finally {
      await server.stop();
    }
  }
}

/** Why a server cannot take part in a scenario. */
function whyNot(scenario: Scenario, peer: Peer): string | undefined {
  const clients = clientsOf(scenario);
  if (clients > (peer.clientsMax?.count ?? Infinity)) return peer.clientsMax?.reason;
  if (clients > fileLimit().clientsMax) return "more clients than ulimit -n allows";
  return scenario.tls && !peer.hasTls ? "no TLS here" : undefined;
}

/** Shows on stderr what is being done: a line that stays, or one that changes, on a terminal only. */
function showProgress(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what}`);
  else if (what.endsWith("\n")) process.stderr.write(what);
}

/** Runs the load generator; one that failed to begin has 0 clients. */
async function runLoad(load: Load, cpu: number | undefined): Promise<Measurement> {
  const nothing = {
    ...{ clients: 0, deliveredPerSecond: 0, serverShare: 0, loadShare: 0 },
    ...{ emptyBytes: 0, idleBytes: 0, otherCpus: 0 },
  };
  const program = join(import.meta.dir, "load.ts");
  const generator = Bun.spawn(pinned([process.execPath, program, JSON.stringify(load)], cpu), {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
    timeout: LOAD_MS,
  });
  const output = await generator.stdout.text();
  await generator.exited;
  if (output === "") return { ...nothing, problem: "the load did not end" };
  return { ...nothing, ...(JSON.parse(output) as Partial<Measurement>) }; // load.ts wrote it
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
