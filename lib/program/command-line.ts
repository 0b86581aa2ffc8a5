/** The command line: one table of options serves parsing, checking and `--help`. */

import { parseArgs } from "node:util";

import { requireBun } from "./bun-version.ts";
import { writeOut } from "./descriptor.ts";
import { ERROR, isJournal } from "./journal.ts";
import { openStderr } from "./stderr.ts";
import { usageError, UserError } from "./system-errors.ts";
import { formatSize, parseSize, parseTimeMs } from "./units.ts";

/** An option that takes more than this has its help on the next line. */
const LEFT_COLUMNS_MAX = 28;

/** One long option. A flag takes no value. */
export interface Option<Value> {
  /** What its value is called in the help, such as `size`; absent for a flag. */
  takes?: string;
  /** What the value has to be, as in "--buffer takes a size like 64K or 8M". */
  expects?: string;
  /** What the option does, for the help, with its default as `(default 64K)`. */
  help: string;
  default: Value;
  /** Reads a value, told the one it had before; undefined when the text does not fit. */
  parse(text: string, before: Value): Value | undefined;
}

/** Options by their names. */
export type Table = Readonly<Record<string, Option<unknown>>>;

/** A program, as its `--help` shows it. */
export interface Command<Options extends Table = Table> {
  name: string;
  version: string;
  /** One sentence on what it does. */
  summary: string;
  /** The names of its operands, all of them required, in order. */
  operands: readonly string[];
  /** The name of an option that stands instead of all operands. */
  instead?: string;
  options: Options;
  /** What to try first: command and what it does. */
  examples: readonly (readonly [command: string, meaning: string])[];
}

/** The value of each option of a table. */
export type Values<Options extends Table> = { [Name in keyof Options]: Options[Name]["default"] };

/** A switch that is off by default. */
export function flag(help: string): Option<boolean> {
  return { help, default: false, parse: () => true };
}

/** Text that is taken as it is; `initial` is what it is, here and below, when it is not given. */
export function text<None>(takes: string, help: string, initial: None): Option<string | None> {
  const expects = /^[aeiou]/.test(takes) ? `an ${takes}` : `a ${takes}`;
  const parse = (value: string) => (value === "" ? undefined : value);
  return { takes, expects, help, default: initial, parse };
}

/** A number of bytes. */
export function size(help: string, initial: number, min = 1, max = 2 ** 31): Option<number> {
  const expects = `a size like 64K or 8M, from ${formatSize(min)} to ${formatSize(max)}`;
  const parse = (value: string) => within(parseSize(value), min, max);
  return { takes: "size", expects, help, default: initial, parse };
}

/** A time in ms. */
export function time<None>(help: string, initialMs: None): Option<number | None> {
  const expects = "a time like 500ms, 10s or 5m, of at most 24h";
  const parse = (value: string) => within(parseTimeMs(value), 0, 24 * 3_600_000);
  return { takes: "time", expects, help, default: initialMs, parse };
}

/** A whole number. */
export function count<None>(help: string, initial: None, min = 1): Option<number | None> {
  const expects = `a whole number from ${min} on`;
  const parse = (value: string) => within(parseWhole(value), min, Number.MAX_SAFE_INTEGER);
  return { takes: "n", expects, help, default: initial, parse };
}

/** Anything else that a function reads, as often as it is given. */
export function list<Value>(
  takes: string,
  expects: string,
  help: string,
  parseOne: (text: string) => Value | undefined,
): Option<readonly Value[]> {
  const parse = (value: string, before: readonly Value[]) => {
    const one = parseOne(value);
    return one === undefined ? undefined : [...before, one];
  };
  return { takes, expects, help, default: [], parse };
}

/** The permissions of a file. */
export function fileMode<None>(help: string, initial: None): Option<number | None> {
  const expects = "the permissions of a file, like 600";
  const parse = (value: string) => (/^[0-7]{3}$/.test(value) ? Number(`0o${value}`) : undefined);
  return { takes: "octal", expects, help, default: initial, parse };
}

/**
 * Reads a command line.
 *
 * @param argv the arguments, without the program
 * @returns the options and operands; or the text that `--help` or `--version` asks for
 * @throws {UserError} that names the mistake
 */
export function parseCommandLine<Options extends Table>(
  command: Command<Options>,
  argv: readonly string[],
): { print: string } | { options: Values<Options>; operands: string[] } {
  const own = { help: flag("show this"), version: flag("show the version") };
  const table: Table = { ...command.options, ...own };
  const kinds = mapValues(table, ({ takes }) => ({ type: takes ? "string" : "boolean" }) as const);
  const { tokens } = parseArgs({
    args: [...argv],
    options: { ...kinds, help: { type: "boolean", short: "h" } },
    strict: false,
    tokens: true,
  });

  const options = mapValues(table, (option) => option.default);
  const operands: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") operands.push(token.value);
    if (token.kind !== "option") continue;
    const option = Object.hasOwn(table, token.name) ? table[token.name] : undefined;
    if (option === undefined) throw usageError(`unknown option ${plain(token.rawName)}`);
    // What looks like the next option is no value, unless it came with "=".
    const value = token.inlineValue || !/^-./s.test(token.value ?? "") ? token.value : undefined;
    options[token.name] = parseValue(option, token.rawName, options[token.name], value);
    if (options["help"]) return { print: formatHelp(command, table) };
    if (options["version"]) return { print: `${command.name} ${command.version}` };
  }

  const instead = command.instead !== undefined && options[command.instead] !== undefined;
  const expected = instead ? [] : command.operands;
  const missing = expected[operands.length];
  if (missing !== undefined) throw usageError(`<${missing}> is missing`);
  const surplus = operands[expected.length];
  if (surplus !== undefined) throw usageError(`unexpected argument ${quote(surplus)}`);
  return { options: options as Values<Options>, operands }; // each value came from its own option
}

/**
 * Runs a program: reads its command line, prints what `--help` and `--version` ask for, and turns a
 * `UserError` into its one line and its exit code.
 */
export async function runCommand<Options extends Table>(
  command: Command<Options>,
  main: (options: Values<Options>, operands: string[]) => void | Promise<void>,
): Promise<void> {
  try {
    requireBun();
    const parsed = parseCommandLine(command, process.argv.slice(2));
    if ("print" in parsed) await writeOut(Buffer.from(`${parsed.print}\n`));
    else await main(parsed.options, parsed.operands);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // Control characters of what a user gave are written out, so that it is one line.
    const hex = (control: string) => `\\x${Buffer.from(control, "latin1").toString("hex")}`;
    const mark = isJournal() ? ERROR : "";
    openStderr().write(`${mark}${command.name}: ${error.message.replace(/\p{Cc}/gu, hex)}\n`);
    await exit(error.exitCode);
  }
}

/** Ends the program once stderr has taken what was written; if it is stuck, after half a second. */
export async function exit(exitCode: number): Promise<never> {
  await openStderr().close();
  process.exit(exitCode);
}

/**
 * A port number.
 *
 * @param lowest 0 where the system may choose one, else 1
 * @throws {UserError} unless it is one
 */
export function parsePort(value: string, lowest: 0 | 1): number {
  const port = within(parseWhole(value), lowest, 65_535);
  if (port !== undefined) return port;
  throw usageError(`<port> is a whole number from ${lowest} to 65535, not ${quote(value)}`);
}

/** Text as a message shows it: quoted, on one line, of bounded length. */
export function quote(value: string): string {
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
}

/** A word as a message shows it: as it is when it is plain, else quoted. */
function plain(word: string): string {
  return /^[\w-]{1,60}$/.test(word) ? word : quote(word);
}

function parseWhole(value: string): number | undefined {
  return /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

function within(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}

function parseValue(option: Option<unknown>, name: string, before: unknown, value?: string) {
  if (option.takes === undefined) {
    if (value === undefined) return option.parse("", before);
    throw usageError(`${name} takes no value, not even ${quote(value)}`);
  }
  if (value === undefined) throw usageError(`${name} takes ${option.expects}`);
  const parsed = option.parse(value, before);
  if (parsed !== undefined) return parsed;
  throw usageError(`${name} takes ${option.expects}, not ${quote(value)}`);
}

function mapValues<Value>(table: Table, map: (option: Option<unknown>) => Value) {
  return Object.fromEntries(Object.entries(table).map(([name, option]) => [name, map(option)]));
}

/** What `--help` prints; the table also has what every command has. */
function formatHelp(command: Omit<Command, "options">, table: Table): string {
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
