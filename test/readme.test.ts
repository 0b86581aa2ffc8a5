/** The READMEs: their links lead somewhere, they name all options, and what they show works. */

import { expect, test } from "bun:test";
import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { endAfterEach, newFolder, ROOT, runToEnd, ServerProgram } from "./harness.ts";
import { installTypes, testWith } from "./harness/tools.ts";

endAfterEach();

const READMES = ["*.md", "lib/**/*.md", "test/**/*.md"].flatMap((pattern) => [
  ...new Bun.Glob(pattern).scanSync(ROOT),
]);
const read = (file: string) => readFileSync(join(ROOT, file), "utf8");
const linksOf = (text: string) =>
  text.match(/(?<=\]\()(?!https?:)[^)]*|(?<=src(?:set)?=")[^"]*/g) ?? [];
const headingsOf = (text: string) => text.match(/(?<=^#+ ).*$/gm) ?? [];
/** A heading as GitHub names it in a link. */
const asAnchor = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, "")
    .replaceAll(" ", "-");

for (const file of READMES)
  test(`the links in ${file} lead somewhere`, () => {
    for (const link of linksOf(read(file))) {
      const whole = link.startsWith("#") ? `${file}${link}` : join(dirname(file), link);
      const [path = "", anchor] = whole.split("#");
      expect([path, existsSync(join(ROOT, path))]).toEqual([path, true]);
      if (anchor !== undefined) expect(headingsOf(read(path)).map(asAnchor)).toContain(anchor);
    }
  });

test("each README is linked from another one", () => {
  const links = READMES.flatMap((file) =>
    linksOf(read(file)).map((link) => join(dirname(file), link.replace(/#.*/, ""))),
  );
  for (const file of READMES.filter((file) => file !== "README.md")) expect(links).toContain(file);
});

test("what a README of lib/ says is read in a few minutes", () => {
  for (const file of READMES.filter((file) => /^lib\/./.test(file) && file !== "lib/README.md"))
    expect([file, read(file).length < 6 << 10]).toEqual([file, true]);
});

for (const program of ["server", "client"])
  test(`lib/${program}/README.md has each option that --help of ${program}.ts has`, async () => {
    const { stdout } = await runToEnd([process.execPath, `${program}.ts`, "--help"]);
    const options = stdout.match(/(?<=^ {2})--(?!help|version)[\w-]+/gm) ?? [];
    const text = read(`lib/${program}/README.md`);
    expect(options.filter((option) => !new RegExp(`${option}(?![\\w-])`).test(text))).toEqual([]);
  });

test("lib/README.md has each folder of lib/", () => {
  const folders = readdirSync(join(ROOT, "lib")).filter((name) => !name.includes("."));
  expect(linksOf(read("lib/README.md"))).toEqual(expect.arrayContaining(folders));
});

test("an extra is added as lib/README.md says", async () => {
  const [, file = "", entry = ""] =
    /```ts\n([^]*?)```\n[^]*?```ts\n([^]*?)```/.exec(read("lib/README.md")) ?? [];
  installTypes();
  const copy = newFolder();
  for (const name of ["server.ts", "client.ts", "lib", "package.json", "tsconfig.json"])
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  writeFileSync(join(copy, "lib/extras/box.ts"), file);
  const registry = read("lib/server/extras.ts");
  const extended = registry.replace("export const EXTRAS = {\n", (begin) => begin + entry);
  writeFileSync(join(copy, "lib/server/extras.ts"), extended);

  const checked = await runToEnd([process.execPath, "check", "--no-script", "--cwd", copy]);
  expect([checked.code, checked.stdout]).toEqual([0, ""]);
  const command = [process.execPath, join(copy, "server.ts"), "--host", "127.0.0.1", "--box", "0"];
  const server = await ServerProgram.run(command);
  const [ann, bob] = [await server.join(), await server.join()];
  ann.say("more tea\n");
  await bob.hears("more tea\n");
  await ann.hears("* thank you\n");
  await server.logged(/left \S+: thank you/);
}, 20_000);

testWith("systemd-analyze")("systemd takes the unit in service.md, and rates it safe", async () => {
  const [, unit = ""] = /```ini\n([^]*?)```/.exec(read("lib/server/service.md")) ?? [];
  const file = join(newFolder(), "linechat.service");
  // The program is where the text has it installed, and not here.
  writeFileSync(file, unit.replace(/(?<=^ExecStart=)\S+/m, "/bin/true"));
  const nothing = { code: 0, stdout: "", stderr: "" };
  expect(await runToEnd(["systemd-analyze", "verify", "--man=no", file])).toEqual(nothing);
  const rate = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15"];
  const rated = await runToEnd([...rate, file]);
  expect(rated.stdout).toMatch(/Overall exposure level for linechat\.service: 1\.\d OK/);
  expect(rated.code).toBe(0);
});

test("the example of embedding in README.md runs as printed", async () => {
  const [, code = ""] = /## As a library[^]*?```ts\n([^]*?)```/.exec(read("README.md")) ?? [];
  const [, stdout = ""] = /It prints:\n\n```\n([^]*?)```/.exec(read("README.md")) ?? [];
  expect(stdout).not.toBe("");
  expect(await runToEnd([process.execPath, "-e", code])).toEqual({ code: 0, stdout, stderr: "" });
});
