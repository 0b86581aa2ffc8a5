/** What options take, to put into the table of a command line: sizes, times, numbers and so on. */

import type { Option } from "./command-line.ts";
import { DAY_MS, formatSize, parseSize, parseTimeMs } from "./units.ts";

/** A number of bytes. */
export function size(help: string, initial: number, min = 1, max = 2 ** 31): Option<number> {
  const expects = `a size like 64K or 8M, from ${formatSize(min)} to ${formatSize(max)}`;
  const parse = (value: string) => inRange(parseSize(value), min, max);
  return { takes: "size", expects, help, default: initial, parse };
}

/** A time in ms. */
export function time<None>(help: string, initialMs: None): Option<number | None> {
  const expects = "a time like 500ms, 10s or 5m, of at most 24h";
  const parse = (value: string) => inRange(parseTimeMs(value), 0, DAY_MS);
  return { takes: "time", expects, help, default: initialMs, parse };
}

/** A whole number. */
export function count<None>(help: string, initial: None, min = 1): Option<number | None> {
  const expects = `a whole number from ${min} on`;
  const parse = (value: string) =>
    /^\d{1,15}$/.test(value) ? inRange(Number(value), min, Infinity) : undefined;
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

/** The permissions of a file: `660`, or `0660` as C writes it. */
export function fileMode<None>(help: string, initial: None): Option<number | None> {
  const expects = "the permissions of a file, like 600";
  const parse = (value: string) =>
    /^0?[0-7]{3}$/.test(value) ? Number.parseInt(value, 8) : undefined;
  return { takes: "octal", expects, help, default: initial, parse };
}

function inRange(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}
