/** The figures of the process that Prometheus' own libraries give, under the names they have there. */

import { readFileSync } from "node:fs";

import { fileLimit } from "./file-limit.ts";
import { figure } from "./text-format.ts";

/** In the text format. */
export function processFigures(): string {
  const { user, system } = process.cpuUsage();
  const { filesMax, filesOpen } = fileLimit();
  const virtualBytes = virtualMemoryBytes();
  return [
    figure(
      "counter",
      "process_cpu_seconds_total",
      "Processor time used, by user and system.",
      (user + system) / 1e6,
    ),
    figure("gauge", "process_open_fds", "Files open.", filesOpen),
    figure("gauge", "process_max_fds", "Files that may be open.", filesMax),
    figure("gauge", "process_resident_memory_bytes", "Memory in use.", process.memoryUsage.rss()),
    virtualBytes === undefined
      ? ""
      : figure("gauge", "process_virtual_memory_bytes", "Memory reserved.", virtualBytes),
    figure(
      "gauge",
      "process_start_time_seconds",
      "When the process was started, in Unix time.",
      performance.timeOrigin / 1000,
    ),
  ].join("");
}

/** See proc(5); undefined where there is no such file. */
function virtualMemoryBytes(): number | undefined {
  try {
    const status = readFileSync("/proc/self/status", "utf8");
    const [, kilobytes] = /^VmSize:\s*(\d+) kB$/m.exec(status) ?? [];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}
