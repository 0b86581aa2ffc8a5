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
import { quote, usageError, UserError } from "../program/system-errors.ts";
import { formatSize } from "../program/units.ts";
import { DEFAULTS } from "../room/room.ts";
import { ENTRIES, type Given } from "./extras.ts";
import type { ListenOptions } from "./listen.ts";

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
      ["linechat-server --tls-cert cert.pem --tls-key key.pem 8443", "over TLS"],
    ],
  };
}

/** What it means to `listen`; a `UserError` names what does not go together, or cannot be read. */
export async function settingsOf(
  given: ServerOptions,
  port = "",
): Promise<ListenOptions & { clientsMax: number }> {
  checkTogether(given);
  const settings = Object.assign({}, ...ENTRIES.map((entry) => entry.settings?.(given)));
  const { clientsMax, lingerersMax } = await limitFor(given);
  return {
    ...settings,
    ...(given.unix
      ? { unix: given.unix, unixMode: given["unix-mode"] }
      : { host: given.host, port: parsePort(port, 0), reusePort: given["reuse-port"] }),
    clientsMax: given["max-clients"] ?? clientsMax,
    lingerersMax,
    lineBytesMax: given["max-line"],
    logBytes: given.buffer,
    patienceMs: given.patience,
    ...(await secretsOf(given)),
  };
}

/**
 * What comes from files.
 *
 * @param isAgain whether it was read before, and the room is not to wait for it
 * @throws {UserError} that names the file and what is wrong with it
 */
export async function secretsOf(given: ServerOptions, isAgain = false): Promise<object> {
  const read = ENTRIES.map(({ files }) => files?.read(given, isAgain));
  return Object.assign({}, ...(await Promise.all(read)));
}

/** How the log names what `secretsOf` reads; undefined when that is nothing. */
export function secretsNamed(given: ServerOptions): string | undefined {
  const isGiven = ({ options = {} }: { options?: Table }) =>
    Object.keys(options).some((name) => isUsed(given, name));
  const named = ENTRIES.filter((entry) => entry.files && isGiven(entry));
  return named.map(({ files }) => files?.called).join(" and ") || undefined;
}

/** What an operator may not have meant. */
export function doubtsAbout(given: ServerOptions): string[] {
  const { host = "" } = given;
  const isOpen = !given.unix && host !== "localhost" && !/^(::1$|127\.)/.test(host);
  return ENTRIES.flatMap(({ doubt }) => doubt?.(given, isOpen) ?? []);
}

/** @throws {UserError} that names the options which cannot be used together */
function checkTogether(given: ServerOptions): void {
  const { unix, buffer, "max-line": line } = given;
  for (const excluded of [...CORE_EXCLUDES, ...ENTRIES.flatMap(({ excludes = [] }) => excludes)])
    if (excluded.every((name) => isUsed(given, name)))
      throw usageError(`${listed(excluded)} cannot be used together`);
  if (given["unix-mode"] !== undefined && !unix) throw usageError("--unix-mode needs --unix");
  for (const { needs = {} } of ENTRIES)
    for (const [name, other] of Object.entries(needs))
      if (isUsed(given, name) && !isUsed(given, other))
        throw usageError(`--${name} needs --${other}`);
  const added = ENTRIES.reduce((sum, entry) => sum + (entry.addedBytesMax?.(given) ?? 0), 0);
  if (line + added > buffer)
    throw usageError(
      `--max-line ${formatSize(line)} does not fit into --buffer ${formatSize(buffer)}${added > 0 ? ", with a name before it" : ""}`,
    );
}

const CORE_EXCLUDES = [
  ["host", "unix"],
  ["reuse-port", "unix"],
];

/** Whether an option was given. */
function isUsed(given: Given, name: string): boolean {
  return given[name] !== undefined && given[name] !== false && [given[name]].flat().length > 0;
}

function listed(names: readonly string[]): string {
  return names
    .map((name) => `--${name}`)
    .join(", ")
    .replace(/, ([^,]*)$/, " and $1");
}

/**
 * How many connections there may be, without the files that extras need.
 *
 * @throws {UserError} if none are left, or fewer than are asked for
 */
async function limitFor(given: ServerOptions) {
  const { clientsMax: free, lingerersMax, filesMax, filesOpen } = fileLimit();
  const taken = await Promise.all(ENTRIES.map((entry) => entry.filesMax?.(given) ?? 0));
  const clientsMax = taken.reduce((left, files) => left - files, free);
  if (clientsMax < 1)
    throw new UserError(
      `no files left for clients: ulimit -n is ${filesMax}, and ${filesOpen} are open at the start`,
    );
  const { "max-clients": wanted = 1 } = given;
  if (wanted > clientsMax)
    throw usageError(
      `--max-clients ${wanted} is more than the file limit allows: ${clientsMax}, as ulimit -n is ${filesMax}`,
    );
  return { clientsMax, lingerersMax };
}

/** A port; where there is an address as well, the answer says where that goes. */
function readOperands(given: readonly string[]): readonly string[] {
  const [first = "", second] = given;
  const { host, port = second } = splitAddress(first);
  if (port === undefined || !/^\d+$/.test(port) || /^\d+$/.test(first)) return given;
  const where = host === "" ? "" : `--host ${host} `;
  throw usageError(`${quote(first)} is no port: linechat-server ${where}${port}`);
}
