/** The server as a process, through everything people and networks do; `bun run soak` does it for longer. */

import { expect, test } from "bun:test";
import { join } from "node:path";

import { FAULTS } from "./faults/all.ts";
import { stopAmid, undergo } from "./faults/ordeal.ts";
import { runToEnd } from "./harness.ts";
import { aloneOnNetwork, networkTest } from "./harness/network.ts";

const TIMEOUT_MS = 60_000;

for (const fault of FAULTS) {
  test.concurrent(`members lose no line while ${fault.name}`, () => undergo(fault), TIMEOUT_MS);
  test.concurrent(
    `SIGTERM ends the server cleanly while ${fault.name}`,
    () => stopAmid(fault),
    TIMEOUT_MS,
  );
}

const SOONER = `--preload=${join(import.meta.dir, "faults", "sooner.ts")}`;

for (const [what, how] of [
  ["members lose no line, and those that are there stay,", "go on"],
  ["SIGTERM ends the server cleanly", "stop"],
] as const)
  networkTest.concurrent(
    `${what} when a machine vanishes`,
    async () => {
      const program = [process.execPath, "test/faults/vanished.ts", how];
      const command = aloneOnNetwork("env", `BUN_OPTIONS=${SOONER}`, ...program);
      expect(await runToEnd(command)).toEqual({ code: 0, stdout: "", stderr: "" });
    },
    TIMEOUT_MS,
  );
