#!/usr/bin/env bun
/**
 * How fast the room is next to what a person would use instead, and how its cost
 * grows: starts each server in turn, puts each under the same load, and prints
 * what came of it.
 *
 *   bun run bench --help
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir, type } from "node:os";
import { join } from "node:path";

import { flag, runCommand, text } from "../../lib/program/command-line.ts";
import { count } from "../../lib/program/option-values.ts";
import { fileLimit } from "../../lib/program/process.ts";
import { usageError, UserError } from "../../lib/program/system-errors.ts";
import { version } from "../../package.json";
import { makeCertificates } from "../certificates.ts";
import { benchOverRedis } from "../redis/bench.ts";
import { plotAll } from "./charts.ts";
import type { Finding, Findings, ScenarioFindings } from "./figures.ts";
import type { Load, Measurement } from "./load.ts";
import {
  type Peer,
  PEERS,
  pinned,
  startPeer,
  type TlsFiles,
  twoCpus,
  whyMissing,
} from "./peers.ts";
import { clientsOf, GROWTH, type Scenario, SCENARIOS, shortened } from "./scenarios.ts";
import { markdown, table } from "./tables.ts";

/** A load that has not ended by then never will. */
const LOAD_MS = 30_000;
const LOAD = join(import.meta.dir, "load.ts");

const command = {
  name: "bench",
  summary:
    "Measures linechat next to other ways to relay lines, on this machine, in less than three minutes.",
  operands: [],
  options: {
    rounds: count("how often the servers take their turns (2)", 2),
    scenario: text("list")(`only these: ${SCENARIOS.map(({ name }) => name).join(",")},growth`, ""),
    peer: text("list")(`only these: ${PEERS.map(({ name }) => name).join(",")}`, ""),
    quick: flag("a fifth of the time in one round: to see that it works"),
    redis: flag("a room on several servers that share it over Redis, instead"),
    json: flag("print all that was measured as JSON"),
    markdown: flag("print the section of the README"),
    plot: flag("draw the charts: test/bench/*.svg"),
  },
  examples: [
    ["bun run bench", "everything, as a table"],
    ["bun run bench --plot --markdown", "the charts and the section of the README"],
    ["bun run bench --scenario one-to-100 --peer linechat", "one figure"],
  ],
} as const;

await runCommand(command, async (options) => {
  if (options.redis) return benchOverRedis(options.quick ? 500 : 5_000);
  const growth = "growth";
  const names = [...SCENARIOS.map(({ name }) => name), growth];
  const chosen = choose("--scenario", options.scenario, names);
  const shorten = options.quick ? shortened : (scenario: Scenario) => scenario;
  const peers = choose(
    "--peer",
    options.peer,
    PEERS.map(({ name }) => name),
  );
  const bench = new Bench({
    peers: PEERS.filter(({ name }) => peers.includes(name)),
    scenarios: SCENARIOS.filter(({ name }) => chosen.includes(name)).map(shorten),
    growth: chosen.includes(growth) ? GROWTH.map(shorten) : [],
    rounds: options.quick ? 1 : options.rounds,
  });
  const findings = await bench.run();
  if (options.json) console.log(JSON.stringify(findings, null, 2));
  else console.log(table(findings));
  if (options.markdown) console.log(markdown(findings));
  if (!options.plot) return;
  for (const [file, svg] of plotAll(findings)) writeFileSync(join(import.meta.dir, file), svg);
});

interface Plan {
  peers: readonly Peer[];
  scenarios: readonly Scenario[];
  growth: readonly Scenario[];
  rounds: number;
}

class Bench {
  readonly #plan: Plan;
  readonly #cpus = twoCpus();
  /** Present peers; what is said of the others is in `#missing`. */
  readonly #peers: Peer[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), "bench-"));
  #tls: TlsFiles | undefined;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  async run(): Promise<Findings> {
    const startMs = performance.now();
    const { scenarios, growth } = this.#plan;
    try {
      this.#prepare();
      const found = { scenarios: [] as ScenarioFindings[], growth: [] as ScenarioFindings[] };
      for (const scenario of scenarios) found.scenarios.push(await this.#runScenario(scenario));
      for (const scenario of growth) found.growth.push(await this.#runScenario(scenario));
      showProgress("");
      return {
        date: new Date().toISOString().slice(0, 10),
        machine: `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown"}, ${type()} ${release()}`,
        versions: versionsOf(this.#peers),
        seconds: (performance.now() - startMs) / 1000,
        ...found,
      };
    } finally {
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }

  #prepare(): void {
    for (const peer of this.#plan.peers) {
      const why = whyMissing(peer);
      if (why === undefined) this.#peers.push(peer);
      else showProgress(`${why}\n`);
    }
    if (this.#peers.length === 0) throw new UserError("there is nothing to measure");
    if (this.#cpus === undefined)
      showProgress(
        "servers and load are not kept on a processor each: no taskset, or only one processor\n",
      );
    if (!this.#plan.scenarios.some(({ tls }) => tls)) return;
    const { file } = makeCertificates(this.#folder);
    this.#tls = { cert: file("server.pem"), key: file("server.key") };
  }

  async #runScenario(scenario: Scenario): Promise<ScenarioFindings> {
    const findings: Finding[] = this.#peers.map((peer) => {
      const why = this.#whyNot(scenario, peer);
      return { peer: peer.name, rounds: [], ...(why === undefined ? {} : { skipped: why }) };
    });
    const startMs = performance.now();
    const rounds = scenario.once ? 1 : this.#plan.rounds;
    for (let round = 1; round <= rounds; round++) {
      for (const [index, peer] of this.#peers.entries()) {
        const finding = findings[index];
        showProgress(`${scenario.title}, round ${round} of ${rounds}: ${peer.name}`);
        const broken = finding?.rounds.some(({ problem }) => problem !== undefined);
        if (!finding || finding.skipped !== undefined || broken) continue;
        finding.rounds.push(await this.#measure(scenario, peer));
      }
    }
    const { name, title } = scenario;
    const seconds = (performance.now() - startMs) / 1000;
    return { name, title, clients: clientsOf(scenario), seconds, findings };
  }

  /** Why a peer cannot take part in a scenario. */
  #whyNot(scenario: Scenario, peer: Peer): string | undefined {
    const clients = clientsOf(scenario);
    if (clients > (peer.clientsMax?.count ?? Infinity)) return peer.clientsMax?.reason;
    if (clients > fileLimit().clientsMax) return `more clients than ulimit -n allows`;
    return scenario.tls && !peer.hasTls ? "no TLS here" : undefined;
  }

  /** Starts a server, loads it, stops it. */
  async #measure(scenario: Scenario, peer: Peer): Promise<Measurement> {
    const tls = scenario.tls ? this.#tls : undefined;
    const options = { tls, patienceMs: scenario.patienceMs };
    for (let attempt = 0; ; attempt++) {
      const server = await startPeer(peer, options, this.#cpus?.server);
      try {
        const measurement = await runLoad(
          {
            ...scenario.shape,
            port: server.port,
            pid: server.pid,
            dialect: peer.dialect,
            tls: tls !== undefined,
          },
          this.#cpus?.load,
        );
        // A server with a short backlog can miss a newcomer on a busy machine.
        if (measurement.clients > 0 || attempt > 0) return measurement;
      } finally {
        await server.stop();
      }
    }
  }
}

/** Shows on stderr what is being done: a line that stays, or one that changes, on a terminal only. */
function showProgress(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what}`);
  else if (what.endsWith("\n")) process.stderr.write(what);
}

/** Runs the load generator; one that failed to begin has 0 clients. */
async function runLoad(load: Load, cpu: number | undefined): Promise<Measurement> {
  const nothing = {
    ...{ clients: 0, deliveredPerSecond: 0, serverShare: 0, loadShare: 0, nsPerLine: 0 },
    ...{ emptyBytes: 0, idleBytes: 0, peakBytes: 0, silenceMs: 0, otherCpus: 0 },
  };
  const generator = Bun.spawn(pinned([process.execPath, LOAD, JSON.stringify(load)], cpu), {
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

/** The members of a comma-separated list; all there are for an empty one. */
function choose(option: string, list: string, all: readonly string[]): string[] {
  if (list === "") return [...all];
  const chosen = list.split(",");
  for (const name of chosen)
    if (!all.includes(name))
      throw usageError(`${option} takes a list of ${all.join(", ")}, and not '${name}'`);
  return chosen;
}

function versionsOf(peers: readonly Peer[]): string[] {
  const programs = [...new Set(peers.flatMap(({ needs }) => (needs ? [needs.program] : [])))];
  const versions = programs.map((program) => {
    const { stdout, stderr } = Bun.spawnSync([program, "--version"]);
    const [number = "unknown"] = /\d+(\.\d+)+/.exec(`${stdout}${stderr}`) ?? [];
    return `${program} ${number}`;
  });
  return [`linechat ${version}`, `Bun ${Bun.version}`, ...versions];
}
