/** What the servers are put through. */

import type { DialectName } from "./dialects.ts";

/** What to do to which server. */
export interface Load {
  port: number;
  tls: boolean;
  /** The server's process, to see what it uses. */
  pid: number;
  dialect: DialectName;
  listeners: number;
  talkers: number;
  /** LF included. */
  lineBytes: number;
  /** How many lines may be on their way to the average receiver. */
  windowLines: number;
  /** Lines to say in a second whatever comes back; 0 for as many as the window lets through. */
  linesPerSecond: number;
  warmUpMs: number;
  measureMs: number;
}

export interface Scenario {
  readonly name: string;
  /** What it is, for a table. */
  readonly title: string;
  readonly shape: Omit<Load, "port" | "pid" | "dialect">;
  /** Whether it runs once, for longer, and not in every round. */
  readonly once?: boolean;
}

const COMMON = {
  tls: false,
  listeners: 0,
  talkers: 1,
  lineBytes: 64,
  windowLines: 1_000,
  linesPerSecond: 0,
  warmUpMs: 200,
  measureMs: 600,
} as const;

/** On their way to all receivers together, so that neither memory nor a slow server's time runs out. */
const IN_FLIGHT_LINES = 200_000;
/** The scenarios of the chart. */
export const GROWTH = "growth";

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "one-to-100",
    title: "one talks to 100",
    shape: { ...COMMON, listeners: 100 },
  },
  {
    name: "100-all-talk",
    title: "100 all talk",
    shape: { ...COMMON, talkers: 100, windowLines: 100 },
  },
  {
    name: "1000-all-talk",
    title: "1,000 all talk",
    shape: { ...COMMON, talkers: 1_000, windowLines: 100 },
    once: true,
  },
  {
    name: "long-lines",
    title: "lines of 4 KiB to 50",
    shape: { ...COMMON, listeners: 50, lineBytes: 4096, windowLines: 64 },
  },
  {
    name: "tls",
    title: "over TLS, one talks to 100",
    shape: { ...COMMON, listeners: 100, tls: true },
  },
  {
    name: "steady",
    title: "a steady 1,000 lines/s to 1,000",
    shape: { ...COMMON, listeners: 1_000, linesPerSecond: 1_000, warmUpMs: 500, measureMs: 2_000 },
    once: true,
  },
  ...[1, 10, 100, 1_000, 10_000].map((listeners) => ({
    name: GROWTH,
    title: `one talks to ${listeners.toLocaleString("en")}`,
    shape: { ...COMMON, listeners, windowLines: Math.min(1_000, IN_FLIGHT_LINES / listeners) },
    once: true,
  })),
];

/** How many clients it takes. */
export function clientsOf({ shape }: Scenario): number {
  return shape.listeners + shape.talkers;
}
