/** Which options of the server do not go together, or not with the machine. */

import { usageError, UserError } from "../program/system-errors.ts";
import { formatSize } from "../program/units.ts";
import { PREFIX_BYTES_MAX } from "../room/names.ts";
import type { fileLimit } from "./file-limit.ts";
import type { ServerOptions } from "./options.ts";

/** Options that only a port has; and those that the page has as well. */
const OF_A_PORT = ["host", "reuse-port", "proxy-protocol"] as const;
const OF_A_PORT_OR_PAGE = ["allow", "deny", "max-clients-per-address"] as const;
/** Redis and this server have a few such lines in memory at a time. */
const SHARED_LINE_BYTES_MAX = 16 << 20;
/** Each server that starts gets all of it at once. */
const SHARED_HISTORY_BYTES_MAX = 64 << 20;

/**
 * Checks what a command line asks for.
 *
 * @param limit how many clients there may be, and why
 * @throws {UserError} that names what does not go together
 */
export function checkTogether(
  given: ServerOptions,
  { clientsMax, filesMax, filesOpen }: ReturnType<typeof fileLimit>,
): void {
  const { unix, web, buffer, names, "max-line": line, "max-clients": clients = 1 } = given;
  const { "tls-cert": cert, "tls-key": key, "tls-ca": ca, "unix-mode": mode } = given;
  for (const name of [...OF_A_PORT, ...(web ? [] : OF_A_PORT_OR_PAGE)])
    if (unix && [given[name] || []].flat().length > 0)
      throw usageError(`--${name} does not go with --unix`);
  if (given.redis && (given.history?.bytes ?? 0) > SHARED_HISTORY_BYTES_MAX)
    throw usageError(
      `--redis keeps a --history of at most ${formatSize(SHARED_HISTORY_BYTES_MAX)}`,
    );
  if (given.room !== undefined && !given.redis) throw usageError("--room needs --redis");
  if (given.redis && line > SHARED_LINE_BYTES_MAX)
    throw usageError(
      `--max-line ${formatSize(line)} is more than --redis takes: ${formatSize(SHARED_LINE_BYTES_MAX)}`,
    );
  if (mode !== undefined && !unix) throw usageError("--unix-mode needs --unix");
  const sizes = `--max-line ${formatSize(line)} does not fit into --buffer ${formatSize(buffer)}`;
  if (line > buffer) throw usageError(sizes);
  if (names && line + PREFIX_BYTES_MAX > buffer) throw usageError(`${sizes} with a name before it`);
  if (!cert !== !key) throw usageError("--tls-cert and --tls-key go together");
  if (!web && given["web-name"].length > 0) throw usageError("--web-name needs --web");
  if (web && names && ca)
    throw usageError(
      "--web does not go with --names and --tls-ca: it is not told who has certified",
    );
  if (ca && !cert) throw usageError("--tls-ca needs --tls-cert and --tls-key");
  if (clientsMax < 1)
    throw new UserError(
      `no files left for clients: ulimit -n is ${filesMax}, and ${filesOpen} are open at the start`,
    );
  if (clients > clientsMax)
    throw usageError(
      `--max-clients ${clients} is more than the file limit allows: ${clientsMax}, as ulimit -n is ${filesMax}`,
    );
}
