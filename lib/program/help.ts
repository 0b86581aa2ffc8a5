/** The layout of `--help`. */

/** What is shown of a program. */
interface Command {
  readonly name: string;
  readonly summary: string;
  readonly operands: readonly string[];
  /** The name of an option that stands instead of all operands. */
  readonly instead?: string;
  readonly examples: readonly (readonly [command: string, meaning: string])[];
}

/** What is shown of its options, by their names. */
type Table = Readonly<Record<string, { readonly takes?: string; readonly help: string }>>;

/** An option that takes more than this has its help on the next line. */
const LEFT_COLUMNS_MAX = 28;

/** What `--help` prints. */
export function formatHelp(command: Command, table: Table): string {
  const left = (name: string) => {
    const takes = table[name]?.takes;
    return `--${name}${takes ? ` <${takes}>` : name === "help" ? ", -h" : ""}`;
  };
  const rows = Object.entries(table).map(([name, { help }]) => [left(name), help] as const);
  const usages = [command.operands.map((name) => `<${name}>`).join(" ")];
  if (command.instead !== undefined) usages.push(left(command.instead));
  return [
    usages.map((usage) => `${command.name} [options] ${usage}`).join("\n"),
    fill(command.summary, 0),
    `Options:\n${formatRows(rows)}`,
    `Examples:\n${formatRows(command.examples)}`,
  ].join("\n\n");
}

/** Two columns; a left one that is too wide has a line of its own. */
function formatRows(rows: readonly (readonly [string, string])[]): string {
  const widths = rows.map(([left]) => left.length).filter((width) => width <= LEFT_COLUMNS_MAX);
  const indent = 4 + Math.max(0, ...widths);
  const start = (left: string) =>
    left.length + 4 > indent ? `  ${left}\n${" ".repeat(indent)}` : `  ${left}`.padEnd(indent);
  return rows.map(([left, right]) => start(left) + fill(right, indent)).join("\n");
}

/** Text broken between words, in 80 columns, its further lines indented. */
function fill(text: string, indent: number): string {
  return Bun.wrapAnsi(text, 80 - indent).replaceAll("\n", `\n${" ".repeat(indent)}`);
}
