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
  /** Lines to send in a second, whatever comes back; 0 for as many as the window lets through. */
  linesPerSecond: number;
  warmUpMs: number;
  measureMs: number;
}

type Shape = Omit<Load, "port" | "pid" | "dialect">;

export interface Scenario {
  readonly name: string;
  /** What it is, for a table. */
  readonly title: string;
  readonly shape: Shape;
}

const COMMON: Shape = {
  tls: false,
  listeners: 0,
  talkers: 1,
  lineBytes: 64,
  windowLines: 1_000,
  linesPerSecond: 0,
  warmUpMs: 200,
  measureMs: 1_000,
};

/** On their way to all receivers together, so that neither memory nor a slow server's time runs out. */
const IN_FLIGHT_LINES = 200_000;
/** The scenarios of the chart, by the number of listeners. */
export const GROWTH = "growth";
export const LISTENERS = [1, 10, 100, 1_000, 10_000];

export const SCENARIOS: readonly Scenario[] = [
  scenario("one-to-100", "one talks to 100", { listeners: 100 }),
  scenario("100-all-talk", "100 all talk", { talkers: 100, windowLines: 100 }),
  scenario("1000-all-talk", "1,000 all talk", { talkers: 1_000, windowLines: 100 }),
  scenario("long-lines", "lines of 4 KiB to 50", {
    ...{ listeners: 50, lineBytes: 4096, windowLines: 64 },
  }),
  scenario("tls", "over TLS, one talks to 100", { listeners: 100, tls: true }),
  scenario("steady", "a steady 1,000 lines/s to 1,000", {
    ...{ listeners: 1_000, linesPerSecond: 1_000, warmUpMs: 500, measureMs: 2_000 },
  }),
  ...LISTENERS.map((listeners) =>
    scenario(GROWTH, `one talks to ${listeners.toLocaleString("en")}`, {
      ...{ listeners, windowLines: Math.min(1_000, IN_FLIGHT_LINES / listeners) },
    }),
  ),
];

/** How many clients it takes. */
export function clientsOf({ shape }: Scenario): number {
  return shape.listeners + shape.talkers;
}

function scenario(name: string, title: string, shape: Partial<Shape>): Scenario {
  return { name, title, shape: { ...COMMON, ...shape } };
}
