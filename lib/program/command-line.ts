/** The command line: one table of options serves parsing, checking and `--help`. */

import { parseArgs } from "node:util";

import { requireBun } from "./bun-version.ts";
import { writeOut } from "./descriptor.ts";
import { quote } from "./quote.ts";
import { openStderr } from "./stderr.ts";
import { usageError, UserError } from "./system-errors.ts";

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
  /**
   * Turns what was given into operands, such as `localhost:8080` into two.
   *
   * @throws {UserError} that says what would be right, when it can tell
   */
  readOperands?(given: readonly string[]): readonly string[];
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

/**
 * Reads a command line.
 *
 * @param argv the arguments, without the program
 * @returns the options and operands; or the text that `--help` or `--version` asks for
 * @throws {UserError} that names the mistake
 */
export async function parseCommandLine<Options extends Table>(
  command: Command<Options>,
  argv: readonly string[],
): Promise<{ print: string } | { options: Values<Options>; operands: string[] }> {
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
    if (option === undefined) {
      const { unknownOption } = await import("./suggestions.ts");
      throw unknownOption(command, argv[token.index] ?? token.rawName);
    }
    const { rawName, value, inlineValue } = token;
    options[token.name] = parseValue(option, rawName, options[token.name], value, inlineValue);
    if (options["help"]) {
      const { formatHelp } = await import("./help.ts");
      return { print: formatHelp(command, table) };
    }
    if (options["version"]) return { print: `${command.name} ${command.version}` };
  }

  const isInstead = command.instead !== undefined && options[command.instead] !== undefined;
  const expected = isInstead ? [] : command.operands;
  const read = isInstead ? operands : (command.readOperands?.(operands) ?? operands);
  if (read.length !== expected.length) {
    const { missingOperand, surplusOperand } = await import("./suggestions.ts");
    const surplus = read[expected.length];
    if (surplus === undefined) throw missingOperand(command, read);
    throw surplusOperand(command, surplus, isInstead);
  }
  return { options: options as Values<Options>, operands: [...read] }; // each value came from its own option
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
    const parsed = await parseCommandLine(command, process.argv.slice(2));
    if ("print" in parsed) await writeOut(Buffer.from(`${parsed.print}\n`));
    else await main(parsed.options, parsed.operands);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // Control characters of what a user gave are written out, so that it is one line.
    const hex = (control: string) => `\\x${Buffer.from(control, "latin1").toString("hex")}`;
    openStderr().write(`${command.name}: ${error.message.replace(/\p{Cc}/gu, hex)}\n`);
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
  const port = /^\d{1,15}$/.test(value) ? Number(value) : Infinity;
  if (port >= lowest && port <= 65_535) return port;
  throw usageError(`<port> is a whole number from ${lowest} to 65535, not ${quote(value)}`);
}

function parseValue(
  option: Option<unknown>,
  name: string,
  before: unknown,
  value: string | undefined,
  isInline: boolean | undefined,
) {
  if (option.takes === undefined) {
    if (value === undefined) return option.parse("", before);
    throw usageError(`${name} takes no value, not even ${quote(value)}`);
  }
  const takes = `${name} takes ${option.expects}`;
  if (value === undefined) throw usageError(takes);
  if (!isInline && /^-./s.test(value))
    throw usageError(`${takes}; ${quote(value)} looks like an option`);
  const parsed = option.parse(value, before);
  if (parsed !== undefined) return parsed;
  throw usageError(`${takes}, not ${quote(value)}`);
}

function mapValues<Value>(table: Table, map: (option: Option<unknown>) => Value) {
  return Object.fromEntries(Object.entries(table).map(([name, option]) => [name, map(option)]));
}
