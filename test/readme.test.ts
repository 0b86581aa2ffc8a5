/** The three READMEs: their links lead somewhere, and they name all options and files. */

import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { endAfterEach, ROOT, runToEnd } from "./harness.ts";

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

for (const file of ["README.md", "lib/README.md", "test/README.md"])
  test(`the links in ${file} lead somewhere`, () => {
    for (const link of linksOf(read(file))) {
      const whole = link.startsWith("#") ? `${file}${link}` : join(dirname(file), link);
      const [path = "", anchor] = whole.split("#");
      expect([path, existsSync(join(ROOT, path))]).toEqual([path, true]);
      if (anchor !== undefined) expect(headingsOf(read(path)).map(asAnchor)).toContain(anchor);
    }
  });

for (const program of ["server", "client"])
  test(`README.md has the options of ${program}.ts as --help has them`, async () => {
    const { stdout } = await runToEnd([process.execPath, `${program}.ts`, "--help"]);
    const table = stdout.replace(/\n\n[^]*\nOptions:\n([^]*?)\n +--help[^]*/, "\n\n$1\n");
    expect(read("README.md").split("```")).toContain(`\n${table}`);
  });

test("lib/README.md has each file of lib/", () => {
  const files = [...new Bun.Glob("**/*.ts").scanSync(join(ROOT, "lib"))];
  expect(linksOf(read("lib/README.md"))).toEqual(expect.arrayContaining(files));
});
