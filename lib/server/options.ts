/** The command line of the server: its options, what they mean, and what does not go together. */

import type { Command, Table, Values } from "../program/command-line.ts";
import { flag, parsePort, text, under } from "../program/command-line.ts";
import { count, fileMode, size, time } from "../program/option-values.ts";
import { fileLimit } from "../program/resources.ts";
import { usageError, UserError } from "../program/system-errors.ts";
import { DEFAULTS } from "../room/room.ts";
import type { ListenOptions } from "./api.ts";
import { ENTRIES } from "./extras.ts";

const CORE = {
  ...under("Where to listen", {
    host: text("address", "an address")("only on this address (default: all, IPv6 and IPv4)"),
    "reuse-port": flag("share the port with other servers of this user"),
    unix: text("path")("on a Unix socket instead of a port"),
    "unix-mode": fileMode("its permissions (default 600)"),
  }),
  ...under("How much", {
    "max-clients": count("clients at a time (default: as the file limit allows)"),
    "max-line": size("the longest line", DEFAULTS.lineBytesMax),
    buffer: size("how far readers may lag before senders wait", DEFAULTS.logBytes),
    patience: time("time for a lagging reader to take 64K", DEFAULTS.patienceMs),
  }),
  ...under("For operators", { quiet: flag("log only warnings and errors") }),
};
const CORE_EXCLUDES = ["host unix", "reuse-port unix", "unix-mode !unix"];

/** What a command line asks for; the options of extras too, each of which knows its own. */
export type ServerOptions = Values<typeof CORE> & Readonly<Record<string, unknown>>;

/** `linechat-server`. */
export const SERVER: Command<typeof CORE & Table> = {
  name: "linechat-server",
  summary: "Opens a chat room: each line that one client sends is relayed to every other client.",
  operands: ["port"],
  instead: "unix",
  headings: ["Where to listen", "Who may connect", "How much", "For people", "For browsers"],
  options: Object.assign({}, CORE, ...ENTRIES.map(({ options }) => options)),
  excludes: [...CORE_EXCLUDES, ...ENTRIES.flatMap(({ excludes = [] }) => excludes)],
  examples: [
    ["linechat-server 8080", "a room on port 8080"],
    ["linechat-server --unix room", "on the path room, for its owner only"],
  ],
};

/**
 * What it means to `listen`; reads the files that it names.
 *
 * @throws {UserError} that names the option or the file that will not do
 */
export async function settingsOf(given: ServerOptions, port = ""): Promise<ListenOptions> {
  checkPorts(given, port);
  const { host, "reuse-port": reusePort, unix, "unix-mode": unixMode, ...others } = given;
  const settings = await Promise.all(ENTRIES.map((entry) => entry.settings?.(given)));
  return {
    ...Object.assign({}, others, ...settings),
    ...(unix ? { unix, unixMode } : { host, port: parsePort(port), reusePort }),
    lineBytesMax: given["max-line"],
    logBytes: given.buffer,
    patienceMs: given.patience,
  };
}

/**
 * How many connections there may be, and a note of how the file limit comes to that.
 *
 * @throws {UserError} if the file limit allows fewer than are asked for, or none
 */
export async function limitsOf(given: ServerOptions) {
  const { lingerersMax, filesMax, filesOpen, clientsMax: free } = fileLimit();
  const spare = await Promise.all(ENTRIES.map((entry) => entry.spareFiles?.(given) ?? 0));
  const fitting = free - Math.max(...spare);
  const clientsMax = given["max-clients"] ?? Math.max(1, fitting);
  if (clientsMax > fitting)
    throw new UserError(
      `no files for ${clientsMax} clients: ulimit -n is ${filesMax}, ${filesOpen} are open, and ${Math.max(0, fitting)} clients fit`,
    );
  const files = `${filesOpen} files are open, ${filesMax - filesOpen - fitting} are kept back`;
  const note = `up to ${clientsMax} clients, the file limit being ${filesMax}: ${files}`;
  return { clientsMax, lingerersMax, note };
}

/** @throws {UserError} that names an option which takes the port of the room */
function checkPorts({ host: at, ...others }: ServerOptions, port: string): void {
  for (const [name, place] of Object.entries(others)) {
    if (typeof place !== "object" || place === null || !("host" in place && "port" in place))
      continue;
    if (place.port === Number(port) && place.port !== 0 && (!at || at === place.host))
      throw usageError(`--${name} needs a port of its own, not ${port}, which is that of the room`);
  }
}
