/** What `--help` prints, made from the same table that the command line is read by. */

import type { Command, Table } from "./command-line.ts";

const COLUMNS = 80;
/** An option that takes more than this has its help on the next line. */
const LEFT_COLUMNS_MAX = 28;

/**
 * The text of `--help`.
 *
 * @param table the options of the command, and those that every command has
 */
export function formatHelp(command: Omit<Command, "options">, table: Table): string {
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
  const indent = Math.max(4, ...widths.map((width) => width + 4));
  const start = (left: string) =>
    left.length + 4 > indent ? `  ${left}\n${" ".repeat(indent)}` : `  ${left}`.padEnd(indent);
  return rows.map(([left, right]) => start(left) + fill(right, indent)).join("\n");
}

/** Text broken between words, its further lines indented. */
function fill(text: string, indent: number): string {
  const line = new RegExp(`(.{1,${COLUMNS - indent}})(?: |$)`, "g");
  return text.replace(line, `$1\n${" ".repeat(indent)}`).trimEnd();
}
