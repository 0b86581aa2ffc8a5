/** What a run of the benchmark found, and how it is written in test/README.md. */

import type { Measurement } from "./load.ts";
import { clientsOf, type Scenario } from "./scenarios.ts";

/** A server in a scenario: one measurement a round, or why there is none. */
export interface Finding {
  peer: string;
  rounds: Measurement[];
  skipped?: string;
}

export interface ScenarioFindings {
  scenario: Scenario;
  findings: Finding[];
}

export interface Findings {
  date: string;
  machine: string;
  versions: string[];
  scenarios: ScenarioFindings[];
  growth: ScenarioFindings[];
}

/** With more of the machine busy otherwise, figures are worth little. */
const OTHER_CPUS_MAX = 0.1;
/** A server keeps a steady pace if it delivers so much of it. */
const PACE_MIN = 0.97;
const QUANTILES = ["p50", "p99", "p99.9"];

/** A table of all servers in all scenarios, what went wrong, and whether something disturbed it. */
export function table({ scenarios, growth }: Findings): string {
  const all = [...scenarios, ...growth];
  const peers = all[0]?.findings.map(({ peer }) => peer) ?? [];
  const header = scenarios.map(({ scenario: { title, shape } }) =>
    shape.linesPerSecond > 0 ? `${title}: ${QUANTILES.join(", ")}` : title,
  );
  const rows = peers.map((peer) => [peer, ...scenarios.map((scenario) => cell(scenario, peer))]);
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = ["---", ...header.map(() => "---:")];
  const isLimited = scenarios.some(({ findings }) => findings.some(loadWasLimit));
  const problems = all.flatMap(({ scenario, findings }) =>
    findings.flatMap((finding) => {
      const problem = finding.skipped ?? problemOf(finding);
      return problem === undefined ? [] : [`${finding.peer}, ${scenario.title}: ${problem}`];
    }),
  );
  const rounds = all.flatMap(({ findings }) => findings.flatMap((finding) => finding.rounds));
  const others = median(rounds.map(({ otherCpus }) => otherCpus));
  return [
    [["", ...header], rule, ...rows].map(line).join("\n"),
    ...(isLimited ? ["\\* the load generator was the limit, not the server."] : []),
    ...(problems.length > 0 ? [problems.join("\n")] : []),
    ...(others > OTHER_CPUS_MAX
      ? [`Other programs kept ${others.toFixed(1)} processors busy: measure on a quiet machine.`]
      : []),
  ].join("\n\n");
}

/** The section of test/README.md. */
export function markdown(findings: Findings): string {
  const { machine, date, versions } = findings;
  return `## How fast it is

Lines delivered in a second (one line sent to 100 is 100), lines of 64 bytes unless it says
otherwise. Every receiver's lines are checked; a server that loses or breaks some has no speed.

${table(findings)}

![Delivered lines per second against listeners, for every server](bench/speed.svg)

${idleSentence(findings)}Each server on one processor, the load on another: ${machine}, ${date}; ${versions.join(", ")}.
To make these again, in less than three minutes: \`bun run bench --plot --markdown\`.
`;
}

/** The middle value; 0 of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = 0, high = 0] = [sorted[middle - 1 + (sorted.length % 2)], sorted[middle]];
  return (low + high) / 2;
}

/** The median over the rounds of something measured. */
export function medianOf({ rounds }: Finding, what: (round: Measurement) => number): number {
  return median(rounds.map(what));
}

/** The finding of a server, if it has figures. */
export function soundFinding({ findings }: ScenarioFindings, peer: string): Finding | undefined {
  const finding = findings.find((candidate) => candidate.peer === peer);
  return finding && finding.rounds.length > 0 && !problemOf(finding) ? finding : undefined;
}

/** What went wrong in any round. */
function problemOf({ rounds }: Finding): string | undefined {
  return rounds.find(({ problem }) => problem !== undefined)?.problem;
}

/** Whether the load, and not the server, was what limited the speed. */
function loadWasLimit(finding: Finding): boolean {
  if (finding.rounds.length === 0 || problemOf(finding) !== undefined) return false;
  const load = medianOf(finding, ({ loadShare }) => loadShare);
  return load > 0.95 && medianOf(finding, ({ serverShare }) => serverShare) < 0.9;
}

function cell({ scenario, findings }: ScenarioFindings, peer: string): string {
  const finding = findings.find((candidate) => candidate.peer === peer);
  if (!finding || finding.rounds.length === 0) return "–";
  // A load that could not even begin, as on a machine that is busy otherwise, says nothing of the server.
  if (finding.rounds.some(({ problem, clients }) => problem !== undefined && clients === 0))
    return "?";
  if (problemOf(finding) !== undefined) return "loses or breaks lines";
  const { linesPerSecond } = scenario.shape;
  if (linesPerSecond > 0) return latencyOf(finding, linesPerSecond);
  const speed = short(medianOf(finding, ({ deliveredPerSecond }) => deliveredPerSecond));
  return `${speed}${loadWasLimit(finding) ? "*" : ""}`;
}

function latencyOf(finding: Finding, linesPerSecond: number): string {
  if (medianOf(finding, ({ pace = 0 }) => pace) < PACE_MIN * linesPerSecond) return "falls behind";
  const quantiles = QUANTILES.map((_, at) =>
    medianOf(finding, ({ latenciesMs }) => latenciesMs?.[at] ?? 0),
  );
  const busy = medianOf(finding, ({ serverShare }) => serverShare);
  return `${quantiles.map(formatMs).join(", ")}; ${(busy * 100).toFixed(0)} % busy`;
}

function idleSentence({ growth }: Findings): string {
  const most = growth.at(-1);
  const finding = most && soundFinding(most, "linechat");
  if (!finding) return "";
  const clients = clientsOf(most.scenario);
  const bytes = medianOf(finding, (round) => (round.idleBytes - round.emptyBytes) / clients);
  return `An idle client costs linechat ${threeDigits(bytes / 1024)} KiB, measured with ${clients.toLocaleString("en")}.\n`;
}

/** A number in three digits and a unit of thousands: `12.9 M`, `185 k`. */
function short(value: number): string {
  if (value >= 1e6) return `${threeDigits(value / 1e6)} M`;
  return value >= 1e3 ? `${threeDigits(value / 1e3)} k` : threeDigits(value);
}

/** A number in three digits: `1.29`, `12.9`, `129`. */
function threeDigits(value: number): string {
  return value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
}

function formatMs(ms: number): string {
  return ms >= 1000 ? `${threeDigits(ms / 1000)} s` : `${threeDigits(ms)} ms`;
}
