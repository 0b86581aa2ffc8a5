/** The command line of the server: its options, what they mean, and what does not go together. */

import { splitAddress } from "../program/address.ts";
import {
  type Command,
  flag,
  parsePort,
  type Table,
  text,
  type Values,
} from "../program/command-line.ts";
import { fileLimit } from "../program/file-limit.ts";
import { count, fileMode, size, time } from "../program/option-values.ts";
import { listed, quote, usageError, UserError } from "../program/system-errors.ts";
import { formatSize } from "../program/units.ts";
import { DEFAULTS } from "../room/room.ts";
import type { ListenOptions } from "./api.ts";
import type { Given } from "./entry.ts";
import { ENTRIES } from "./extras.ts";

const CORE = {
  host: {
    ...text("address", "listen on this address (default: all, IPv6 and IPv4)", undefined),
    parse(value: string) {
      const { host, port } = splitAddress(value);
      return port === undefined && host !== "" ? host : undefined;
    },
  },
  "reuse-port": flag(
    "share the port with other servers that do the same, each getting some clients",
  ),
  unix: text("path", "listen on this Unix socket instead of a port", undefined),
  "unix-mode": fileMode("permissions of that socket (default 600)", undefined),
  "max-clients": count(
    "clients accepted at a time (default: as many as the file limit allows)",
    undefined,
  ),
  "max-line": size("longest line accepted (default 64K)", DEFAULTS.lineBytesMax),
  buffer: size(
    "size of the shared log: how far the slowest reader may lag before senders are paused (default 8M)",
    DEFAULTS.logBytes,
  ),
  patience: time(
    "disconnect a reader that holds up the room and takes less than 64K in this time (default 10s)",
    DEFAULTS.patienceMs,
  ),
  quiet: flag("log only warnings and errors"),
};
const CORE_EXCLUDES = [
  ["host", "unix"],
  ["reuse-port", "unix"],
  ["unix-mode", "!unix"],
];

/** What a command line asks for; the options of extras too, each of which knows its own. */
export type ServerOptions = Values<typeof CORE> & Given;

/** `linechat-server`. */
export function serverCommand(version: string): Command<typeof CORE & Table> {
  return {
    name: "linechat-server",
    version,
    summary: "Opens a chat room: each line that one client sends is relayed to every other client.",
    operands: ["port"],
    instead: "unix",
    readOperands,
    options: Object.assign({}, CORE, ...ENTRIES.map(({ options }) => options)),
    examples: [
      ["linechat-server 8080", "a room on port 8080"],
      ["linechat-server --unix room", "on the path room, for its owner only"],
    ],
  };
}

/** What it means to `listen`; a `UserError` names what does not go together, or cannot be read. */
export async function settingsOf(
  given: ServerOptions,
  port = "",
): Promise<ListenOptions & { clientsMax: number }> {
  await checkTogether(given);
  const settings = ENTRIES.map(({ settings, options = {} }) => {
    const own = Object.keys(options).map((name) => [name, given[name]] as const);
    return settings?.(given) ?? Object.fromEntries(own);
  });
  return {
    ...Object.assign({}, ...settings),
    ...(given.unix
      ? { unix: given.unix, unixMode: given["unix-mode"] }
      : { host: given.host, port: parsePort(port, 0), reusePort: given["reuse-port"] }),
    ...(await limitFor(given)),
    lineBytesMax: given["max-line"],
    logBytes: given.buffer,
    patienceMs: given.patience,
    ...(await secretsOf(given)),
  };
}

/**
 * What comes from files, empty without any.
 *
 * @param isAgain whether they were read before
 * @throws {UserError} that names the file and what is wrong with it
 */
export async function secretsOf(given: ServerOptions, isAgain = false): Promise<object> {
  const secrets = await Promise.all(ENTRIES.map((entry) => entry.secrets?.(given, isAgain)));
  return Object.assign({}, ...secrets);
}

/** What an operator may not have meant. */
export function doubtsAbout(given: ServerOptions): string[] {
  const { host = "" } = given;
  const isOpen = !given.unix && host !== "localhost" && !/^(::1$|127\.)/.test(host);
  return ENTRIES.flatMap(({ doubt }) => doubt?.(given, isOpen) ?? []);
}

/** @throws {UserError} that names the options which do not go together, or need another one */
async function checkTogether(given: ServerOptions): Promise<void> {
  for (const excluded of [...CORE_EXCLUDES, ...ENTRIES.flatMap(({ excludes = [] }) => excludes)]) {
    if (!excluded.every((name) => isUsed(given, name))) continue;
    const [missing = ""] = excluded.filter((name) => name.startsWith("!"));
    const used = excluded.filter((name) => name !== missing).map((name) => `--${name}`);
    if (used.length > 1) throw usageError(`${listed(used)} cannot be used together`);
    throw usageError(`${listed(used)} needs --${missing.slice(1)}`);
  }
  const { buffer, "max-line": line } = given;
  const added = await sumOf((entry) => entry.addedBytesMax?.(given));
  if (line + added > buffer)
    throw usageError(
      `--max-line ${formatSize(line)} does not fit into --buffer ${formatSize(buffer)}${added > 0 ? ", with a name before it" : ""}`,
    );
}

/** Whether an option was given; or not, if its name begins with `!`. */
function isUsed(given: Given, name: string): boolean {
  if (name.startsWith("!")) return !isUsed(given, name.slice(1));
  return given[name] !== undefined && given[name] !== false && [given[name]].flat().length > 0;
}

/** How many connections there may be; a `UserError` if the file limit allows fewer. */
async function limitFor(given: ServerOptions) {
  const { lingerersMax, filesMax, filesOpen, clientsMax: free } = fileLimit();
  const clientsMax = free - (await sumOf((entry) => entry.filesMax?.(given)));
  const wanted = given["max-clients"] ?? Math.max(1, clientsMax);
  if (wanted > clientsMax)
    throw new UserError(
      `no files for ${wanted} clients: ulimit -n is ${filesMax}, ${filesOpen} are open, and ${Math.max(0, clientsMax)} clients fit`,
    );
  return { clientsMax: wanted, lingerersMax };
}

/** What all entries need together. */
async function sumOf(need: (entry: (typeof ENTRIES)[number]) => Promise<number> | undefined) {
  const needs = await Promise.all(ENTRIES.map((entry) => need(entry) ?? 0));
  return needs.reduce((sum, each) => sum + each, 0);
}

/** A port; where there is an address as well, the answer says where that goes. */
function readOperands(given: readonly string[]): readonly string[] {
  const [first = "", second] = given;
  const { host, port = second } = splitAddress(first);
  if (port === undefined || !/^\d+$/.test(port) || /^\d+$/.test(first)) return given;
  const where = host === "" ? "" : `--host ${host} `;
  throw usageError(`${quote(first)} is no port: linechat-server ${where}${port}`);
}
