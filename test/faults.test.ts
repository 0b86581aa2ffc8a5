/** The server as a process, through everything people and networks do; `bun run soak` does it for longer. */

import { expect, test } from "bun:test";

import { FAULTS } from "./faults/faults.ts";
import { stopAmid, undergo } from "./faults/ordeal.ts";
import { inNamespace } from "./faults/vanished.ts";
import { runToEnd } from "./harness.ts";

const TIMEOUT_MS = 60_000;

for (const fault of FAULTS) {
  test.concurrent(`members lose no line while ${fault.name}`, () => undergo(fault), TIMEOUT_MS);
  test.concurrent(
    `SIGTERM ends the server cleanly while ${fault.name}`,
    () => stopAmid(fault),
    TIMEOUT_MS,
  );
}

const cable = inNamespace("ip", ..."link add here type veth peer name there".split(" "));
const hasNamespaces = Bun.which("unshare") !== null && (await runToEnd(cable)).code === 0;
if (!hasNamespaces)
  console.warn("No machine vanishes in the tests: unshare and ip make no network here.");

for (const [what, how] of [
  ["members lose no line, and those that are there stay,", "go on"],
  ["SIGTERM ends the server cleanly", "stop"],
] as const)
  test.skipIf(!hasNamespaces).concurrent(
    `${what} when a machine vanishes`,
    async () => {
      const command = inNamespace(process.execPath, "test/faults/vanished.ts", how);
      expect(await runToEnd(command)).toEqual({ code: 0, stdout: "", stderr: "" });
    },
    TIMEOUT_MS,
  );
