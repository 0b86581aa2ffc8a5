/** What a process has used: processor time and memory, from /proc or else from `ps`. */

import { readFileSync } from "node:fs";

export interface Usage {
  /** Processor time of all its threads since it started, in ms. */
  cpuMs: number;
  /** Memory it has resident, in bytes. */
  residentBytes: number;
  /** The most it ever had resident; as `residentBytes` where the system does not keep it. */
  peakBytes: number;
}

/** A clock tick of /proc in ms: USER_HZ is 100 on every Linux there is. */
const TICK_MS = 10;

/** @throws {Error} when there is no such process */
export function usageOf(pid: number): Usage {
  try {
    return process.platform === "linux" ? usageFromProc(pid) : usageFromPs(pid);
  } catch {
    throw new Error("the server is gone");
  }
}

function usageFromProc(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const kibibytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
  return {
    cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
    residentBytes: kibibytes("VmRSS") * 1024,
    peakBytes: kibibytes("VmHWM") * 1024,
  };
}

function usageFromPs(pid: number): Usage {
  const { stdout } = Bun.spawnSync(["ps", "-o", "time=,rss=", "-p", String(pid)]);
  const [clock, kibibytes] = stdout.toString().trim().split(/\s+/);
  if (clock === undefined || kibibytes === undefined) throw new Error(`no process ${pid}`);
  const seconds = clock.split(/[-:]/).reduce((total, part) => total * 60 + Number(part), 0);
  const residentBytes = Number(kibibytes) * 1024;
  return { cpuMs: seconds * 1000, residentBytes, peakBytes: residentBytes };
}
