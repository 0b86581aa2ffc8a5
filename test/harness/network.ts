/** Tests on a network of their own, which is a network namespace of Linux: see unshare(1). */

import { test } from "bun:test";

const UNSHARE = "unshare --user --map-root-user --net --pid --fork --mount-proc --kill-child";
const UP = 'ip link set lo up && exec "$@"';

/** A command alone on a network, where 127.0.0.1 and ::1 are; what it has started ends with it. */
export function aloneOnNetwork(...command: string[]): string[] {
  return [...UNSHARE.split(" "), "sh", "-c", UP, "sh", ...command];
}

const cable = aloneOnNetwork(..."ip link add here type veth peer name there".split(" "));
const isMissing = Bun.which("unshare") === null || Bun.spawnSync(cable).exitCode !== 0;
if (isMissing)
  console.warn("Tests that need a network of their own are skipped: unshare(1) makes none here.");

/** `test`, skipped where there is no such network. */
export const networkTest = test.skipIf(isMissing);
