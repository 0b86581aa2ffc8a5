/** When lines arrive: beside each, or where a day or a long silence lies between two of them. */

const SILENCE_MS = 10 * 60_000;

/** The local time of day, as `14:05`. */
export function timeOfDay(time: Date): string {
  const two = (number: number) => String(number).padStart(2, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}`;
}

/**
 * What marks the passage of time between two lines: a new day, or a silence of more than ten
 * minutes, after which it is the time of the later line.
 *
 * @returns undefined when there is nothing to mark
 */
export function markBetween(earlier: Date, later: Date): string | undefined {
  if (earlier.toDateString() !== later.toDateString()) return `— ${dayOf(later)} —`;
  if (later.getTime() - earlier.getTime() > SILENCE_MS) return `— ${timeOfDay(later)} —`;
  return undefined;
}

function dayOf(time: Date): string {
  const part = (options: Intl.DateTimeFormatOptions) => time.toLocaleDateString("en-GB", options);
  return `${part({ weekday: "long" })}, ${part({ day: "numeric" })} ${part({ month: "long" })} ${time.getFullYear()}`;
}
