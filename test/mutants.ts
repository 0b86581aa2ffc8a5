/**
 * `bun test/mutants.ts [words]`: programs with one mistake each, outside the room, to show that a
 * test file notices. Words choose those whose fault has them. The lists are in `mutants/`.
 */

import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

const ROOT = join(import.meta.dir, "..");
const LISTS = join(import.meta.dir, "mutants");
/** A test file that takes longer has come to no end, or to none on a machine as busy as that. */
const STUCK_MS = 10 * 60_000;

/** One fault: a piece of the code, which occurs once, and what it becomes. */
export interface Mutant {
  readonly fault: string;
  /** From the root, such as `lib/client/reconnect.ts`. */
  readonly file: string;
  readonly code: string;
  readonly becomes: string;
}

/** One that a test file has to catch. */
export interface ProgramMutant extends Mutant {
  /** From the root. */
  readonly test: string;
}

if (import.meta.main) process.exit(await main(process.argv.slice(2).join(" ")));

async function main(words: string): Promise<number> {
  const mutants = (await readLists()).filter(({ fault }) => fault.includes(words));
  const tests = [...new Set(mutants.map(({ test }) => test))];
  const failing = await onAllCores(tests, async (test) => {
    const how = await failureOf(ROOT, test);
    return how && `${test} fails without a fault: ${how}`;
  });
  for (const how of failing) if (how) console.log(how);
  if (failing.some((how) => how)) return 1;
  return catchAll(mutants, navigator.hardwareConcurrency, (copy, { test }) =>
    failureOf(copy, test),
  );
}

/** All that the files of `mutants/` export. */
async function readLists(): Promise<ProgramMutant[]> {
  const files = readdirSync(LISTS).filter((file) => file.endsWith(".ts"));
  const lists: Record<string, readonly ProgramMutant[]>[] = await Promise.all(
    files.map((file) => import(join(LISTS, file))),
  );
  return lists.flatMap((list) => Object.values(list).flat());
}

/** Runs a test file of a tree, or a folder of them; returns how it has failed, if it has. */
export async function failureOf(root: string, test: string): Promise<string | undefined> {
  // In a group of its own, so that what it has started ends with it.
  const child = Bun.spawn([process.execPath, "test", `./${test}`], {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  const stuck = setTimeout(() => process.kill(-child.pid, "SIGKILL"), STUCK_MS);
  const stderr = await child.stderr.text();
  const code = await child.exited;
  clearTimeout(stuck);
  if (code === 0) return undefined;
  if (child.signalCode) return "it comes to no end";
  return /^\(fail\) .*/m.exec(stderr)?.[0] ?? `exit code ${code}`;
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
  const tried = mutants.map(async (mutant) => [mutant, await broken(mutant)] as const);
  const results = await onAllCores(
    await Promise.all(tried),
    async ([mutant, text]) => {
      const how = text && (await inCopy(mutant.file, text, (copy) => failureIn(copy, mutant)));
      const said = text === undefined ? "its code occurs not exactly once" : how;
      console.log(`${how ? "caught" : "SURVIVED"} (${said ?? "no failure"}): ${mutant.fault}`);
      return how !== undefined;
    },
    cores,
  );
  const caught = results.filter((isCaught) => isCaught).length;
  console.log(`${caught} of ${mutants.length} mutants caught`);
  return caught === mutants.length ? 0 : 1;
}

/** The file with the fault in it; undefined if the code does not occur exactly once. */
async function broken({ file, code, becomes }: Mutant): Promise<string | undefined> {
  const [before, after, ...more] = (await Bun.file(join(ROOT, file)).text()).split(code);
  return after === undefined || more.length > 0 ? undefined : `${before}${becomes}${after}`;
}

/** Has something done with a copy of the tree, one file of which is another. */
async function inCopy<Result>(
  file: string,
  text: string,
  run: (copy: string) => Promise<Result>,
): Promise<Result> {
  new Bun.Transpiler({ loader: "ts" }).scan(text); // A typing error would be caught by anything.
  const copy = mkdtempSync(join(tmpdir(), "linechat-mutant-"));
  try {
    const isPart = (path: string) => !/^(node_modules|\.git|dist)$/.test(relative(ROOT, path));
    cpSync(ROOT, copy, { recursive: true, filter: isPart });
    symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
    await Bun.write(join(copy, file), text);
    return await run(copy);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

/** Does something for each item, so many at a time; returns what came of them, in their order. */
async function onAllCores<Item, Result>(
  items: readonly Item[],
  run: (item: Item) => Promise<Result>,
  cores = navigator.hardwareConcurrency,
): Promise<Result[]> {
  const results: Result[] = [];
  const left = items.entries();
  const runCore = async () => {
    for (const [at, item] of left) results[at] = await run(item);
  };
  await Promise.all(Array.from({ length: cores }, runCore));
  return results;
}
