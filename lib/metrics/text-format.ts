/** The text format of Prometheus, 0.0.4. */

export type Sample = readonly [labels: string, value: number];

/** One metric; a number is a sample without labels. */
export function figure(
  type: "gauge" | "counter",
  name: string,
  help: string,
  samples: number | readonly Sample[],
): string {
  const all = typeof samples === "number" ? ([["", samples]] as const) : samples;
  const lines = all.map(([labels, value]) => `${name}${labels} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

/** Samples that differ in one label. */
export function labelled(
  label: string,
  values: Readonly<Record<string, number>>,
): readonly Sample[] {
  return Object.entries(values).map(([name, value]) => [`{${label}="${name}"}`, value]);
}
