/** The command line: one table of options serves parsing, checking and `--help`. */

import { parseArgs } from "node:util";

import manifest from "../../package.json" with { type: "json" };
import type { ShownCommand, ShownOption } from "./help.ts";
import { stderr, writeOut } from "./process.ts";
import { listed, quote, usageError, UserError } from "./system-errors.ts";

const { engines, version } = manifest;
/** The oldest Bun that will do, of which `bun` itself takes no notice. */
const OLDEST_BUN = engines.bun.replace(">=", "");

/** One long option. A flag takes no value. */
export interface Option<Value> extends ShownOption {
  /** What the value has to be, as in "--buffer takes a size like 64K or 8M". */
  expects?: string;
  default: Value;
  /** Reads a value, told the one it had before; undefined when the text does not fit. */
  parse(text: string, before: Value): Value | undefined;
}

/** An option as it was given. */
type Given = { rawName: string; value?: string | undefined; inlineValue?: boolean | undefined };

/** Options by their names. */
export type Table = Readonly<Record<string, Option<unknown>>>;

/** A program. */
export interface Command<Options extends Table = Table> extends ShownCommand {
  /** Turns what was given into operands, such as `localhost:8080` into two; throws a `UserError`. */
  readOperands?(given: readonly string[]): readonly string[];
  options: Options;
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

/** What every program has. */
const OWN = under("Help", { help: flag("show this"), version: flag("show the version") });

/**
 * Reads a command line.
 *
 * @param argv the arguments, without the program
 * @returns the options and operands; or which of `--help` and `--version` was given
 * @throws {UserError} that names the mistake
 */
export function parseCommandLine<Options extends Table>(
  command: Command<Options>,
  argv: readonly string[],
): { print: "help" | "version" } | { options: Values<Options>; operands: string[] } {
  const table: Table = { ...command.options, ...OWN };
  const kinds = mapValues(table, ({ takes }) => ({ type: takes ? "string" : "boolean" }) as const);
  const { tokens } = parseArgs({
    args: [...argv],
    options: { ...kinds, help: { type: "boolean", short: "h" } },
    strict: false,
    tokens: true,
  });

  const options = mapValues(table, (option) => option.default);
  const given: string[] = [];
  /** What may be an operand, and is the value of an option. */
  let taken = "";
  for (const token of tokens) {
    const word = argv[token.index] ?? "";
    if (token.kind === "positional") given.push(token.value);
    if (token.kind !== "option") continue;
    const { name, value = "" } = token;
    if (/^-\d/.test(word)) {
      // A number below 0 is no option, but no operand that would do either.
      given.push(word);
      break;
    }
    if (/^\d+$/.test(value)) taken = `; ${quote(value)} is the value of ${token.rawName}`;
    const option = Object.hasOwn(table, name) ? table[name] : undefined;
    if (option === undefined) throw unknownOption(word, command, table);
    options[name] = parseValue(option, options[name], token);
    for (const print of ["help", "version"] as const) if (options[print]) return { print };
  }

  const isInstead = command.instead !== undefined && options[command.instead] !== undefined;
  const expected = isInstead ? [] : command.operands.map((operand) => `<${operand}>`);
  const operands = isInstead ? given : (command.readOperands?.(given) ?? given);
  const missing = expected.slice(operands.length);
  const found = expected.flatMap((operand, at) => {
    const value = operands[at];
    return value === undefined ? [] : [`${operand} ${quote(value)}`];
  });
  const place = found.length > 0 ? ` after ${listed(found)}` : "";
  if (missing.length > 0)
    throw usageError(
      `${listed(missing)} missing${place}, as in ${command.examples[0]?.[0]}${taken}`,
    );
  const surplus = operands[expected.length];
  if (surplus !== undefined) throw usageError(`unexpected argument ${quote(surplus)}${place}`);
  return { options: options as Values<Options>, operands: [...operands] }; // each value came from its own option
}

/** What the program is called instead of its name, if it is a part of another. */
let calledAs: string | undefined;

/** Has the program that runs next call itself so, as `linechat server` does. */
export function callProgram(name: string): void {
  calledAs = name;
}

/**
 * Runs a program: reads its command line, prints what `--help` and `--version` ask for, and turns a
 * `UserError` into its one line and its exit code.
 */
export async function runCommand<Options extends Table>(
  { name, examples, ...others }: Command<Options>,
  main: (options: Values<Options>, operands: string[]) => void | Promise<void>,
): Promise<void> {
  const called = calledAs ?? name;
  const shown = examples.map(([line, does]) => [line.replace(name, called), does] as const);
  const command = { ...others, name: called, examples: shown };
  try {
    if (Bun.semver.order(Bun.version, OLDEST_BUN) < 0)
      throw new UserError(
        `Bun ${OLDEST_BUN} or later is needed, this is ${Bun.version}: https://bun.com`,
      );
    const parsed = parseCommandLine(command, process.argv.slice(2));
    if ("options" in parsed) return await main(parsed.options, parsed.operands);
    let text = `${called} ${version}`;
    if (parsed.print === "help")
      text = (await import("./help.ts")).formatHelp(command, { ...command.options, ...OWN });
    await writeOut(Buffer.from(`${text}\n`));
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
  const near = Object.keys(table).filter(
    (other) => other.split("-").includes(name) || isTypedLike(name, other),
  );
  if (near.length === 0) return usageError(unknown);
  return usageError(`${unknown}; did you mean ${near.map((other) => `--${other}`).join(" or ")}?`);
}

/** Whether two names have the same letters in any order, or one has one letter more. */
function isTypedLike(one: string, other: string): boolean {
  const letters = (text: string) => [...text.replaceAll("-", "")].sort();
  const pair = [letters(one), letters(other)].sort((left, right) => left.length - right.length);
  const [fewer, more = ""] = pair.map((sorted) => sorted.join(""));
  return (
    fewer === more || [...more].some((_, at) => more.slice(0, at) + more.slice(at + 1) === fewer)
  );
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

function mapValues<Value>(table: Table, map: (option: Option<unknown>) => Value) {
  return Object.fromEntries(Object.entries(table).map(([name, option]) => [name, map(option)]));
}
