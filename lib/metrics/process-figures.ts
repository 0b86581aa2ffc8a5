/** The figures of the process that Prometheus' own libraries give, under the names they have there. */

import { readFileSync } from "node:fs";

import type { Figure } from "../extras/part.ts";
import { fileLimit } from "../program/file-limit.ts";

export function processFigures(): readonly Figure[] {
  const { user, system } = process.cpuUsage();
  const { filesMax, filesOpen } = fileLimit();
  const gauges: readonly [name: string, help: string, value: number | undefined][] = [
    ["open_fds", "Files open.", filesOpen],
    ["max_fds", "Files that may be open.", filesMax],
    ["resident_memory_bytes", "Memory in use.", process.memoryUsage.rss()],
    ["virtual_memory_bytes", "Memory reserved.", virtualMemoryBytes()],
    [
      "start_time_seconds",
      "When the process started, in Unix time.",
      performance.timeOrigin / 1000,
    ],
  ];
  return [
    {
      type: "counter",
      name: "process_cpu_seconds_total",
      help: "Processor time used, by user and system.",
      value: (user + system) / 1e6,
    },
    ...gauges.flatMap(([name, help, value]) =>
      value === undefined ? [] : { type: "gauge" as const, name: `process_${name}`, help, value },
    ),
  ];
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
