/** The command line: one table of options serves parsing, checking and `--help`. */

import { parseArgs } from "node:util";

import manifest from "../../package.json" with { type: "json" };
import type { Command, Option, Table } from "./help.ts";
import { stderr, writeOut } from "./process.ts";
import { listed, quote, usageError, UserError } from "./system-errors.ts";

export type { Command, Table };

const { engines, version } = manifest;

/** An option as it was given. */
type Given = { rawName: string; value?: string | undefined; inlineValue?: boolean | undefined };

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

/** All options of a program, with those that every program has. */
function tableOf({ options }: Pick<Command, "options">): Table {
  const own = under("Help", { help: flag("show this"), version: flag("show the version") });
  return { ...options, ...own };
}

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
  const table = tableOf(command);
  const types = mapValues(table, ({ takes }) => ({ type: takes ? "string" : "boolean" }) as const);
  const all = { ...types, help: { type: "boolean", short: "h" } } as const;
  const { tokens } = parseArgs({ args: [...argv], options: all, strict: false, tokens: true });

  const options = mapValues(table, (option) => option.default);
  const given: string[] = [];
  /** What may be an operand, and is the value of an option. */
  let taken = "";
  for (const token of tokens) {
    const word = argv[token.index] ?? "";
    // A number below 0 is no option, but no operand that would do either.
    const isBelow0 = token.kind === "option" && /^-\d/.test(word);
    if (isBelow0 || token.kind === "positional") given.push(word);
    if (isBelow0) break;
    if (token.kind !== "option") continue;
    const { name, value = "" } = token;
    if (/^\d+$/.test(value)) taken = `; ${quote(value)} is the value of ${token.rawName}`;
    const option = Object.hasOwn(table, name) ? table[name] : undefined;
    if (option === undefined) throw unknownOption(word, command, table);
    options[name] = parseValue(option, options[name], token);
    for (const print of ["help", "version"] as const) if (options[print]) return { print };
  }

  const isInstead = command.instead !== undefined && options[command.instead] !== undefined;
  const expected = isInstead ? [] : command.operands.map((operand) => `<${operand}>`);
  const operands = isInstead ? given : (command.readOperands?.(given) ?? given);
  const named = operands.map((value, at) => `${expected[at]} ${quote(value)}`);
  const found = listed(named.slice(0, expected.length));
  const place = found && ` after ${found}`;
  const missing = listed(expected.slice(operands.length));
  if (missing)
    throw usageError(`${missing} missing${place}, as in ${command.examples[0]?.[0]}${taken}`);
  const surplus = operands[expected.length];
  if (surplus !== undefined) throw usageError(`unexpected argument ${quote(surplus)}${place}`);
  for (const excluded of command.excludes ?? []) checkTogether(excluded.split(" "), options);
  return { options: options as Values<Options>, operands: [...operands] }; // each value came from its own option
}

/** What the program that runs is called instead of its name: `linechat server`. */
export const called: { as?: string } = {};

/**
 * Runs a program: reads its command line, prints what `--help` and `--version` ask for, and turns a
 * `UserError` into its one line and its exit code.
 */
export async function runCommand<Options extends Table>(
  command: Command<Options>,
  main: (options: Values<Options>, operands: string[]) => void | Promise<void>,
): Promise<void> {
  const { name, examples, ...others } = command;
  const as = called.as ?? name;
  const shown = examples.map(([line, does]) => [line.replace(name, as), does] as const);
  const program = { ...others, name: as, examples: shown };
  try {
    const oldest = engines.bun.replace(">=", ""); // `bun` itself takes no notice of that.
    if (Bun.semver.order(Bun.version, oldest) < 0)
      throw new UserError(`Bun ${oldest} or later is needed, not ${Bun.version}: https://bun.com`);
    const parsed = parseCommandLine(program, process.argv.slice(2));
    if ("options" in parsed) return await main(parsed.options, parsed.operands);
    let text = `${as} ${version}`;
    if (parsed.print === "help")
      text = (await import("./help.ts")).formatHelp({ ...program, options: tableOf(command) });
    await writeOut(Buffer.from(`${text}\n`));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // Control characters of what a user gave are written out, so that it is one line.
    const hex = (control: string) => `\\x${Buffer.from(control, "latin1").toString("hex")}`;
    stderr.write(`${as}: ${error.message.replace(/\p{Cc}/gu, hex)}\n`);
    await exit(error.exitCode);
  }
}

/** Ends the program once stderr has taken what was written; if it is stuck, after half a second. */
export async function exit(exitCode: number): Promise<never> {
  await stderr.close();
  process.exit(exitCode);
}

/** Fails if all of these are given, and none with a `!`; an option that is alone with one needs it. */
function checkTogether(names: readonly string[], given: Readonly<Record<string, unknown>>): void {
  const isGiven = (name: string) => given[name] !== undefined && given[name] !== false;
  if (!names.every((name) => isGiven(name.replace("!", "")) !== name.startsWith("!"))) return;
  const used = listed(names.filter((name) => !name.startsWith("!")).map((name) => `--${name}`));
  const needed = names.find((name) => name.startsWith("!"));
  if (needed && names.length === 2) throw usageError(`${used} needs --${needed.slice(1)}`);
  throw usageError(`${used} cannot be used together`);
}

/** The port that an operand is; throws a `UserError` unless it is one. */
export function parsePort(value: string): number {
  if (/^\d{1,5}$/.test(value) && Number(value) < 1 << 16) return Number(value);
  throw usageError(`<port> is a whole number from 0 to 65535, not ${quote(value)}`);
}

/** An option that does not exist, such as `--nmae` or `--port`, and what may have been meant. */
function unknownOption(word: string, command: Command, table: Table): UserError {
  const [shown = ""] = word.split("=");
  const name = shown.replace(/^--?/, "");
  const isNear = (other: string) => other.split("-").includes(name) || isTypedLike(name, other);
  const near = Object.keys(table).filter(isNear).join(" or --");
  const meant = near && `; did you mean --${near}?`;
  const hint = command.operands.includes(name) ? `; <${name}> stands alone` : meant;
  return usageError(`unknown option ${quote(shown)}${hint}`);
}

/** Whether two names have the same letters in any order, or one has one letter more. */
function isTypedLike(one: string, other: string): boolean {
  const letters = [one, other].map((name) => [...name.replaceAll("-", "")].sort());
  const [fewer = [], more = []] = letters.sort((left, right) => left.length - right.length);
  const all = new RegExp(fewer.map((letter) => RegExp.escape(letter)).join(".*"), "s");
  return more.length - fewer.length <= 1 && all.test(more.join(""));
}

function parseValue(
  { takes, expects, parse }: Option<unknown>,
  before: unknown,
  { rawName: name, value, inlineValue }: Given,
) {
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
