/** The command line: one table of options serves parsing, checking and `--help`. */

import { parseArgs } from "node:util";

import { formatSize, parseSize, parseTimeMs } from "./units.ts";
import { usageError, UserError } from "./user-error.ts";

/** One long option. A flag takes no value. */
export interface Option<Value> {
  /** What its value is called in the help, such as `size`; absent for a flag. */
  takes?: string;
  /** What the value has to be, as in "--buffer takes a size like 64K or 8M". */
  expects?: string;
  /** What the option does, for the help. */
  help: string;
  default: Value;
  /** Reads the value; undefined when it does not fit. */
  parse: (text: string) => Value | undefined;
  /** Whether it may be given more than once; its value is a list then. */
  repeats?: boolean;
}

/** A program, as its `--help` shows it. */
export interface Command<Options> {
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

type Table = Record<string, Option<unknown>>;

/** The value of each option of a table. */
export type Values<Options> = {
  [Name in keyof Options]: Options[Name] extends Option<infer Value> ? Value : never;
};

/** A switch that is off by default. */
export function flag(help: string): Option<boolean> {
  return { help, default: false, parse: () => true };
}

/** Text that is taken as it is. */
export function text<Default>(
  takes: string,
  help: string,
  initial: Default,
): Option<string | Default> {
  return {
    takes,
    expects: `an ${takes}`.replace(/^an (?![aeiou])/, "a "),
    help,
    default: initial,
    parse: (value) => (value === "" ? undefined : value),
  };
}

/** A number of bytes. */
export function size(help: string, initial: number, min = 1, max = 2 ** 31): Option<number> {
  const range = `from ${formatSize(min)} to ${formatSize(max)}`;
  return {
    takes: "size",
    expects: `a size like 64K or 8M, ${range}`,
    help,
    default: initial,
    parse: (value) => within(parseSize(value), min, max),
  };
}

/** A time in ms. */
export function time<Default>(help: string, initialMs: Default): Option<number | Default> {
  return {
    takes: "time",
    expects: "a time like 500ms, 10s or 5m, of at most 24h",
    help,
    default: initialMs,
    parse: (value) => within(parseTimeMs(value), 0, 24 * 3_600_000),
  };
}

/** A whole number. */
export function count<Default>(help: string, initial: Default, min = 1): Option<number | Default> {
  return {
    takes: "n",
    expects: `a whole number from ${min} on`,
    help,
    default: initial,
    parse: (value) => within(parseWhole(value), min, Number.MAX_SAFE_INTEGER),
  };
}

/** Anything else that a function reads, as often as it is given. */
export function list<Value>(
  takes: string,
  expects: string,
  help: string,
  parseOne: (text: string) => Value | undefined,
): Option<readonly Value[]> {
  const parse = (value: string) => {
    const one = parseOne(value);
    return one === undefined ? undefined : [one];
  };
  return { takes, expects, help, default: [], parse, repeats: true };
}

/** The permissions of a file. */
export function fileMode(help: string, initial: number): Option<number> {
  return {
    takes: "octal",
    expects: "the permissions of a file, like 600",
    help,
    default: initial,
    parse: (value) => (/^[0-7]{3}$/.test(value) ? Number.parseInt(value, 8) : undefined),
  };
}

/**
 * Reads a command line.
 *
 * @param argv the arguments, without the program
 * @returns the options with their defaults, and the operands; or the text that
 *   `--help` or `--version` asks for
 * @throws {UserError} that names the mistake
 */
export function parseCommandLine<Options extends { [Name in keyof Options]: Option<unknown> }>(
  command: Command<Options>,
  argv: readonly string[],
): { print: string } | { options: Values<Options>; operands: string[] } {
  const table: Table = command.options;
  const { tokens } = parseArgs({
    args: [...argv],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: {
      help: { type: "boolean", short: "h" },
      version: { type: "boolean" },
      ...mapValues(table, (option) => ({ type: option.takes ? "string" : "boolean" }) as const),
    },
  });

  const options = mapValues(table, (option) => option.default);
  const operands: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") operands.push(token.value);
    if (token.kind !== "option") continue;
    if (token.name === "help" || token.name === "version") {
      if (token.value !== undefined) throw usageError(`${token.rawName} takes no value`);
      return {
        print: token.name === "help" ? formatHelp(command) : `${command.name} ${command.version}`,
      };
    }
    const option = Object.hasOwn(table, token.name) ? table[token.name] : undefined;
    if (option === undefined) throw usageError(`unknown option ${token.rawName}`);
    const { rawName, value, inlineValue } = token;
    const parsed = parseValue(option, rawName, value, inlineValue ?? false);
    const before = options[token.name];
    options[token.name] =
      option.repeats && Array.isArray(before) && Array.isArray(parsed)
        ? [...before, ...parsed]
        : parsed;
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
 * Runs a program: reads its command line, prints what `--help` and `--version`
 * ask for, and turns a `UserError` into its one line and its exit code.
 */
export async function runCommand<Options extends { [Name in keyof Options]: Option<unknown> }>(
  command: Command<Options>,
  main: (options: Values<Options>, operands: string[]) => void | Promise<void>,
): Promise<void> {
  try {
    const parsed = parseCommandLine(command, process.argv.slice(2));
    if ("print" in parsed) console.log(parsed.print);
    else await main(parsed.options, parsed.operands);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    console.error(`${command.name}: ${error.message}`);
    process.exit(error.exitCode);
  }
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

function parseWhole(value: string): number | undefined {
  return /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

function within(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}

function parseValue(
  option: Option<unknown>,
  name: string,
  value: string | undefined,
  inline: boolean,
) {
  if (option.takes === undefined) {
    if (value === undefined) return option.parse("");
    throw usageError(`${name} takes no value, not even ${quote(value)}`);
  }
  const missing = value === undefined || (!inline && value.startsWith("-") && value !== "-");
  if (missing) throw usageError(`${name} takes ${option.expects}`);
  const parsed = option.parse(value);
  if (parsed === undefined)
    throw usageError(`${name} takes ${option.expects}, not ${quote(value)}`);
  return parsed;
}

function formatHelp(command: Command<object>): string {
  const table = command.options as Table; // what every command line was parsed with
  const rows = Object.entries(table).map(
    ([name, option]) =>
      [`--${name}${option.takes ? ` <${option.takes}>` : ""}`, option.help] as const,
  );
  rows.push(["--help, -h", "show this"], ["--version", "show the version"]);
  const usage = [command.name, "[options]", ...command.operands.map((name) => `<${name}>`)].join(
    " ",
  );
  return [
    `${usage}\n\n${command.summary}`,
    `Options:\n${formatRows(rows)}`,
    `Examples:\n${formatRows(command.examples)}`,
  ].join("\n\n");
}

function formatRows(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}

function mapValues<Value>(table: Table, map: (option: Option<unknown>) => Value) {
  return Object.fromEntries(Object.entries(table).map(([name, option]) => [name, map(option)]));
}
