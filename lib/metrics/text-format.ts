/** The text format of Prometheus, 0.0.4. */

import type { Figure } from "../extras/part.ts";

export type Sample = readonly [labels: string, value: number];

/** A figure, or several that differ in their labels. */
export interface Metric extends Omit<Figure, "value"> {
  readonly value: number | readonly Sample[];
}

export function textOf({ type, name, help, value }: Metric): string {
  const samples = typeof value === "number" ? ([["", value]] as const) : value;
  const lines = samples.map(([labels, each]) => `${name}${labels} ${each}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

/** Samples that differ in one label. */
export function labelled(label: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([name, value]) => [`{${label}="${name}"}`, value]);
}
