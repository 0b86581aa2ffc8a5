/** The server as a process, through everything people and networks do; `bun run soak` does it for longer. */

import { expect } from "bun:test";
import { join } from "node:path";

import { FAULTS } from "./faults/faults.ts";
import { stopAmid, undergo } from "./faults/ordeal.ts";
import { endAfterEach, runToEnd, testBeside } from "./harness.ts";
import { aloneOnNetwork, networkTest } from "./harness/network.ts";
import { inTurns } from "./harness/tools.ts";

endAfterEach();

/** With all at once, a busy machine makes members too slow. */
const inTurn = inTurns(5);

for (const fault of FAULTS) {
  testBeside(`members lose no line while ${fault.name}`, () => inTurn(() => undergo(fault)));
  testBeside(`SIGTERM ends the server cleanly while ${fault.name}`, () =>
    inTurn(() => stopAmid(fault)),
  );
}

testBeside(
  "members lose no line, and those that are there stay, when a machine vanishes",
  async () => {
    const preload = `BUN_OPTIONS=--preload=${join(import.meta.dir, "faults", "sooner.ts")}`;
    const program = [process.execPath, "test/faults/vanished.ts"];
    const { code, stdout, stderr } = await runToEnd(aloneOnNetwork("env", preload, ...program));
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "", stderr: "" });
  },
  networkTest,
);
