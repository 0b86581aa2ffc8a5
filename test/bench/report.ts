/** What a run of the benchmark found, as it is written in test/README.md. */

import { clientsOf, GROWTH, type Scenario } from "./scenarios.ts";

/** Figures of the measured time. */
export interface Figures {
  /** Lines delivered in a second, one sent to 100 being 100. */
  deliveredPerSecond: number;
  /** Of the measured time, in which the server and the load had a processor. */
  serverShare: number;
  loadShare: number;
  /** How many processors other programs kept busy meanwhile. */
  otherCpus: number;
  /** The server's memory for each client that has joined and sent nothing. */
  idleBytes: number;
  /** At a steady pace, from when a line was due to when a receiver had it: p50, p99, p99.9. */
  latenciesMs: number[];
}

/** What came of a load: figures; or why there are none, in some words for the table, and in full. */
export interface Outcome {
  figures?: Figures;
  cell?: string;
  why?: string;
}

/** A server in a scenario. */
export interface Finding extends Outcome {
  scenario: Scenario;
  peer: string;
}

/** With more of the machine busy otherwise, figures are worth little. */
const OTHER_CPUS_MAX = 0.1;
const CROWD_MIN = 10_000;

/** The section of test/README.md. */
export function markdown(findings: readonly Finding[], machine: string): string {
  // With fewer clients, what the server needs itself would count for too much.
  const crowd = findings.find(
    ({ peer, scenario }) => peer === "linechat" && clientsOf(scenario) > CROWD_MIN,
  );
  const kib = crowd?.figures && threeDigits(crowd.figures.idleBytes / 1024);
  const idle = kib && `An idle client costs linechat ${kib} KiB, measured with 10,001.\n`;
  return `## How fast it is

Lines delivered in a second (one line sent to 100 is 100), lines of 64 bytes unless it says
otherwise. Every receiver's lines are checked; a server that loses or breaks some has no speed.

${table(findings)}

![Delivered lines per second against listeners, for every server](bench/speed.svg)

${idle ?? ""}Each server on one processor, the load on another: ${machine}.
To make these again, in less than three minutes: \`bun run bench --plot\`.
`;
}

/** All servers in all scenarios, what went wrong, and whether something disturbed it. */
function table(findings: readonly Finding[]): string {
  const shown = findings.filter(({ scenario }) => scenario.name !== GROWTH);
  const scenarios = [...new Set(shown.map(({ scenario }) => scenario))];
  const titles = scenarios.map(({ title, shape }) =>
    shape.linesPerSecond > 0 ? `${title}: p50, p99, p99.9` : title,
  );
  const rows = Map.groupBy(shown, ({ peer }) => peer);
  const lines = [
    ["", ...titles],
    ["---", ...titles.map(() => "---:")],
    ...[...rows].map(([peer, all]) => [peer, ...all.map(cellOf)]),
  ];
  const problems = findings.flatMap(({ peer, scenario, why }) =>
    why === undefined ? [] : [`${peer}, ${scenario.title}: ${why}`],
  );
  const busy = findings.map(({ figures }) => figures?.otherCpus ?? 0).sort((a, b) => a - b);
  const others = busy[busy.length >> 1] ?? 0;
  return [
    lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n"),
    ...(shown.some(loadWasLimit) ? ["\\* the load generator was the limit, not the server."] : []),
    ...(problems.length > 0 ? [problems.join("\n")] : []),
    ...(others > OTHER_CPUS_MAX
      ? [`Other programs kept ${others.toFixed(1)} processors busy: measure on a quiet machine.`]
      : []),
  ].join("\n\n");
}

function cellOf(finding: Finding): string {
  const { figures, cell = "", scenario } = finding;
  if (figures === undefined) return cell;
  const speed = threeDigits(figures.deliveredPerSecond);
  if (scenario.shape.linesPerSecond === 0) return speed + (loadWasLimit(finding) ? "*" : "");
  const quantiles = figures.latenciesMs.map((ms) => `${threeDigits(ms)} ms`);
  return `${quantiles.join(", ")}; ${(figures.serverShare * 100).toFixed(0)} % busy`;
}

/** Whether the load, and not the server, was what limited the speed. */
function loadWasLimit({ figures }: Finding): boolean {
  return figures !== undefined && figures.loadShare > 0.95 && figures.serverShare < 0.9;
}

/** A number in three digits: `12.9 M`, `185 K`, `1.29`. */
function threeDigits(value: number): string {
  const digits = { minimumSignificantDigits: 3, maximumSignificantDigits: 3 } as const;
  const text = value.toLocaleString("en", { notation: "compact", ...digits });
  return text.replace(/[KM]/, " $&");
}
