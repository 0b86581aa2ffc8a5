/** What options take, to put into the table of a command line: sizes, times, numbers and so on. */

import { kind } from "./command-line.ts";
import { splitAddress } from "./network.ts";
import type { Port } from "./resources.ts";
import { DAY_MS, formatSize, formatTime, parseSize, parseTimeMs } from "./units.ts";

/** History that is given as a number of lines has at most so many bytes. */
const HISTORY_BYTES = 8 << 20;
const HISTORY_BYTES_MAX = 1 << 30;

/** A number of bytes. */
export const size = kind(
  "size",
  "a size like 64K or 8M, from 1 to 2G",
  (text) => inRange(parseSize(text), 1, 2 ** 31),
  formatSize,
);

/** A time in ms. */
export const time = kind(
  "time",
  "a time like 500ms, 10s or 5m, of at most 24h",
  (text) => inRange(parseTimeMs(text), 0, DAY_MS),
  formatTime,
);

export const count = kind("n", "a whole number from 1 on", (text) =>
  /^\d{1,15}$/.test(text) ? inRange(Number(text), 1, Infinity) : undefined,
);

/** The permissions of a file: `660`, or `0660` as C writes it. */
export const fileMode = kind("octal", "the permissions of a file, like 600", (text) =>
  /^0?[0-7]{3}$/.test(text) ? Number.parseInt(text, 8) : undefined,
);

/** A port of 127.0.0.1, or of a host that is named with it. */
export const place = kind<Port>(
  "[host:]port",
  "a port like 8081, or a host and a port like 0.0.0.0:8081 or [::]:8081",
  (text) => {
    const { host, port = "" } = splitAddress(/^\d+$/.test(text) ? `127.0.0.1:${text}` : text);
    const isPort = /^\d{1,5}$/.test(port) && Number(port) < 1 << 16;
    return isPort && /^[^\s[\]]+$/.test(host) ? { host, port: Number(port) } : undefined;
  },
);

export const redisUrl = kind(
  "url",
  "an address like redis://10.0.0.5 or rediss://user@host:6380/1",
  (text) => (/^rediss?:\/\/[^/?#]+\/?\d*$/.test(text) && URL.parse(text)) || undefined,
);

/** A name that does not end the braces around it in the names of keys. */
export const roomName = kind(
  "name",
  "a name of letters, digits, dots, - and _, of at most 64 characters",
  (text) => (/^[\w.-]{1,64}$/.test(text) ? text : undefined),
);

/** How many of the last lines: a bare number counts them, a size is that of all together. */
export const lines = kind<{ bytes: number; lines?: number }>(
  "n|size",
  "a number of lines like 100, or a size like 8M, of at most 1G",
  (text) => {
    const value = parseSize(text) ?? 0;
    if (value === 0) return undefined;
    if (/\d$/.test(text)) return { lines: value, bytes: HISTORY_BYTES };
    return value <= HISTORY_BYTES_MAX ? { bytes: value } : undefined;
  },
);

/** Texts of one pattern, as often as the option is given. */
export function list(takes: string, expects: string, pattern: RegExp) {
  return kind<readonly string[]>(takes, expects, (text, before = []) =>
    pattern.test(text) ? [...before, text] : undefined,
  );
}

function inRange(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}
