/** Sizes and times as a person writes them. */

/** The longest time there may be: a timer for much longer would be none. */
export const DAY_MS = 24 * 3_600_000;

const SIZES: Readonly<Record<string, number>> = { G: 1024 ** 3, M: 1024 ** 2, K: 1024, "": 1 };
const TIMES: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** Bytes from `8M`, with K, M and G as powers of 1024; undefined unless it is a size. */
export function parseSize(value: string): number | undefined {
  const [, digits, unit = ""] = /^(\d{1,15})([KMG]?)$/i.exec(value) ?? [];
  return digits === undefined ? undefined : Number(digits) * (SIZES[unit.toUpperCase()] ?? 1);
}

/** Milliseconds from `10s`, a bare number being seconds; undefined unless it is a time. */
export function parseTimeMs(value: string): number | undefined {
  const [, digits, unit = "s"] = /^(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h)?$/.exec(value) ?? [];
  return digits === undefined ? undefined : Number(digits) * (TIMES[unit] ?? 1);
}

/** A size as a person writes it: `64K`, `8M`, `1000`. */
export function formatSize(bytes: number): string {
  return inLargestUnit(bytes, SIZES);
}

/** A time as a person writes it: `5m`, `10s`, `1500ms`. */
export function formatTime(ms: number): string {
  return inLargestUnit(ms, TIMES);
}

function inLargestUnit(value: number, units: Readonly<Record<string, number>>): string {
  const fits = ([, of]: [string, number]) => of === 1 || (value >= of && value % of === 0);
  const [unit = "", of = 1] = Object.entries(units).find(fits) ?? [];
  return `${value / of}${unit}`;
}
