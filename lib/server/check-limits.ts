/** Whether the numbers that a server is opened with can be; what concerns an extra, that looks at itself. */

import { UserError } from "../program/system-errors.ts";
import { DEFAULTS } from "../room/room.ts";

const DAY_MS = 24 * 3_600_000;
const RANGES: readonly (readonly [name: string, min: number, max: number])[] = [
  ["logBytes", 1, 2 ** 31],
  ["lineBytesMax", 1, 2 ** 31],
  ["patienceMs", 0, DAY_MS],
  ["lingerMs", 0, DAY_MS],
  ["arrivalMs", 1, DAY_MS],
  ["clientsMax", 1, Infinity],
  ["lingerersMax", 1, Infinity],
  ["port", 0, 65_535],
  ["unixMode", 0, 0o777],
];

/**
 * @param addedBytesMax by how much extras make a line longer
 * @throws {UserError} that names what is out of its range
 */
export function checkLimits(options: object, addedBytesMax = 0): void {
  const given: Readonly<Record<string, unknown>> = { ...options };
  for (const [name, min, max] of RANGES) {
    const value = given[name] ?? min;
    const isWhole = Number.isInteger(value) || value === Infinity || name.endsWith("Ms");
    if (typeof value === "number" && isWhole && value >= min && value <= max) continue;
    throw new UserError(`${name} is a whole number from ${min} to ${max}, not ${value}`);
  }
  const { lineBytesMax, logBytes } = { ...DEFAULTS, ...options };
  if (lineBytesMax + addedBytesMax > logBytes)
    throw new UserError(
      `a line of lineBytesMax ${lineBytesMax}, with ${addedBytesMax} bytes before it, does not fit into logBytes ${logBytes}`,
    );
}
