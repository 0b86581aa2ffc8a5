/** Kinds of options that only the server has; undefined if they are not given. */

import { splitAddress } from "../program/address.ts";
import type { Option } from "../program/command-line.ts";
import type { Port } from "../program/port.ts";
import { parseSize } from "../program/units.ts";

/** History that is given as a number of lines has at most so many bytes. */
const HISTORY_BYTES = 8 << 20;
const HISTORY_BYTES_MAX = 1 << 30;

/** A name that does not end the braces around it in the names of keys. */
export const roomName = kind(
  "name",
  "a name of letters, digits, dots, - and _, of at most 64 characters",
  (text) => (/^[\w.-]{1,64}$/.test(text) ? text : undefined),
);

export const redisUrl = kind(
  "url",
  "an address like redis://10.0.0.5 or rediss://user@host:6380/1",
  (text) => (/^rediss?:\/\/[^/?#]+\/?\d*$/.test(text) && URL.parse(text)) || undefined,
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

function kind<Value>(
  takes: string,
  expects: string,
  parse: (text: string) => Value | undefined,
): (help: string) => Option<Value | undefined> {
  return (help) => ({ takes, expects, help, default: undefined, parse });
}
