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
import { fileLimit } from "../../lib/program/resources.ts";
import { UserError } from "../../lib/program/system-errors.ts";
import { version } from "../../package.json";
import { benchOverRedis } from "../redis/bench.ts";
import { drawSpeed } from "./charts.ts";
import { type Peer, PEERS, pinned, startPeer, twoCpus, whyMissing } from "./peers.ts";
import { type Finding, markdown, type Outcome } from "./report.ts";
import { clientsOf, type Load, type Scenario, SCENARIOS } from "./scenarios.ts";

/** A load that has not ended by then never will. */
const LOAD_MS = 30_000;
const REDIS_MS = 5_000;
const CPUS = twoCpus();

const command = {
  name: "bench",
  summary:
    "Measures linechat next to other ways to relay lines, on this machine, in less than three minutes.",
  operands: [],
  options: {
    scenario: text("word")(`only with this in its name: ${namesOf(SCENARIOS)}`),
    peer: text("word")(`only with this in its name: ${namesOf(PEERS)}`),
    redis: flag("a room on several servers that share it over Redis, instead"),
    plot: flag("draw the chart, test/bench/speed.svg, of growth"),
  },
  examples: [
    ["bun run bench --plot", "the section of test/README.md, and its chart"],
    ["bun run bench --scenario one-to-100 --peer linechat", "one figure"],
  ],
} as const;

await runCommand(command, async (options) => {
  if (options.redis) return benchOverRedis(REDIS_MS);
  if (CPUS === undefined)
    console.error("all run on the same processors: there is no taskset, or only one processor");
  const peers = PEERS.filter((peer) => {
    const why = peer.name.includes(options.peer ?? "") ? whyMissing(peer) : "";
    if (why) console.error(why);
    return why === undefined;
  });
  const scenarios = SCENARIOS.filter(({ name }) => name.includes(options.scenario ?? ""));
  const findings: Finding[] = [];
  for (const scenario of scenarios)
    for (const peer of peers) {
      console.error(`${scenario.title}: ${peer.name}`);
      findings.push({ scenario, peer: peer.name, ...(await measure(scenario, peer)) });
    }
  if (findings.length === 0) throw new UserError("there is nothing to measure");
  console.log(markdown(findings, machineWith(peers)));
  if (options.plot) writeFileSync(join(import.meta.dir, "speed.svg"), drawSpeed(findings));
});
process.exit();

function namesOf(all: readonly { name: string }[]): string {
  return [...new Set(all.map(({ name }) => name))].join(", ");
}

/** Starts a server, loads it, stops it. */
async function measure(scenario: Scenario, peer: Peer): Promise<Outcome> {
  const why = whyNot(scenario, peer);
  if (why !== undefined) return { cell: "–", why };
  const { shape } = scenario;
  const { port, pid, stop } = await startPeer(peer, shape.tls, CPUS?.server);
  return runLoad({ ...shape, port, pid, dialect: peer.dialect }).finally(stop);
}

/** Why a server cannot take part in a scenario. */
function whyNot(scenario: Scenario, peer: Peer): string | undefined {
  const clients = clientsOf(scenario);
  if (clients > (peer.clientsMax?.count ?? Infinity)) return peer.clientsMax?.reason;
  if (clients > fileLimit().clientsMax) return "more clients than ulimit -n allows";
  return scenario.shape.tls && !peer.tls ? "no TLS here" : undefined;
}

/** Runs the load generator; one that does not end, as on a busy machine, says nothing of the server. */
async function runLoad(load: Load): Promise<Outcome> {
  const program = [process.execPath, join(import.meta.dir, "load.ts"), JSON.stringify(load)];
  const generator = Bun.spawn(pinned(program, CPUS?.load), {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: LOAD_MS,
  });
  const output = await generator.stdout.text();
  return output === "" ? { cell: "?", why: "the load did not end" } : JSON.parse(output);
}

/** The machine, the day, and the versions of the servers. */
function machineWith(peers: readonly Peer[]): string {
  const versions = peers.flatMap(({ needs }) => {
    if (!needs) return [];
    const { stdout, stderr } = Bun.spawnSync([needs.program, "--version"]);
    const [number = "unknown"] = /\d+(\.\d+)+/.exec(`${stdout}${stderr}`) ?? [];
    return [`${needs.program} ${number}`];
  });
  const system = `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown"}, ${type()} ${release()}`;
  const all = [`linechat ${version}`, `Bun ${Bun.version}`, ...versions];
  return `${system}, ${new Date().toISOString().slice(0, 10)}; ${all.join(", ")}`;
}
