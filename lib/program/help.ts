/** What `--help` prints, made from the same table that the command line is read by. */

import type { Command, Option } from "./command-line.ts";

const COLUMNS = 80;
/** An option that takes more than this has its help on the next line. */
const LEFT_COLUMNS_MAX = 28;

/** The text of `--help`. */
export function formatHelp(command: Command<object>): string {
  const table = command.options as Record<string, Option<unknown>>; // what every command line was parsed with
  const left = (name: string, option: Option<unknown> | undefined) =>
    `--${name}${option?.takes ? ` <${option.takes}>` : ""}`;
  const rows = Object.entries(table).map(
    ([name, option]) => [left(name, option), option.help] as const,
  );
  rows.push(["--help, -h", "show this"], ["--version", "show the version"]);
  const operands = command.operands.map((name) => `<${name}>`).join(" ");
  const { instead } = command;
  const usages = instead === undefined ? [operands] : [operands, left(instead, table[instead])];
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
