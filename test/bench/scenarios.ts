/** What the servers are put through. */

import type { Load } from "./load.ts";

type Shape = Omit<Load, "port" | "pid" | "dialect" | "tls">;

export interface Scenario {
  readonly name: string;
  /** What it is, for a table. */
  readonly title: string;
  readonly shape: Shape;
  readonly tls?: boolean;
  /** Whether it runs once, for longer, and not in every round. */
  readonly once?: boolean;
}

const COMMON = {
  listeners: 0,
  talkers: 1,
  lineBytes: 64,
  windowLines: 1_000,
  linesPerSecond: 0,
  warmUpMs: 200,
  measureMs: 600,
} as const satisfies Shape;

/** On their way to all receivers together, so that neither memory nor a slow server's time runs out. */
const IN_FLIGHT_LINES = 200_000;

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
    shape: { ...COMMON, listeners: 100 },
    tls: true,
  },
  {
    name: "steady",
    title: "a steady 1,000 lines/s to 1,000",
    shape: { ...COMMON, listeners: 1_000, linesPerSecond: 1_000, warmUpMs: 500, measureMs: 2_000 },
    once: true,
  },
];

/** One talks to more and more. */
export const GROWTH: readonly Scenario[] = [1, 10, 100, 1_000, 10_000].map((listeners) => ({
  name: `growth-${listeners}`,
  title: `one talks to ${listeners.toLocaleString("en")}`,
  shape: {
    ...COMMON,
    listeners,
    windowLines: Math.min(COMMON.windowLines, IN_FLIGHT_LINES / listeners),
  },
  once: true,
}));

/** How many clients it takes. */
export function clientsOf({ shape }: Scenario): number {
  return shape.listeners + shape.talkers;
}
