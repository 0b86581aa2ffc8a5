/** What a process has used: processor time, memory and files, from /proc. */

import { readdirSync, readFileSync } from "node:fs";

/** A clock tick of /proc in ms: USER_HZ is 100 on every Linux there is. */
const TICK_MS = 10;

/**
 * Returns the processor time of all threads of a process since it started, and its resident memory.
 *
 * @throws {Error} when there is no such process
 */
export function usageOf(pid: number) {
  const stat = read(pid, "stat");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [, residentKib] = /^VmRSS:\s+(\d+)/m.exec(read(pid, "status")) ?? [];
  return {
    cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
    residentBytes: Number(residentKib ?? 0) * 1024,
  };
}

/** How many files a process has open. */
export function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function read(pid: number, what: string): string {
  try {
    return readFileSync(`/proc/${pid}/${what}`, "latin1");
  } catch {
    throw new Error("the server is gone");
  }
}
