/** What tests need and not every machine has. */

import { test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { ROOT, testBeside } from "../harness.ts";

const reported = new Set<string>();

/**
 * `test`, where all these programs are installed; else it skips, with a word on
 * stderr. Where `CI` is set it never skips, and what misses its program fails.
 */
export function testWith(...programs: string[]): typeof test {
  const missing = programs.filter((program) => Bun.which(program) === null);
  if (process.env["CI"] || missing.length === 0) return test;
  for (const program of missing)
    if (reported.size < reported.add(program).size)
      console.warn(`Tests that need ${program} are skipped: it is not installed.`);
  return test.skip as typeof test;
}

/** `testBeside`, where all these programs are installed. */
export function besideWith(...programs: string[]): typeof testBeside {
  const one = testWith(...programs);
  return one === test ? testBeside : (name, run) => void one(name, async () => void (await run()));
}

/** Installs the types of Bun, which a type check needs, unless that was done already. */
export function installTypes(): void {
  if (existsSync(join(ROOT, "node_modules", "@types"))) return;
  const install = [process.execPath, "install", "--frozen-lockfile"];
  const { exitCode, stderr } = Bun.spawnSync(install, { cwd: ROOT, stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`${install.join(" ")}: ${stderr}`);
}
