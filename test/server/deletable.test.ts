/**
 * Whatever `lib/server/extras.ts` lists can be deleted, one or all: its file or folder, its entry, and
 * nothing else; and the extra that `lib/README.md` shows can be added.
 */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { EXTRAS } from "../../lib/server/extras.ts";
import { endAfterEach, LONGEST_MS, ROOT, runToEnd, ServerProgram } from "../harness.ts";
import { blocksOf } from "../harness/blocks.ts";
import { installTypes } from "../harness/tools.ts";

const REGISTRY = "lib/server/extras.ts";
/** One entry, by its name, and the file that it loads. */
const ENTRY = /^ {2}(\w+): entry\(\{\n[^]*?^ {2}\}\),\n/gm;
const LOADED = /import\("\.\.\/((?:doors|extras|redis|web|metrics)\/[^"]+)"\)/;
const ENTRIES = [...readFileSync(join(ROOT, REGISTRY), "utf8").matchAll(ENTRY)];
/** Where the program is without each of its extras, in a folder with its name, and without all. */
const copies = mkdtempSync(join(tmpdir(), "linechat-deletable-"));

endAfterEach();
beforeAll(() => {
  installTypes();
  symlinkSync(join(ROOT, "node_modules"), join(copies, "node_modules"));
  // The page of `web` has a check of its own; in a list without entries the imports are unused.
  const exclude = ["node_modules", "*/lib/web/page", "all"];
  const config = { extends: join(ROOT, "tsconfig.json"), include: ["**/*"], exclude };
  writeFileSync(join(copies, "tsconfig.json"), JSON.stringify(config));
  for (const entry of ENTRIES) copyWithout(entry[1] ?? "", [entry]);
  copyWithout("all", ENTRIES);
  const [file, entry] = blocksOf("lib/README.md").filter(({ language }) => language === "ts");
  const begin = "export const EXTRAS = {\n";
  const copy = copyWith("box", (registry) => registry.replace(begin, begin + entry?.text));
  writeFileSync(join(copy, "lib/extras/box.ts"), file?.text ?? "");
}, LONGEST_MS);
afterAll(() => rmSync(copies, { recursive: true }));

/** Copies the program without some entries, and without what they load. */
function copyWithout(name: string, entries: readonly (readonly string[])[]): void {
  const without = (registry: string, [text = ""]: readonly string[]) => registry.replace(text, "");
  const copy = copyWith(name, (registry) => entries.reduce(without, registry));
  for (const [text = ""] of entries) {
    const [, file = ""] = LOADED.exec(text) ?? [];
    const isAlone = /^(doors|extras)\/[^/]+$/.test(file);
    rmSync(join(copy, "lib", isAlone ? file : dirname(file)), { recursive: true, force: true });
  }
}

/** Copies the program, with a change to its list of extras; returns where it is. */
function copyWith(name: string, change: (registry: string) => string): string {
  const copy = join(copies, name);
  for (const part of ["server.ts", "client.ts", "lib", "package.json"])
    cpSync(join(ROOT, part), join(copy, part), { recursive: true });
  const registry = readFileSync(join(copy, REGISTRY), "utf8");
  writeFileSync(join(copy, REGISTRY), change(registry));
  return copy;
}

/** Starts the program of a copy. */
function start(name: string, ...options: string[]): Promise<ServerProgram> {
  const server = [process.execPath, join(copies, name, "server.ts"), "--host", "127.0.0.1"];
  return ServerProgram.run([...server, ...options, "0"]);
}

test("without any one of them, or with one more, it passes a type check", async () => {
  expect(ENTRIES.map(([, name]) => name)).toEqual(Object.keys(EXTRAS));
  const checked = await runToEnd([process.execPath, "check", "--no-script", "--cwd", copies]);
  expect([checked.code, checked.stdout]).toEqual([0, ""]);
});

test("without all of them it is a program", async () => {
  const server = await start("all");
  const [ann, bob] = [await server.join(), await server.join()];
  ann.say("hello\n");
  await bob.hears("hello\n");
});

test("the extra of lib/README.md does what it says", async () => {
  const server = await start("box", "--box");
  const [ann, bob] = [await server.join(), await server.join()];
  ann.say("more tea\n");
  await bob.hears("more tea\n");
  await ann.hears("* thank you\n");
  await server.logged(/left \S+: thank you/);
});
