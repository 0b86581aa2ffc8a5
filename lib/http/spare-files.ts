/**
 * Files that nobody counts: connections to `Bun.serve` that say nothing, say it slowly, or are not
 * closed by their peer after a WebSocket has ended. They live 12 to 13 s and could use up all files,
 * so that nobody could come in by any port. Some files are kept for them; when half of these are in
 * use, the port is closed until less than a quarter is.
 */

import { countOpenFiles, fileLimit } from "./file-limit.ts";
import type { HttpPort } from "./http-port.ts";

/** How often it is looked: some 1,000 connections can come in such a time. */
const LOOK_MS = 20;
const CLOSED_MS = 1000;

/** As many can come in before it is looked, of which 512 may have waited for the same turn. */
const BURST = 1024;

/** How many files are kept for them: a quarter, or enough for a burst if that is not over a half. */
export function spareFiles(): number {
  const { filesMax, filesOpen } = fileLimit();
  const free = filesMax - filesOpen;
  return Math.min(Math.max(free >> 2, Math.min(free >> 1, BURST), 16), 4096);
}

/**
 * Watches a port.
 *
 * @param counted how many connections are open that somebody counts
 * @param warn is told when the port closes and when it opens again
 * @returns what ends the watch
 */
export function watchSpareFiles(
  port: HttpPort<unknown>,
  counted: () => number,
  warn: (what: string) => void,
): () => void {
  const spare = spareFiles();
  const { filesOpen } = fileLimit();
  let closedAtMs = 0;
  const look = () => {
    const uncounted = countOpenFiles() - filesOpen - counted();
    if (port.isOpen && uncounted > spare >> 1) {
      port.close();
      closedAtMs = performance.now();
      warn(`${port.address} is closed for a while: ${uncounted} connections say nothing`);
    } else if (
      !port.isOpen &&
      uncounted < spare >> 2 &&
      performance.now() > closedAtMs + CLOSED_MS
    ) {
      try {
        port.reopen();
        warn(`${port.address} is open again`);
      } catch {
        closedAtMs = performance.now(); // Somebody else has it. It is tried again.
      }
    }
  };
  const timer = setInterval(look, LOOK_MS).unref();
  return () => clearInterval(timer);
}
