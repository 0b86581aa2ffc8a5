/** What a run of the bench found, and how its numbers are summed up and written. */

import type { Measurement } from "./load.ts";

/** A peer in a scenario: one measurement a round, or why there is none. */
export interface Finding {
  peer: string;
  rounds: Measurement[];
  skipped?: string;
}

export interface ScenarioFindings {
  name: string;
  title: string;
  clients: number;
  /** How long all of it took. */
  seconds: number;
  findings: Finding[];
}

export interface Findings {
  date: string;
  machine: string;
  versions: string[];
  seconds: number;
  scenarios: ScenarioFindings[];
  growth: ScenarioFindings[];
}

/** The middle value; 0 of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = 0, high = 0] = [sorted[middle - 1 + (sorted.length % 2)], sorted[middle]];
  return (low + high) / 2;
}

/** What went wrong in any round. */
export function problemOf({ rounds }: Finding): string | undefined {
  return rounds.find((round) => round.problem !== undefined)?.problem;
}

/** Whether a load could not even begin, as on a machine that is busy otherwise: that says nothing of the peer. */
export function neverBegan({ rounds }: Finding): boolean {
  return rounds.some((round) => round.problem !== undefined && round.clients === 0);
}

/** The finding of a peer, if it has figures. */
export function soundFinding(
  { findings }: Pick<ScenarioFindings, "findings">,
  peer: string,
): Finding | undefined {
  const finding = findings.find((candidate) => candidate.peer === peer);
  return finding && finding.rounds.length > 0 && !problemOf(finding) ? finding : undefined;
}

/** The median over the rounds of something measured. */
export function medianOf({ rounds }: Finding, what: (round: Measurement) => number): number {
  return median(rounds.map(what));
}

/** Half the distance from the slowest to the fastest round, as a share of the median. */
export function spreadOf(finding: Finding): number {
  const speeds = finding.rounds.map((round) => round.deliveredPerSecond);
  return (Math.max(...speeds) - Math.min(...speeds)) / 2 / median(speeds);
}

/** How many processors other programs kept busy while this was measured. */
export function otherCpusDuring({ scenarios, growth }: Findings): number {
  const all = [...scenarios, ...growth].flatMap(({ findings }) => findings);
  return median(all.flatMap(({ rounds }) => rounds.map(({ otherCpus }) => otherCpus)));
}

/** How much faster one is than another, round by round. */
export function ratioOf(finding: Finding, other: Finding): number {
  const ratios = finding.rounds.flatMap((round, index) => {
    const speed = other.rounds[index]?.deliveredPerSecond;
    return speed ? [round.deliveredPerSecond / speed] : [];
  });
  return median(ratios);
}

/** Whether the load, and not the server, was what limited the speed. */
export function loadWasLimit(finding: Finding): boolean {
  const load = medianOf(finding, (round) => round.loadShare);
  return load > 0.95 && medianOf(finding, (round) => round.serverShare) < 0.9;
}

/** Whether a server kept a steady pace. */
export function keptPace(finding: Finding, linesPerSecond: number): boolean {
  return medianOf(finding, (round) => round.pace ?? 0) >= 0.97 * linesPerSecond;
}

/** A number in three digits and a unit of thousands: `12.9 M`, `185 k`. */
export function short(value: number): string {
  for (const [unit, of] of [
    [" M", 1e6],
    [" k", 1e3],
  ] as const)
    if (value >= of) return threeDigits(value / of) + unit;
  return threeDigits(value);
}

/** A number in three digits: `1.29`, `12.9`, `129`. */
export function threeDigits(value: number): string {
  return value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
}

/** A time in its best unit. */
export function formatMs(ms: number): string {
  if (ms >= 1000) return `${threeDigits(ms / 1000)} s`;
  return ms >= 1 ? `${threeDigits(ms)} ms` : `${(ms * 1000).toFixed(0)} µs`;
}

export function formatNs(ns: number): string {
  return ns >= 1000 ? `${threeDigits(ns / 1000)} µs` : `${threeDigits(ns)} ns`;
}

/** Bytes as people read them off a process list. */
export function formatBytes(bytes: number): string {
  for (const [unit, of] of [
    ["GiB", 1 << 30],
    ["MiB", 1 << 20],
    ["KiB", 1 << 10],
  ] as const)
    if (bytes >= of) return `${threeDigits(bytes / of)} ${unit}`;
  return `${bytes} bytes`;
}
