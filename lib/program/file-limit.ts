/** How many connections a process may have, by its limit on open files. */

import { readdirSync, statSync } from "node:fs";

import { codeOf } from "./system-errors.ts";

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
