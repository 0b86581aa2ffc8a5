/** A program as a table of its options, and what `--help` prints of it. */

/** One long option. */
export interface Option<Value> {
  /** What its value is called, such as `size`; absent for a flag, which takes no value. */
  takes?: string;
  /** What the value has to be, as in "--buffer takes a size like 64K or 8M". */
  expects?: string;
  /** What the option does, with its default as `(default 64K)`; and the group that it is in. */
  help: string;
  heading?: string;
  default: Value;
  /** Reads a value, told the one it had before; undefined when the text does not fit. */
  parse(text: string, before: Value): Value | undefined;
}

/** Options by their names. */
export type Table = Readonly<Record<string, Option<unknown>>>;

/** A program. */
export interface Command<Options extends Table = Table> {
  name: string;
  summary: string;
  /** The names of its operands, all of them required, in order. */
  operands: readonly string[];
  /** Turns what was given into operands, such as `localhost:8080` into two; throws a `UserError`. */
  readOperands?(given: readonly string[]): readonly string[];
  /** The name of an option that stands instead of all operands. */
  instead?: string;
  options: Options;
  /** Options that do not go together, as `allow unix !web` where `web` is not; `web-name !web` needs it. */
  excludes?: readonly string[];
  /** The groups of the help, in order; those of options that are not here come after them. */
  headings?: readonly string[];
  /** What to try first: command and what it does. */
  examples: readonly (readonly [command: string, meaning: string])[];
}

/** What `--help` prints, in lines of at most 80 characters. */
export function formatHelp(command: Command): string {
  const { name, summary, operands, instead, options, headings = [], examples } = command;
  const left = (option: string) => {
    const takes = options[option]?.takes;
    return `--${option}${takes ? ` <${takes}>` : option === "help" ? ", -h" : ""}`;
  };
  const groups = new Map(headings.map((heading) => [heading, [] as [string, string][]]));
  for (const [option, { heading = "Options", help }] of Object.entries(options))
    groups.getOrInsert(heading, []).push([left(option), help]);
  const shown = [...groups].flatMap(([heading, rows]) =>
    rows.length > 0 ? `${heading}:\n${formatRows(rows, 25)}` : [],
  );
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
