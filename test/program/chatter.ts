/** A program for output.test.ts: `write 5` writes five events, `fail 1` one before it ends; each answered on stdout. */

import { runCommand } from "../../lib/program/command-line.ts";
import { stderr } from "../../lib/program/process.ts";
import { UserError } from "../../lib/program/system-errors.ts";

const command = { name: "chatter", summary: "", operands: [], options: {}, examples: [] };

await runCommand(command, async () => {
  let count = 0;
  for await (const line of console) {
    const [verb, number] = line.split(" ");
    for (let left = Number(number); left > 0; left--)
      stderr.write(`event ${count++} ${"x".repeat(90)}\n`);
    console.log("done");
    if (verb === "fail") throw new UserError("no more");
  }
});
