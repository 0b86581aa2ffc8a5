/** What `--help` prints: the same table that parses the command line, in groups. */

/** An option, as it is shown. */
export interface ShownOption {
  /** What its value is called, such as `size`; absent for a flag. */
  takes?: string;
  /** What the option does, with its default as `(default 64K)`. */
  help: string;
  /** The group that it is in; "Options" by default. */
  heading?: string;
}

/** A program, as it is shown. */
export interface ShownCommand {
  name: string;
  /** One sentence on what it does. */
  summary: string;
  /** The names of its operands, all of them required, in order. */
  operands: readonly string[];
  /** The name of an option that stands instead of all operands. */
  instead?: string;
  /** The headings of groups, in order; those of options that are not here come after them. */
  headings?: readonly string[];
  /** What to try first: command and what it does. */
  examples: readonly (readonly [command: string, meaning: string])[];
}

/** The text, in lines of at most 80 characters. */
export function formatHelp(
  { name, summary, operands, instead, headings = [], examples }: ShownCommand,
  options: Readonly<Record<string, ShownOption>>,
): string {
  const left = (option: string) => {
    const takes = options[option]?.takes;
    return `--${option}${takes ? ` <${takes}>` : option === "help" ? ", -h" : ""}`;
  };
  const groups = new Map(headings.map((heading) => [heading, [] as [string, string][]]));
  for (const [option, { heading = "Options", help }] of Object.entries(options))
    groups.getOrInsert(heading, []).push([left(option), help]);
  const shown = [...groups]
    .filter(([, rows]) => rows.length > 0)
    .map(([heading, rows]) => `${heading}:\n${formatRows(rows, 25)}`);
  const usages = [operands.map((operand) => `<${operand}>`).join(" ")];
  if (instead !== undefined) usages.push(left(instead));
  return [
    usages.map((usage) => `${name} [options] ${usage}`).join("\n"),
    Bun.wrapAnsi(summary, 80),
    shown.join("\n"),
    `Examples:\n${formatRows(examples, 38)}`,
  ].join("\n\n");
}

/** Two columns of 80 in all; a left one that is too wide has a line of its own. */
function formatRows(rows: readonly (readonly [string, string])[], width: number): string {
  const indent = " ".repeat(width);
  const lines = rows.map(([left, right]) => {
    const start = left.length > width - 3 ? `  ${left}\n${indent}` : `  ${left}`.padEnd(width);
    return start + Bun.wrapAnsi(right, 80 - width).replaceAll("\n", `\n${indent}`);
  });
  return lines.join("\n");
}
