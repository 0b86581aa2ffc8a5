/** Values that only options of the server have. */

import type { Option } from "../program/command-line.ts";
import { formatSize, parseSize } from "../program/units.ts";
import type { RoomOptions } from "../room/options.ts";
import { parseRedisUrl } from "./redis.ts";

/** History that is given as a number of lines has at most so many bytes. */
const HISTORY_BYTES = 8 << 20;
const HISTORY_BYTES_MAX = 1 << 30;

/** The address of a Redis. */
export function redisUrl(help: string): Option<URL | undefined> {
  const expects = "an address like redis://10.0.0.5 or rediss://user@host:6380/1";
  return { takes: "url", expects, help, default: undefined, parse: parseRedisUrl };
}

/** A name that does not end the braces around it in the names of keys. */
export function roomName(help: string): Option<string | undefined> {
  const expects = "a name of letters, digits, dots, - and _, of at most 64 characters";
  const parse = (value: string) => (/^[\w.-]{1,64}$/.test(value) ? value : undefined);
  return { takes: "name", expects, help, default: undefined, parse };
}

/** How many of the last lines: a bare number counts them, a size is that of all together. */
export function history(help: string): Option<RoomOptions["history"]> {
  return {
    takes: "n|size",
    expects: `a number of lines like 100, or a size like 8M, of at most ${formatSize(HISTORY_BYTES_MAX)}`,
    help,
    default: undefined,
    parse(text) {
      const value = parseSize(text) ?? 0;
      if (value === 0) return undefined;
      if (/\d$/.test(text)) return { lines: value, bytes: HISTORY_BYTES };
      return value <= HISTORY_BYTES_MAX ? { bytes: value } : undefined;
    },
  };
}
