/** Mistakes on a command line, in words that say what would be right. */

import type { Command } from "./command-line.ts";
import { listed, plain, quote } from "./quote.ts";
import { usageError, type UserError } from "./system-errors.ts";

/** What operands may look like. */
const SAMPLES: Readonly<Record<string, string>> = { host: "localhost", port: "8080" };
const SUGGESTIONS_MAX = 3;

/**
 * An option that does not exist.
 *
 * @param word what was given, such as `--nmae`, `-p` or `-name`
 */
export function unknownOption(command: Command, word: string): UserError {
  if (/^-\d+$/.test(word)) return usageError(`unexpected argument ${quote(word)}`);
  const given = word.replace(/^--?/, "").replace(/=.*$/s, "");
  const [operand] = similar(given, command.operands);
  const options = similar(given, [...Object.keys(command.options), "help", "version"]);
  const unknown = `unknown option ${plain(word.replace(/=.*$/s, ""))}`;
  if (operand !== undefined && !options.includes(given))
    return usageError(`${unknown}; the ${operand} stands alone: ${sampleOf(command)}`);
  const names = options.slice(0, SUGGESTIONS_MAX).map((name) => `--${name}`);
  return usageError(
    names.length > 0 ? `${unknown}; did you mean ${listed(names, "or")}?` : unknown,
  );
}

/** Fewer operands than there should be. */
export function missingOperand(command: Command, given: readonly string[]): UserError {
  const missing = command.operands.slice(given.length).map((name) => `<${name}>`);
  const are = missing.length > 1 ? "are" : "is";
  return usageError(`${listed(missing)} ${are} missing, as in ${sampleOf(command, given)}`);
}

/** More operands than there should be; none may be there beside the option that stands instead. */
export function surplusOperand(command: Command, surplus: string, isInstead: boolean): UserError {
  const operands = listed(command.operands.map((name) => `<${name}>`));
  const why = isInstead ? `: --${command.instead} stands instead of ${operands}` : "";
  return usageError(`unexpected argument ${quote(surplus)}${why}`);
}

/** A command as it may be given, with the operands that are there already. */
function sampleOf({ name, operands }: Command, given: readonly string[] = []): string {
  // Of `server|client`, the first.
  const sample = (operand: string) => SAMPLES[operand] ?? operand.replace(/\|.*/, "");
  const samples = operands.map((operand, i) => plain(given[i] ?? sample(operand)));
  return [name, ...samples].join(" ");
}

/**
 * The names that a word may stand for: those it is the beginning, the end or the initial of; else
 * those that take the fewest slips of the finger, one for three letters.
 */
export function similar(word: string, names: readonly string[]): string[] {
  const given = word.toLowerCase();
  if (given === "" || names.includes(given)) return names.filter((name) => name === given);
  const parts = names.filter((name) => name.startsWith(given) || name.endsWith(`-${given}`));
  if (parts.length > 0 || given.length === 1) return parts;
  const slips = names.map((name) => slipsBetween(given, name));
  const fewest = Math.min(Math.max(1, Math.floor(given.length / 3)), ...slips);
  return names.filter((_, i) => slips[i] === fewest);
}

/**
 * How many letters are wrong, missing, too much, or changed places with the next: the distance of
 * Damerau and Levenshtein, as optimal string alignment.
 */
function slipsBetween(one: string, other: string): number {
  // A word of a thousand letters is no slip of the finger.
  if (Math.abs(one.length - other.length) > other.length) return Infinity;
  let [before, last] = [[0], Array.from({ length: other.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= one.length; row++) {
    const next = [row];
    for (let column = 1; column <= other.length; column++) {
      const at = (line: number[], back: number) => line[column - back] ?? Infinity;
      const isSame = one[row - 1] === other[column - 1];
      const isSwapped = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      next[column] = Math.min(
        at(next, 1) + 1,
        at(last, 0) + 1,
        at(last, 1) + (isSame ? 0 : 1),
        isSwapped ? at(before, 2) + 1 : Infinity,
      );
    }
    [before, last] = [last, next];
  }
  return last[other.length] ?? Infinity;
}
