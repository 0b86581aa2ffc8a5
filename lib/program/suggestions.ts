/** What is wrong with a command line, in messages that say what would be right. */

import { listed, plain, quote } from "./quote.ts";
import { usageError, type UserError } from "./system-errors.ts";

/** What a message has to know of a program. */
interface Command {
  readonly name: string;
  readonly operands: readonly string[];
  /** The name of an option that stands instead of all operands. */
  readonly instead?: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** What operands may look like. */
const SAMPLES: Readonly<Record<string, string>> = { host: "localhost", port: "8080" };
const SUGGESTIONS_MAX = 3;
/** No option is longer. */
const WORD_LENGTH_MAX = 40;

/**
 * An option that does not exist.
 *
 * @param word what was given, such as `--nmae`, `-p` or `-name`
 */
export function unknownOption(command: Command, word: string): UserError {
  if (/^-\d+$/.test(word)) return usageError(`unexpected argument ${quote(word)}`);
  const [shown = ""] = word.split("=");
  const given = shown.replace(/^--?/, "");
  const [operand] = similar(given, command.operands);
  const options = similar(given, [...Object.keys(command.options), "help", "version"]);
  const names = options.slice(0, SUGGESTIONS_MAX).map((name) => `--${name}`);
  let hint = names.length > 0 ? `; did you mean ${listed(names, "or")}?` : "";
  if (operand !== undefined && !options.includes(given))
    hint = `; the ${operand} stands alone: ${sampleOf(command)}`;
  return usageError(`unknown option ${plain(shown)}${hint}`);
}

/** Fewer operands than there should be. */
export function missingOperand(command: Command, given: readonly string[]): UserError {
  const missing = command.operands.slice(given.length).map((name) => `<${name}>`);
  const are = missing.length > 1 ? "are" : "is";
  return usageError(`${listed(missing)} ${are} missing, as in ${sampleOf(command, given)}`);
}

/** More operands than there should be; with the option that stands instead of them, any is. */
export function surplusOperand(command: Command, surplus: string, isInstead: boolean): UserError {
  const operands = listed(command.operands.map((name) => `<${name}>`));
  const why = isInstead ? `: --${command.instead} stands instead of ${operands}` : "";
  return usageError(`unexpected argument ${quote(surplus)}${why}`);
}

/** A command as it may be given, with the operands that are there already. */
function sampleOf({ name, operands }: Command, given: readonly string[] = []): string {
  // Of `server|client`, the first.
  const sample = (operand: string) => SAMPLES[operand] ?? operand.replace(/\|.*/, "");
  return [name, ...operands.map((operand, i) => plain(given[i] ?? sample(operand)))].join(" ");
}

/** The names that begin or end with a word, or else those that are one slip of the finger away. */
export function similar(word: string, names: readonly string[]): string[] {
  const given = word.toLowerCase();
  if (names.includes(given)) return [given];
  if (given === "" || given.length > WORD_LENGTH_MAX) return [];
  const parts = names.filter((name) => name.startsWith(given) || name.endsWith(`-${given}`));
  if (parts.length > 0 || given.length === 1) return parts;
  const near = new Set(withoutOneLetter(given));
  return names.filter((name) => withoutOneLetter(name).some((word) => near.has(word)));
}

/** The word, and again without each of its letters: two that share one differ by one letter. */
function withoutOneLetter(word: string): string[] {
  return [word, ...Array.from(word, (_, at) => word.slice(0, at) + word.slice(at + 1))];
}
