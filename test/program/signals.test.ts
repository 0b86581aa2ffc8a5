import { expect, test } from "bun:test";

import { endAfterEach, Program, ROOT } from "../harness.ts";

endAfterEach();

const LISTENER = `
  import { onSignal } from "${ROOT}/lib/program/process.ts";
  for (const signal of ["SIGHUP", "SIGTERM"])
    onSignal(signal, () => console.log("caught", signal));
  console.log("ready");
  setInterval(() => {}, 1000);
`;

test("a signal that was ignored at the start stays ignored, others are caught", async () => {
  const command = `trap "" HUP; exec "$0" -e '${LISTENER}'`;
  const program = new Program(["sh", "-c", command, process.execPath]);
  await program.printed("ready\n");
  program.kill("SIGHUP");
  program.kill("SIGTERM");
  await program.printed("caught SIGTERM\n");
  expect(program.stdout).not.toContain("caught SIGHUP");
});

test("without nohup every signal is caught", async () => {
  const program = new Program([process.execPath, "-e", LISTENER]);
  await program.printed("ready\n");
  program.kill("SIGHUP");
  await program.printed("caught SIGHUP\n");
});
