/**
 * `bun test/mutants.ts [words]`: programs with one mistake each, outside the room, to show that a
 * test file notices. Words choose those whose fault has them. The lists are in `mutants/`.
 */

import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

import type { Mutant } from "./harness/faults.ts";
import { CLIENT_MUTANTS } from "./mutants/client.ts";
import { REDIS_MUTANTS } from "./mutants/redis.ts";
import { SERVER_MUTANTS } from "./mutants/server.ts";

const ROOT = join(import.meta.dir, "..");
/** A test file that takes longer has come to no end, or to none on a machine as busy as that. */
const STUCK_MS = 10 * 60_000;
/** How long a test waits at most: in most copies, one waits in vain. */
const WAIT_MS = 20_000;

if (import.meta.main) process.exit(await main(process.argv.slice(2).join(" ")));

async function main(words: string): Promise<number> {
  const all = [...CLIENT_MUTANTS, ...SERVER_MUTANTS, ...REDIS_MUTANTS];
  const mutants = all.filter(({ fault }) => fault.includes(words));
  const tests = [...new Set(mutants.map(({ test }) => test))];
  const failing = await onAllCores(tests, async (test, copy) => {
    const how = await failureOf(copy, test);
    return how && `${test} fails without a fault: ${how}`;
  });
  for (const how of failing) if (how) console.log(how);
  if (failing.some((how) => how)) return 1;
  return catchAll(mutants, navigator.hardwareConcurrency, (copy, { test }) =>
    failureOf(copy, test),
  );
}

/** Runs a test file of a tree, or a folder of them; returns how it has failed, if it has. */
export async function failureOf(root: string, test: string): Promise<string | undefined> {
  // In a group of its own, so that what it has started ends with it.
  const child = Bun.spawn([process.execPath, "test", "--bail", `./${test}`], {
    cwd: root,
    env: { ...process.env, LINECHAT_LONGEST_MS: `${WAIT_MS}` },
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  const end = () => process.kill(-child.pid, "SIGKILL");
  const stuck = setTimeout(end, STUCK_MS);
  const stderr = child.stderr.text();
  const code = await child.exited;
  clearTimeout(stuck);
  try {
    end(); // With --bail, a test that fails leaves what it has started.
  } catch {
    // Nothing is left of the group.
  }
  if (code === 0) return undefined;
  if (child.signalCode) return "it comes to no end";
  return /^\(fail\) .*/m.exec(await stderr)?.[0] ?? `exit code ${code}`;
}

/**
 * Tries every mutant in a copy of the tree; returns the exit code, 0 when each was caught.
 *
 * @param cores how many at a time
 * @param failureIn how a copy fails, or undefined if it does not
 */
export async function catchAll<Fault extends Mutant>(
  mutants: readonly Fault[],
  cores: number,
  failureIn: (copy: string, mutant: Fault) => Promise<string | undefined>,
): Promise<number> {
  const caught = await onAllCores(mutants, (mutant, copy) => isCaught(mutant, copy), cores);
  const count = caught.filter((isOne) => isOne).length;
  console.log(`${count} of ${mutants.length} mutants caught`);
  return count === mutants.length && count > 0 ? 0 : 1;

  async function isCaught(mutant: Fault, copy: string): Promise<boolean> {
    const { file, fault, code, becomes } = mutant;
    const text = readFileSync(join(ROOT, file), "utf8");
    const [before, after, ...more] = text.split(code);
    const isOnce = after !== undefined && more.length === 0;
    let how: string | undefined;
    if (isOnce) {
      const broken = `${before}${becomes}${after}`;
      new Bun.Transpiler({ loader: "ts" }).scan(broken); // What is no program is caught by anything.
      writeFileSync(join(copy, file), broken);
      how = await failureIn(copy, mutant);
      writeFileSync(join(copy, file), text);
    }
    const why = how ?? (isOnce ? "no failure" : "its code occurs not exactly once");
    console.log(`${how ? "caught" : "SURVIVED"} (${why}): ${fault}`);
    return how !== undefined;
  }
}

/**
 * Does something for each item, so many at a time, each time in a copy of the tree; returns what came
 * of them, in their order.
 */
async function onAllCores<Item, Result>(
  items: readonly Item[],
  run: (item: Item, copy: string) => Promise<Result>,
  cores = navigator.hardwareConcurrency,
): Promise<Result[]> {
  const results: Result[] = [];
  const left = items.entries();
  const runCore = async () => {
    const copy = mkdtempSync(join(tmpdir(), "linechat-mutant-"));
    try {
      const isPart = (path: string) => !/^(node_modules|\.git|dist)$/.test(relative(ROOT, path));
      cpSync(ROOT, copy, { recursive: true, filter: isPart });
      symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
      for (const [at, item] of left) results[at] = await run(item, copy);
    } finally {
      rmSync(copy, { recursive: true });
    }
  };
  await Promise.all(Array.from({ length: cores }, runCore));
  return results;
}
