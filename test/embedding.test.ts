import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { endAfterEach, Program, ROOT } from "./harness.ts";

endAfterEach();

test("the README's example of embedding runs as printed", async () => {
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  const [, code = ""] = /## As a library[^]*?```ts\n([^]*?)```/.exec(readme) ?? [];
  const [, output = ""] = /It prints:\n\n```\n([^]*?)```/.exec(readme) ?? [];
  const program = new Program([process.execPath, "-e", code]);
  expect(await program.exited).toBe(0);
  expect([program.stdout, program.stderr]).toEqual([output, ""]);
  expect(output).not.toBe("");
});
