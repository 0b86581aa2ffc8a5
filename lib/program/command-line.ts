/** The command line: one table of options serves parsing, checking and `--help`. */

import { parseArgs } from "node:util";

import manifest from "../../package.json" with { type: "json" };
import { stderr, writeOut } from "./process.ts";
import { listed, quote, usageError, UserError } from "./system-errors.ts";

const { engines, version } = manifest;
/** The oldest Bun that will do, of which `bun` itself takes no notice. */
const OLDEST_BUN = engines.bun.replace(">=", "");

/** One long option. A flag takes no value. */
export interface Option<Value> {
  /** What its value is called in the help, such as `size`; absent for a flag. */
  takes?: string;
  /** What the value has to be, as in "--buffer takes a size like 64K or 8M". */
  expects?: string;
  /** What the option does, for the help, with its default as `(default 64K)`. */
  help: string;
  /** Under which heading of the help it is; "Options" by default. */
  heading?: string;
  default: Value;
  /** Reads a value, told the one it had before; undefined when the text does not fit. */
  parse(text: string, before: Value): Value | undefined;
}

/** An option as it was given. */
type Given = { rawName: string; value?: string | undefined; inlineValue?: boolean | undefined };

/** Options by their names. */
export type Table = Readonly<Record<string, Option<unknown>>>;

/** A program, as its `--help` shows it. */
export interface Command<Options extends Table = Table> {
  name: string;
  /** One sentence on what it does. */
  summary: string;
  /** The names of its operands, all of them required, in order. */
  operands: readonly string[];
  /** The name of an option that stands instead of all operands. */
  instead?: string;
  /** Turns what was given into operands, such as `localhost:8080` into two; throws a `UserError`. */
  readOperands?(given: readonly string[]): readonly string[];
  options: Options;
  /** The headings of the help, in order; those of options that are not here come after them. */
  headings?: readonly string[];
  /** What to try first: command and what it does. */
  examples: readonly (readonly [command: string, meaning: string])[];
}

/** The value of each option of a table. */
export type Values<Options extends Table> = { [Name in keyof Options]: Options[Name]["default"] };

/** A switch that is off by default. */
export function flag(help: string): Option<boolean> {
  return { help, default: false, parse: () => true };
}

/**
 * A kind of option that takes a value: what that is called, what it has to be, and how it is read.
 * One that is not given is undefined, unless it has a default, which its help shows then.
 *
 * @param format writes a value as `parse` reads it
 */
export function kind<Value>(
  takes: string,
  expects: string,
  parse: Option<Value | undefined>["parse"],
  format: (value: Value) => string = String,
) {
  return <None extends Value | undefined>(text: string, initial?: None): Option<Value | None> => {
    const help = initial === undefined ? text : `${text} (default ${format(initial)})`;
    // Left out, it is undefined, and then None has that.
    return { takes, expects, help, default: initial as None, parse };
  };
}

/** Puts options under a heading of the help. */
export function under<Options extends Table>(heading: string, options: Options): Options {
  for (const option of Object.values(options)) option.heading = heading;
  return options;
}

/** Text that is taken as it is, unless it is empty. */
export function text(takes: string, expects = `a ${takes}`) {
  return kind(takes, expects, (value) => value || undefined);
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
  const own = under("Help", { help: flag("show this"), version: flag("show the version") });
  const table: Table = { ...command.options, ...own };
  const kinds = mapValues(table, ({ takes }) => ({ type: takes ? "string" : "boolean" }) as const);
  const { tokens } = parseArgs({
    args: [...argv],
    options: { ...kinds, help: { type: "boolean", short: "h" } },
    strict: false,
    tokens: true,
  });

  const options = mapValues(table, (option) => option.default);
  const given: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") given.push(token.value);
    if (token.kind !== "option") continue;
    const { name } = token;
    const option = Object.hasOwn(table, name) ? table[name] : undefined;
    if (option === undefined) throw unknownOption(argv[token.index] ?? name, command, table);
    options[name] = parseValue(option, options[name], token);
    if (options["help"]) return { print: formatHelp(command, table) };
    if (options["version"]) return { print: `${command.name} ${version}` };
  }

  const isInstead = command.instead !== undefined && options[command.instead] !== undefined;
  const expected = isInstead ? [] : command.operands.map((operand) => `<${operand}>`);
  const operands = isInstead ? given : (command.readOperands?.(given) ?? given);
  const missing = expected.slice(operands.length);
  if (missing.length > 0)
    throw usageError(`${listed(missing)} missing, as in ${command.examples[0]?.[0]}`);
  const surplus = operands[expected.length];
  const place = expected.length > 0 ? ` after ${listed(expected)}` : "";
  if (surplus !== undefined) throw usageError(`unexpected argument ${quote(surplus)}${place}`);
  return { options: options as Values<Options>, operands: [...operands] }; // each value came from its own option
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
    if (Bun.semver.order(Bun.version, OLDEST_BUN) < 0)
      throw new UserError(
        `Bun ${OLDEST_BUN} or later is needed, this is ${Bun.version}: https://bun.com`,
      );
    const parsed = parseCommandLine(command, process.argv.slice(2));
    if ("print" in parsed) await writeOut(Buffer.from(`${parsed.print}\n`));
    else await main(parsed.options, parsed.operands);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // Control characters of what a user gave are written out, so that it is one line.
    const hex = (control: string) => `\\x${Buffer.from(control, "latin1").toString("hex")}`;
    stderr.write(`${command.name}: ${error.message.replace(/\p{Cc}/gu, hex)}\n`);
    await exit(error.exitCode);
  }
}

/** Ends the program once stderr has taken what was written; if it is stuck, after half a second. */
export async function exit(exitCode: number): Promise<never> {
  await stderr.close();
  process.exit(exitCode);
}

/** The port that an operand is; throws a `UserError` unless it is one. */
export function parsePort(value: string): number {
  if (/^\d{1,5}$/.test(value) && Number(value) < 1 << 16) return Number(value);
  throw usageError(`<port> is a whole number from 0 to 65535, not ${quote(value)}`);
}

/** An option that does not exist, such as `--nmae` or `--port`, and what may have been meant. */
function unknownOption(word: string, command: Command, table: Table): UserError {
  const [shown = ""] = word.split("=");
  const unknown = `unknown option ${quote(shown)}`;
  const name = shown.replace(/^--?/, "");
  if (command.operands.includes(name)) return usageError(`${unknown}; <${name}> stands alone`);
  const letters = (text: string) => [...text.replaceAll("-", "")].sort().join("");
  const near = Object.keys(table).filter(
    (other) => other.split("-").includes(name) || letters(other) === letters(name),
  );
  if (near.length === 0) return usageError(unknown);
  return usageError(`${unknown}; did you mean ${near.map((other) => `--${other}`).join(" or ")}?`);
}

function parseValue({ takes, expects, parse }: Option<unknown>, before: unknown, given: Given) {
  const { rawName: name, value, inlineValue } = given;
  if (takes === undefined && value !== undefined) throw usageError(`${name} takes no value`);
  // After a space, what looks like an option is one: a value is missing.
  const isValue = value !== undefined && (inlineValue || !/^-./s.test(value));
  const parsed = takes === undefined || isValue ? parse(value ?? "", before) : undefined;
  if (parsed !== undefined) return parsed;
  throw usageError(`${name} takes ${expects}${value === undefined ? "" : `, not ${quote(value)}`}`);
}

/** What `--help` prints. */
function formatHelp(command: Command, table: Table): string {
  const { name, summary, operands, instead, headings = [], examples } = command;
  const left = (option: string) => {
    const takes = table[option]?.takes;
    return `--${option}${takes ? ` <${takes}>` : option === "help" ? ", -h" : ""}`;
  };
  const sections = new Map(headings.map((heading) => [heading, [] as [string, string][]]));
  for (const [option, { heading = "Options", help }] of Object.entries(table))
    sections.getOrInsert(heading, []).push([left(option), help]);
  const options = [...sections].map(([heading, rows]) => `${heading}:\n${formatRows(rows)}`);
  const usages = [operands.map((operand) => `<${operand}>`).join(" ")];
  if (instead !== undefined) usages.push(left(instead));
  return [
    usages.map((usage) => `${name} [options] ${usage}`).join("\n"),
    Bun.wrapAnsi(summary, 80),
    options.join("\n"),
    `Examples:\n${formatRows(examples, 38)}`,
  ].join("\n\n");
}

/** Two columns of 80 in all; a left one that is too wide has a line of its own. */
function formatRows(rows: readonly (readonly [string, string])[], width = 25): string {
  const indent = " ".repeat(width);
  const lines = rows.map(([left, right]) => {
    const start = left.length > width - 3 ? `  ${left}\n${indent}` : `  ${left}`.padEnd(width);
    return start + Bun.wrapAnsi(right, 80 - width).replaceAll("\n", `\n${indent}`);
  });
  return lines.join("\n");
}

function mapValues<Value>(table: Table, map: (option: Option<unknown>) => Value) {
  return Object.fromEntries(Object.entries(table).map(([name, option]) => [name, map(option)]));
}
