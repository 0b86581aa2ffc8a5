/** What telnet makes of bytes, by one look at all of them: slow, but plain to see. */

import type { Random } from "./random.ts";

/** What a client may send at any time: options, a timing mark, a subnegotiation, a break. */
const COMMANDS = [
  "\xff\xfb\x1f",
  "\xff\xfd\x06",
  "\xff\xfd\x03",
  "\xff\xfa\x1f\xff\xffP\xff\xf0",
  "\xff\xf3",
  "\xff\xff",
];

/** One of data, of a doubled FF, and of each kind of command; what is not whole yet comes last. */
const TOKEN =
  /[^\xff]|\xff\xff|\xff[\xfb-\xfe][^]|\xff\xfa(?:[^\xff]|\xff[^\xf0])*\xff\xf0|\xff[\0-\xf9]|\xff[^]*$/g;

/** What is sent in lines by bytes, given as latin1. */
export function readTelnet(bytes: string): string {
  const data = bytes.replace(TOKEN, (token) => (token[0] === "\xff" ? "" : token));
  return data.replace(/\r[\n\0]?/g, "\n");
}

/**
 * What a telnet client sends for bytes that are lines: FF is left out, line ends are of any kind, and
 * there are commands in between.
 */
export function writeTelnet(random: Random, lines: Uint8Array): Buffer {
  const text = Buffer.from(lines).toString("latin1").replaceAll("\r", "").replaceAll("\xff", "");
  const sent = text.replaceAll("\n", () => {
    const command = random.chance(100) ? random.pick(COMMANDS) : "";
    return random.pick(["\n", "\r", "\r\n", "\r\0", `\r${command}\n`]) + command;
  });
  return Buffer.from(sent, "latin1");
}
