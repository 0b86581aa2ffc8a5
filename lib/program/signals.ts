/** Signals, without those that were set to be ignored when the program was started. */

import { readFileSync } from "node:fs";
import { constants } from "node:os";

/** Calls a handler at each such signal; one that `nohup` or the like has ignored stays ignored. */
export function onSignal(signal: NodeJS.Signals, handler: () => void): void {
  if (!isIgnored(signal)) process.on(signal, handler);
}

/** By the mask in /proc/self/status, see proc(5); without that file, none counts as ignored. */
function isIgnored(signal: NodeJS.Signals): boolean {
  if (process.platform !== "linux") return false;
  const [, mask = "0"] = /^SigIgn:\s*(\w+)$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return ((BigInt(`0x${mask}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
}
