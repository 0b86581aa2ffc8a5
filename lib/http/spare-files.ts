/**
 * Files that nothing counts: connections to `Bun.serve` that send nothing, send it slowly, or are not
 * closed by their peer after a WebSocket has ended. They live 12 to 13 s and could use up all files,
 * so that nobody could join by any port. Some files are kept for them; when half of these are in
 * use, the port is closed until less than a quarter is.
 */

import { countOpenFiles, fileLimit } from "../program/file-limit.ts";
import type { HttpPort } from "./http-port.ts";

/** How often they are counted: some 1,000 connections can come in such a time. */
const LOOK_MS = 20;
const CLOSED_MS = 1000;

/** As many can come before they are counted, of which 512 may have waited for the same turn. */
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
 * @param counted how many connections are open that are counted elsewhere
 * @param warn told when the port closes and when it opens again
 * @returns what ends the watch
 */
export function watchSpareFiles(
  port: HttpPort,
  counted: () => number,
  warn: (what: string) => void,
): () => void {
  const spare = spareFiles();
  const { filesOpen } = fileLimit();
  let reopenAtMs = 0;
  const look = () => {
    const uncounted = countOpenFiles() - filesOpen - counted();
    const now = performance.now();
    if (port.isOpen && uncounted > spare >> 1) {
      port.close();
      reopenAtMs = now + CLOSED_MS;
      warn(`${port.address} is closed for a while: ${uncounted} connections send nothing`);
    } else if (!port.isOpen && uncounted < spare >> 2 && now > reopenAtMs) {
      try {
        port.reopen();
        warn(`${port.address} is open again`);
      } catch {
        reopenAtMs = now + CLOSED_MS; // Another program has it.
      }
    }
  };
  const timer = setInterval(look, LOOK_MS).unref();
  return () => clearInterval(timer);
}
