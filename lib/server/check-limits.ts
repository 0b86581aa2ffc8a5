/** Whether the numbers that a server is opened with can be; what concerns an extra, that looks at itself. */

import { UserError } from "../program/system-errors.ts";
import { DEFAULTS } from "../room/room.ts";

/** From which value to which, and whether it has to be whole. */
const RANGES: Readonly<Record<string, readonly [min: number, max: number, isWhole: boolean]>> = {
  logBytes: [1, 2 ** 31, true],
  lineBytesMax: [1, 2 ** 31, true],
  patienceMs: [0, 24 * 3_600_000, false],
  lingerMs: [0, 24 * 3_600_000, false],
  arrivalMs: [1, 24 * 3_600_000, false],
  clientsMax: [1, Number.POSITIVE_INFINITY, false],
  lingerersMax: [1, Number.POSITIVE_INFINITY, false],
  port: [0, 65_535, true],
  unixMode: [0, 0o777, true],
};

/**
 * @param addedBytesMax by how much extras make a line longer
 * @throws {UserError} that names what is out of its range
 */
export function checkLimits(options: object, addedBytesMax = 0): void {
  for (const [name, value] of Object.entries(options)) {
    const [min, max, isWhole] = RANGES[name] ?? [-Infinity, Infinity, false];
    if (value === undefined || !(name in RANGES)) continue;
    if (typeof value === "number" && value >= min && value <= max)
      if (!isWhole || Number.isInteger(value)) continue;
    const number = isWhole ? "a whole number" : "a number";
    throw new UserError(`${name} is ${number} from ${min} to ${max}, not ${value}`);
  }
  const { lineBytesMax, logBytes } = { ...DEFAULTS, ...options };
  if (lineBytesMax + addedBytesMax > logBytes)
    throw new UserError(
      `a line of lineBytesMax ${lineBytesMax}, with ${addedBytesMax} bytes before it, does not fit into logBytes ${logBytes}`,
    );
}
