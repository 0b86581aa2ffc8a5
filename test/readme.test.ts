/** The READMEs: their links lead somewhere, they name all options, and what they show works. */

import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { endAfterEach, newFolder, ROOT, runToEnd } from "./harness.ts";
import { testWith } from "./harness/tools.ts";

endAfterEach();

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

const READMES = ["README.md", ...new Bun.Glob("{lib,test}/**/README.md").scanSync(ROOT)];

for (const file of READMES)
  test(`the links in ${file} lead somewhere`, () => {
    for (const link of linksOf(read(file))) {
      const whole = link.startsWith("#") ? `${file}${link}` : join(dirname(file), link);
      const [path = "", anchor] = whole.split("#");
      expect([path, existsSync(join(ROOT, path))]).toEqual([path, true]);
      if (anchor !== undefined) expect(headingsOf(read(path)).map(asAnchor)).toContain(anchor);
    }
  });

for (const program of ["server", "client"])
  test(`a README has the options of ${program}.ts as --help has them`, async () => {
    const { stdout } = await runToEnd([process.execPath, `${program}.ts`, "--help"]);
    const table = stdout.replace(/\n\n[^]*\nOptions:\n([^]*?)\n +--help[^]*/, "\n\n$1\n");
    expect(READMES.filter((file) => read(file).includes(`\`\`\`\n${table}\`\`\``))).not.toEqual([]);
  });

test("lib/README.md has each folder of lib/", () => {
  const folders = readdirSync(join(ROOT, "lib")).filter((name) => !name.includes("."));
  const readme = read("lib/README.md");
  expect(folders.filter((folder) => !readme.includes(`${folder}/`))).toEqual([]);
});

testWith("systemd-analyze")("systemd takes the unit in README.md, and rates it safe", async () => {
  const [, unit = ""] = /```ini\n([^]*?)```/.exec(read("README.md")) ?? [];
  const file = join(newFolder(), "linechat.service");
  // The program is where the README has it installed, and not here.
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
