/** What was found, for a terminal and for test/README.md. */

import {
  type Finding,
  type Findings,
  formatBytes,
  formatMs,
  formatNs,
  keptPace,
  loadWasLimit,
  medianOf,
  neverBegan,
  otherCpusDuring,
  problemOf,
  ratioOf,
  type ScenarioFindings,
  short,
  soundFinding,
  spreadOf,
} from "./figures.ts";
import { SCENARIOS } from "./scenarios.ts";

/** What the others are set against. */
const YARDSTICK = "ncat --broker";
/** With more of the machine busy otherwise, figures are worth little. */
const OTHER_CPUS_MAX = 0.1;
const STEADY = "steady";
const STOPPED = "stopped-reader";
const QUANTILES = "p50, p99, p99.9";
const PACE = SCENARIOS.find(({ name }) => name === STEADY)?.shape.linesPerSecond ?? 0;

/** All that was found, as text for a terminal. */
export function table(findings: Findings): string {
  const parts = findings.scenarios.map((scenario) => {
    if (scenario.name === STEADY)
      return section(scenario, [{ title: QUANTILES, of: describeLatency }], []);
    if (scenario.name === STOPPED)
      return section(scenario, [{ title: "the reader", of: describeStopped }], []);
    return section(scenario, speedColumns(scenario), notesOnSpeed(scenario));
  });
  if (findings.growth.length > 0) parts.push(...growthTables(findings.growth));
  const about = `${findings.versions.join(", ")}\n${findings.machine}, ${findings.date}, in ${findings.seconds.toFixed(0)} s`;
  const others = otherCpusDuring(findings);
  const warning = `Other programs kept ${others.toFixed(1)} processors busy: measure again on a quiet machine.`;
  return [...parts, about, ...(others > OTHER_CPUS_MAX ? [warning] : [])].join("\n\n");
}

/** The section of test/README.md. */
export function markdown(findings: Findings): string {
  const speeds = findings.scenarios.filter(({ name }) => name !== STEADY && name !== STOPPED);
  const header = ["", ...speeds.map(({ title }) => title)];
  const peers =
    (findings.scenarios[0] ?? findings.growth[0])?.findings.map(({ peer }) => peer) ?? [];
  const steady = findings.scenarios.find(({ name }) => name === STEADY);
  const stopped = findings.scenarios.find(({ name }) => name === STOPPED);
  if (steady) header.push(`${steady.title}: ${QUANTILES}`);
  if (stopped) header.push(stopped.title);
  const rows = peers.map((peer) => {
    const cells = speeds.map((scenario) =>
      cell(scenario, peer, (finding) => `${short(speed(finding))}${mark(finding)}`),
    );
    if (steady) cells.push(cell(steady, peer, describeLatency));
    if (stopped) cells.push(cell(stopped, peer, describeStopped));
    return [peer, ...cells];
  });
  const limited = findings.scenarios.some((scenario) => scenario.findings.some(isLimited));
  return `## How fast it is

Lines delivered in a second (one line sent to 100 is 100), lines of 64 bytes unless it says
otherwise. Every receiver's lines are checked; a server that loses or breaks some has no speed.

${markdownTable([header, ...rows])}
${limited ? "\n\\* the load generator was the limit, not the server.\n" : ""}
![Delivered lines per second against clients, for every server](bench/speed.svg)

${idleSentence(findings)}Each server on one processor, the load on another: ${findings.machine}, ${findings.date}; ${findings.versions.join(", ")}.
To make these again, in less than three minutes: \`bun run bench --plot --markdown\`.
`;
}

interface Column {
  title: string;
  of: (finding: Finding) => string;
}

function speedColumns(scenario: ScenarioFindings): Column[] {
  const yardstick = soundFinding(scenario, YARDSTICK);
  return [
    { title: "lines/s", of: (finding) => `${short(speed(finding))}${mark(finding)}` },
    { title: "spread", of: (finding) => `±${(spreadOf(finding) * 100).toFixed(0)} %` },
    {
      title: `to ${YARDSTICK}`,
      of: (finding) => (yardstick ? `${ratioOf(finding, yardstick).toFixed(2)} ×` : ""),
    },
    { title: "cpu/line", of: (finding) => formatNs(medianOf(finding, (round) => round.nsPerLine)) },
    { title: "server busy", of: (finding) => share(finding, (round) => round.serverShare) },
    { title: "load busy", of: (finding) => share(finding, (round) => round.loadShare) },
  ];
}

function describeStopped(finding: Finding): string {
  const memory = formatBytes(medianOf(finding, (round) => round.peakBytes));
  const silence = formatMs(medianOf(finding, (round) => round.silenceMs));
  const [round] = finding.rounds;
  if (round?.stoodStill) return "the room stands still";
  return round?.stoppedReader === "dropped"
    ? `dropped, after a silence of ${silence}; ${memory} at most`
    : `all kept for it: ${memory}`;
}

function describeLatency(finding: Finding): string {
  if (!keptPace(finding, PACE)) return "falls behind";
  const [round] = finding.rounds;
  const busy = share(finding, ({ serverShare }) => serverShare);
  const { p50Ms = 0, p99Ms = 0, p999Ms = 0 } = round?.latency ?? {};
  return `${[p50Ms, p99Ms, p999Ms].map(formatMs).join(", ")}; ${busy} busy`;
}

function notesOnSpeed(scenario: ScenarioFindings): string[] {
  return scenario.findings.some(isLimited)
    ? ["* the load generator was the limit: its processor was busy while the server's was not"]
    : [];
}

function growthTables(growth: readonly ScenarioFindings[]): string[] {
  const columns = (of: (finding: Finding) => string) => (peer: string) =>
    growth.map((scenario) => cell(scenario, peer, of, "broken"));
  const peers = growth[0]?.findings.map(({ peer }) => peer) ?? [];
  const header = growth.map(({ clients }) => (clients - 1).toLocaleString("en"));
  const grid = (title: string, row: (peer: string) => string[]) =>
    grow(title, [["listeners", ...header], ...peers.map((peer) => [peer, ...row(peer)])]);
  const most = growth.at(-1)?.clients ?? 0;
  const problems = growth.flatMap(({ title, findings }) =>
    findings.flatMap((finding) => {
      const problem = problemOf(finding);
      return problem === undefined ? [] : [`  ${finding.peer}, ${title}: ${problem}`];
    }),
  );
  return [
    [
      grid(
        "delivered lines/s",
        columns((finding) => `${short(speed(finding))}${mark(finding)}`),
      ),
      ...problems,
    ].join("\n"),
    grid(
      "processor time per delivered line",
      columns((finding) => formatNs(medianOf(finding, (round) => round.nsPerLine))),
    ),
    grid(
      "memory with everybody there and silent",
      columns((finding) => formatBytes(medianOf(finding, (round) => round.idleBytes))),
    ),
    grow(`memory per idle client`, [
      ["", ""],
      ...peers.map((peer) => [peer, idleBytes(growth, peer) ?? `not tried with ${most}`]),
    ]),
  ];
}

/** What each of the most clients a peer was tried with adds to its memory. */
function idleBytes(growth: readonly ScenarioFindings[], peer: string): string | undefined {
  const [scenario, finding] =
    growth
      .map((candidate) => [candidate, soundFinding(candidate, peer)] as const)
      .findLast(([, found]) => found !== undefined) ?? [];
  if (!scenario || !finding) return undefined;
  const bytes = medianOf(finding, (round) => round.idleBytes - round.emptyBytes) / scenario.clients;
  return `${formatBytes(Math.max(0, Math.round(bytes)))} (of ${scenario.clients.toLocaleString("en")})`;
}

function idleSentence({ growth }: Findings): string {
  const bytes = idleBytes(growth, "linechat");
  return bytes === undefined
    ? ""
    : `An idle client costs linechat ${bytes.replace(/ \(of (.*)\)/, ", measured with $1")}.\n`;
}

function section(scenario: ScenarioFindings, columns: Column[], notes: string[]): string {
  const header = ["", ...columns.map(({ title }) => title)];
  const rows = scenario.findings.map((finding) => {
    if (finding.skipped !== undefined) return [finding.peer, `skipped: ${finding.skipped}`];
    const problem = problemOf(finding);
    if (problem !== undefined)
      return [finding.peer, `${neverBegan(finding) ? "not measured" : "BROKEN"}: ${problem}`];
    return [finding.peer, ...columns.map(({ of }) => of(finding))];
  });
  const title = `${scenario.title} (${scenario.seconds.toFixed(0)} s)`;
  return [grow(title, [header, ...rows]), ...notes].join("\n");
}

/** Rows as columns of text; a row with one cell may be as long as it likes. */
function grow(title: string, rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(
      ...rows.map((row) => (row.length === 2 && column === 1 ? 0 : (row[column] ?? "").length)),
    ),
  );
  const lines = rows.map((row) => {
    const [name = "", ...cells] = row;
    const padded = cells.map((text, i) =>
      cells.length === 1 ? text : text.padStart(widths[i + 1] ?? 0),
    );
    return `  ${[name.padEnd(widths[0] ?? 0), ...padded].join("   ")}`.trimEnd();
  });
  return [title, ...lines.filter((line) => line !== "")].join("\n");
}

function markdownTable([header = [], ...rows]: readonly string[][]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = header.map((_, column) => (column === 0 ? "---" : "---:"));
  return [header, rule, ...rows].map(line).join("\n");
}

function cell(
  scenario: ScenarioFindings,
  peer: string,
  of: (finding: Finding) => string,
  broken = "loses or breaks lines",
): string {
  const finding = scenario.findings.find((candidate) => candidate.peer === peer);
  if (!finding || finding.skipped !== undefined || finding.rounds.length === 0) return "–";
  if (neverBegan(finding)) return "?";
  return problemOf(finding) === undefined ? of(finding) : broken;
}

function speed(finding: Finding): number {
  return medianOf(finding, (round) => round.deliveredPerSecond);
}

function share(finding: Finding, what: Parameters<typeof medianOf>[1]): string {
  return `${(medianOf(finding, what) * 100).toFixed(0)} %`;
}

function isLimited(finding: Finding): boolean {
  return finding.rounds.length > 0 && !problemOf(finding) && loadWasLimit(finding);
}

function mark(finding: Finding): string {
  return isLimited(finding) ? "*" : "";
}
