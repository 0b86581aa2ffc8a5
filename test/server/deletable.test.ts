/**
 * Whatever `lib/server/extras.ts` lists can be deleted: its file or folder, its entry, and nothing else;
 * and what `lib/README.md` shows as an extra can be added.
 */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { EXTRAS } from "../../lib/server/extras.ts";
import { endAfterEach, LONGEST_MS, ROOT, runToEnd, ServerProgram, testBeside } from "../harness.ts";
import { blocksOf } from "../harness/blocks.ts";
import { installTypes } from "../harness/tools.ts";

const REGISTRY = "lib/server/extras.ts";
/** One entry, by its name, and the file that it loads. */
const ENTRY = /^ {2}(\w+): entry\(\{\n[^]*?^ {2}\}\),\n/gm;
const LOADED = /import\("\.\.\/((?:doors|extras|redis|web|metrics)\/[^"]+)"\)/;
const ENTRIES = [...readFileSync(join(ROOT, REGISTRY), "utf8").matchAll(ENTRY)];
/** The options that each has, by its name. */
const OPTIONS = new Map(
  Object.entries(EXTRAS).map(([name, entry]) => [
    name,
    Object.keys("options" in entry ? entry.options : {}).map((option) => ` --${option} `),
  ]),
);

/** Where the program is without each of its extras, in a folder with its name. */
const copies = mkdtempSync(join(tmpdir(), "linechat-deletable-"));

endAfterEach();
beforeAll(() => {
  installTypes();
  symlinkSync(join(ROOT, "node_modules"), join(copies, "node_modules"));
  // The page of `web` has the types of a browser, and a check of its own.
  const exclude = ["node_modules", "*/lib/web/page"];
  const config = { extends: join(ROOT, "tsconfig.json"), include: ["**/*"], exclude };
  writeFileSync(join(copies, "tsconfig.json"), JSON.stringify(config));
  for (const [entry, name = ""] of ENTRIES) {
    const copy = copyWith(name, (registry) => registry.replace(entry, ""));
    const [, file = ""] = LOADED.exec(entry) ?? [];
    const isAlone = /^\w+\/[^/]+$/.test(file) && /^(doors|extras)/.test(file);
    rmSync(join(copy, "lib", isAlone ? file : dirname(file)), { recursive: true });
  }
  const [file, entry] = blocksOf("lib/README.md").filter(({ language }) => language === "ts");
  const begin = "export const EXTRAS = {\n";
  const copy = copyWith("box", (registry) => registry.replace(begin, begin + entry?.text));
  writeFileSync(join(copy, "lib/extras/box.ts"), file?.text ?? "");
}, LONGEST_MS);
afterAll(() => rmSync(copies, { recursive: true }));

/** Copies the program, with a change to its list of extras; returns where it is. */
function copyWith(name: string, change: (registry: string) => string): string {
  const copy = join(copies, name);
  for (const part of ["server.ts", "client.ts", "lib", "package.json"])
    cpSync(join(ROOT, part), join(copy, part), { recursive: true });
  const registry = readFileSync(join(copy, REGISTRY), "utf8");
  writeFileSync(join(copy, REGISTRY), change(registry));
  return copy;
}

const helpOf = async (folder: string) =>
  (await runToEnd([process.execPath, join(folder, "server.ts"), "--help"])).stdout;

/** Starts the program of a copy. */
const start = (name: string, ...options: string[]) => {
  const server = [process.execPath, join(copies, name, "server.ts"), "--host", "127.0.0.1"];
  return ServerProgram.run([...server, ...options, "0"]);
};

test("each entry is found, and all of its options are in --help", async () => {
  expect(ENTRIES.map(([, name]) => name)).toEqual([...OPTIONS.keys()]);
  const help = await helpOf(ROOT);
  for (const option of [...OPTIONS.values()].flat()) expect(help).toContain(option);
});

test("without any one of them, or with the one of lib/README.md, all passes a type check", async () => {
  const checked = await runToEnd([process.execPath, "check", "--no-script", "--cwd", copies]);
  expect([checked.code, checked.stdout]).toEqual([0, ""]);
});

for (const [name, options] of OPTIONS)
  testBeside(`the rest is a program without ${name}`, async () => {
    const help = await helpOf(join(copies, name));
    for (const option of options) expect(help).not.toContain(option);
    const server = await start(name);
    const [ann, bob] = [await server.join(), await server.join()];
    ann.say("hello\n");
    await bob.hears("hello\n");
  });

testBeside("the extra of lib/README.md does what it says", async () => {
  const server = await start("box", "--box");
  const [ann, bob] = [await server.join(), await server.join()];
  ann.say("more tea\n");
  await bob.hears("more tea\n");
  await ann.hears("* thank you\n");
  await server.logged(/left \S+: thank you/);
});
