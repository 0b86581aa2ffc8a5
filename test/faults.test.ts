/** The server as a process, through everything people and networks do; `bun run soak` does it for longer. */

import { test } from "bun:test";

import { FAULTS } from "./faults/faults.ts";
import { stopAmid, undergo } from "./faults/ordeal.ts";

const TIMEOUT_MS = 60_000;

for (const fault of FAULTS) {
  test.concurrent(`members lose no line while ${fault.name}`, () => undergo(fault), TIMEOUT_MS);
  test.concurrent(
    `SIGTERM ends the server cleanly while ${fault.name}`,
    () => stopAmid(fault),
    TIMEOUT_MS,
  );
}
