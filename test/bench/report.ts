/** What a run of the benchmark found, and how it is written in test/README.md. */

import { clientsOf, GROWTH, type Scenario } from "./scenarios.ts";

/** What came of a load. Speeds and shares are of the measured time only. */
export interface Measurement {
  /** What was wrong with what was heard; then the rest means little. */
  problem?: string;
  /** 0 if the load could not even begin. */
  clients: number;
  /** Lines delivered in a second, one said to 100 being 100. */
  deliveredPerSecond: number;
  /** Of the measured time, in which the server and the load had a processor. */
  serverShare: number;
  loadShare: number;
  /** How many processors other programs kept busy meanwhile. */
  otherCpus: number;
  /** The server's resident memory before anybody came, and with everybody there. */
  emptyBytes: number;
  idleBytes: number;
  /** Only with `linesPerSecond`: from when a line was due to when a receiver had it; p50, p99, p99.9. */
  latenciesMs?: readonly number[];
  /** Only with `linesPerSecond`: lines a second that the average receiver heard. */
  pace?: number;
}

/** A server in a scenario: one measurement a round, or why there is none. */
export interface Finding {
  scenario: Scenario;
  peer: string;
  rounds: Measurement[];
  skipped?: string;
}

export interface Findings {
  date: string;
  machine: string;
  versions: string[];
  /** Each server in each scenario. */
  all: Finding[];
}

/** With more of the machine busy otherwise, figures are worth little. */
const OTHER_CPUS_MAX = 0.1;
/** A server keeps a steady pace if it delivers so much of it. */
const PACE_MIN = 0.97;
const QUANTILES = ["p50", "p99", "p99.9"];

/** A table of all servers in all scenarios, what went wrong, and whether something disturbed it. */
export function table({ all }: Findings): string {
  const shown = all.filter(({ scenario }) => scenario.name !== GROWTH);
  const peers = [...new Set(all.map(({ peer }) => peer))];
  const header = [...new Set(shown.map(({ scenario }) => scenario))].map(({ title, shape }) =>
    shape.linesPerSecond > 0 ? `${title}: ${QUANTILES.join(", ")}` : title,
  );
  const rows = peers.map((peer) => [peer, ...shown.filter((one) => one.peer === peer).map(cell)]);
  const rule = ["---", ...header.map(() => "---:")];
  const problems = all.flatMap((finding) => {
    const problem = finding.skipped ?? problemOf(finding);
    return problem === undefined ? [] : [`${finding.peer}, ${finding.scenario.title}: ${problem}`];
  });
  const others = median(all.flatMap(({ rounds }) => rounds.map(({ otherCpus }) => otherCpus)));
  return [
    [["", ...header], rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n"),
    ...(shown.some(loadWasLimit) ? ["\\* the load generator was the limit, not the server."] : []),
    ...(problems.length > 0 ? [problems.join("\n")] : []),
    ...(others > OTHER_CPUS_MAX
      ? [`Other programs kept ${others.toFixed(1)} processors busy: measure on a quiet machine.`]
      : []),
  ].join("\n\n");
}

/** The section of test/README.md. */
export function markdown(findings: Findings): string {
  const { machine, date, versions, all } = findings;
  return `## How fast it is

Lines delivered in a second (one line sent to 100 is 100), lines of 64 bytes unless it says
otherwise. Every receiver's lines are checked; a server that loses or breaks some has no speed.

${table(findings)}

![Delivered lines per second against listeners, for every server](bench/speed.svg)

${idleSentence(all)}Each server on one processor, the load on another: ${machine}, ${date}; ${versions.join(", ")}.
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
function medianOf({ rounds }: Finding, what: (round: Measurement) => number): number {
  return median(rounds.map(what));
}

/** Lines delivered in a second. */
export function speedOf(finding: Finding): number {
  return medianOf(finding, ({ deliveredPerSecond }) => deliveredPerSecond);
}

/** Whether there are figures of it. */
export function isSound(finding: Finding): boolean {
  return finding.rounds.length > 0 && problemOf(finding) === undefined;
}

/** What went wrong in any round. */
function problemOf({ rounds }: Finding): string | undefined {
  return rounds.find(({ problem }) => problem !== undefined)?.problem;
}

/** Whether the load, and not the server, was what limited the speed. */
function loadWasLimit(finding: Finding): boolean {
  const load = medianOf(finding, ({ loadShare }) => loadShare);
  const server = medianOf(finding, ({ serverShare }) => serverShare);
  return isSound(finding) && load > 0.95 && server < 0.9;
}

function cell(finding: Finding): string {
  if (finding.rounds.length === 0) return "–";
  // A load that could not even begin, as on a machine that is busy otherwise, says nothing of the server.
  if (finding.rounds.some(({ clients }) => clients === 0)) return "?";
  if (!isSound(finding)) return "loses or breaks lines";
  const { linesPerSecond } = finding.scenario.shape;
  if (linesPerSecond > 0) return latencyOf(finding, linesPerSecond);
  return `${short(speedOf(finding))}${loadWasLimit(finding) ? "*" : ""}`;
}

function latencyOf(finding: Finding, linesPerSecond: number): string {
  if (medianOf(finding, ({ pace = 0 }) => pace) < PACE_MIN * linesPerSecond) return "falls behind";
  const quantiles = QUANTILES.map((_, at) =>
    medianOf(finding, ({ latenciesMs }) => latenciesMs?.[at] ?? 0),
  );
  const busy = medianOf(finding, ({ serverShare }) => serverShare);
  return `${quantiles.map(formatMs).join(", ")}; ${(busy * 100).toFixed(0)} % busy`;
}

function idleSentence(all: readonly Finding[]): string {
  const finding = all.findLast(
    ({ peer, scenario }) => peer === "linechat" && scenario.name === GROWTH,
  );
  if (!finding || !isSound(finding)) return "";
  const clients = clientsOf(finding.scenario);
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
