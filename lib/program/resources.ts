/** What a server takes of its machine: ports to listen on, and files for its connections. */

import { readdirSync, statSync } from "node:fs";

import { ADDRESS_ERRORS, formatAddress } from "./network.ts";
import { checkRange, codeOf, failed } from "./system-errors.ts";

/** A port, and the address to open it on: all of this machine, IPv6 and IPv4, by default. */
export interface Port {
  readonly host?: string | undefined;
  /** 0 takes a free one. */
  readonly port: number;
}

/**
 * Listens on the first address that will do, as `open_listenfd` has it: looks the addresses up, and
 * returns what opens the port, at once.
 *
 * @param listen does socket, bind and listen, or throws
 * @throws {UserError} that says why it cannot, now or then
 */
export async function listenOnPort<Made>({ host, port }: Port, listen: (hostname: string) => Made) {
  const address = formatAddress(`${host ?? "::"}`, port);
  const fail = (error: unknown): never => {
    throw failed(`cannot listen on ${address}`, error, ADDRESS_ERRORS);
  };
  const addresses = await addressesOf(host, port).catch(fail);
  return () => {
    let failure: unknown;
    for (const address of addresses)
      try {
        return listen(address);
      } catch (error) {
        failure ??= error;
        if (["EADDRINUSE", "EACCES"].includes(codeOf(error))) break;
      }
    return fail(failure);
  };
}

/** Where a port is to be: getaddrinfo. Numeric addresses, best first; by default IPv6, which takes IPv4 too, or IPv4. */
async function addressesOf(host: string | undefined, port: number): Promise<string[]> {
  checkRange("port", port, 0, 65_535); // Bun would take port 3000 for what is none.
  if (host === undefined) return ["::", "0.0.0.0"];
  return (await Bun.dns.lookup(host, { backend: "system" })).map(({ address }) => address);
}

/** What the server opens later, such as its listener; and a margin. */
const RESERVED_FILES = 8;
const LINGERERS_MAX = 256;
/** Where the system sets no limit, or all files are in use, so that none is left to count them by. */
const FILES_MAX = 1 << 20;

/**
 * Divides the files this process may still open: a server that runs out calls `accept` in a tight loop.
 *
 * @returns `filesMax`, which is `ulimit -n`; `filesOpen`, inherited ones too; how many clients that
 *   leaves, less than 1 if none; and how many more may be refused, or linger after their EOF
 */
export function fileLimit() {
  // Typed as a plain object; a report without limits, as on Windows, means none.
  const report = process.report.getReport() as { userLimits?: { open_files?: { soft: unknown } } };
  const soft = report.userLimits?.open_files?.soft;
  const filesMax = typeof soft === "number" ? soft : FILES_MAX;
  const filesOpen = countOpenFiles();
  const free = filesMax - filesOpen - RESERVED_FILES;
  const lingerersMax = Math.min(Math.max(Math.floor(free / 8), 1), LINGERERS_MAX);
  return { filesMax, filesOpen, clientsMax: free - lingerersMax, lingerersMax };
}

/** How many files are open; as many as Bun opens by itself where the system does not tell. */
export function countOpenFiles(): number {
  try {
    // Linux since 6.2 tells by a size, without a look at each.
    return statSync("/proc/self/fd").size || readdirSync("/proc/self/fd").length;
  } catch (error) {
    return codeOf(error) === "EMFILE" ? FILES_MAX : 16;
  }
}
