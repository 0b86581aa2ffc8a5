/** Sizes and times as a person writes them. */

/** Bytes from `8M`, with K, M and G as powers of 1024; undefined unless it is a size. */
export function parseSize(value: string): number | undefined {
  const [, digits, unit] = /^(\d{1,15})([KMG]?)$/i.exec(value) ?? [];
  if (digits === undefined || unit === undefined) return undefined;
  return Number(digits) * 1024 ** " KMG".indexOf(unit.toUpperCase() || " ");
}

/** Milliseconds from `10s`, a bare number being seconds; undefined unless it is a time. */
export function parseTimeMs(value: string): number | undefined {
  const [, digits, unit] = /^(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h)?$/.exec(value) ?? [];
  if (digits === undefined) return undefined;
  const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit ?? "s"] ?? 1000;
  return Number(digits) * unitMs;
}

/** A size as a person writes it: `64K`, `8M`, `1000`. */
export function formatSize(bytes: number): string {
  return inLargestUnit(bytes, { G: 1024 ** 3, M: 1024 ** 2, K: 1024 }, "");
}

/** A time as a person writes it: `5m`, `10s`, `1500ms`. */
export function formatTime(ms: number): string {
  return inLargestUnit(ms, { h: 3_600_000, m: 60_000, s: 1000 }, "ms");
}

function inLargestUnit(value: number, units: Record<string, number>, smallest: string): string {
  for (const [unit, of] of Object.entries(units))
    if (value >= of && value % of === 0) return `${value / of}${unit}`;
  return `${value}${smallest}`;
}
