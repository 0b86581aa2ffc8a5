/** How many connections a process may have. */

/** What Bun itself keeps open, and a margin: 10 files were seen. */
const RUNTIME_FILES = 24;

/** How many connections a process may have, by its limit on open files. */
export interface FileLimit {
  /** The limit itself, `ulimit -n`. */
  readonly filesMax: number;
  /** How many clients that leaves, so that `accept` never fails. */
  readonly clientsMax: number;
  /** How many more connections that are being refused or closed. */
  readonly lingerersMax: number;
}

/**
 * Divides the files this process may open between clients, connections on
 * their way out, and what the runtime itself needs. A server must not run out:
 * Bun then calls `accept` in a tight loop.
 */
export function fileLimit(): FileLimit {
  const { soft } = openFilesLimit();
  const filesMax = typeof soft === "number" ? soft : 1 << 20;
  const lingerersMax = Math.min(Math.max(filesMax >> 3, 4), 256);
  const clientsMax = Math.max(1, filesMax - lingerersMax - RUNTIME_FILES);
  return { filesMax, clientsMax, lingerersMax };
}

function openFilesLimit(): { soft: unknown } {
  // Typed as a plain object; a report without limits, as on Windows, means none.
  const report = process.report.getReport() as { userLimits?: { open_files?: { soft: unknown } } };
  return report.userLimits?.open_files ?? { soft: undefined };
}
