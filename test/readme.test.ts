/** The READMEs: their links lead somewhere, they name all options, and what they show works. */

import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { DISCONNECTS, LASTING, REFUSALS } from "../lib/program/server-messages.ts";
import { endAfterEach, newFile, newFolder, ROOT, runToEnd } from "./harness.ts";
import { type Block, blocksOf, runBlock } from "./harness/blocks.ts";
import { besideWith } from "./harness/tools.ts";
import { CERTIFICATE } from "./simulation/certificate.ts";

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

test("each message that disconnects a client is explained in lib/questions.md", () => {
  const explained = read("lib/questions.md").match(/(?<=`)[^`\n]+(?=`)/g) ?? [];
  for (const message of [REFUSALS, LASTING, DISCONNECTS].flatMap((table) => Object.values(table))) {
    const [start = "", end = ""] =
      typeof message === "string" ? [message] : message("…").split("…");
    const isIt = (text: string) => text.startsWith(start) && text.endsWith(end);
    expect([`${start}…${end}`, explained.some(isIt)]).toEqual([`${start}…${end}`, true]);
  }
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

/** How blocks are checked, and what that needs; the first rule that fits is that of a block. Others only show text. */
type Rule = [has: RegExp, how: string, check?: (block: Block) => unknown, ...needs: string[]];
const RULES: readonly Rule[] = [
  [/^sh\nsystemd-run /, "needs a systemd that runs"],
  [/^sh\nnpx /, "is run word for word by .ci/run, in a fresh copy without Bun"],
  [/^sh\n[^]*redis:/, "runs as it stands", runBlock, "redis-server", "nc"],
  [/^sh\n/, "runs as it stands", runBlock, "nc", "openssl"],
  [/^ts\n[^]*part\.ts"/, "is a file that is added by server/deletable.test.ts"],
  [/^ts\n {2}\w+: entry\(/, "is an entry that is added with that file"],
  [/^ts\n/, "runs and prints what is shown", printsWhatIsShown],
  [/^ini\n\[Unit\]/, "is a safe unit", isSafeUnit, "systemd-analyze"],
  [/^nginx\n/, "is taken by nginx", isTakenByNginx, "nginx"],
  [/\nfrontend /, "is taken by haproxy", isTakenByHaproxy, "haproxy"],
];

for (const file of READMES.filter((file) => !file.startsWith("test/")))
  for (const block of blocksOf(file)) {
    const { language, text } = block;
    const rule = RULES.find(([has]) => has.test(`${language}\n${text}`));
    const [, how = "is of no language that is checked", check, ...needs] = rule ?? [];
    const name = `${file}, "${text.slice(0, text.indexOf("\n")).trim()}" ${how}`;
    if (check) besideWith(...needs)(name, async () => void (await check(block)));
    else if (rule) test.skip(name, () => {});
    else if (language !== "") test(name, () => expect.unreachable());
  }

/** Its program, and then the block after it, which is what that prints. */
async function printsWhatIsShown({ file, text }: Block): Promise<void> {
  const blocks = blocksOf(file);
  const shown = blocks[blocks.findIndex((one) => one.text === text) + 1]?.text;
  const ran = await runToEnd([process.execPath, "-e", text]);
  expect(ran).toEqual({ code: 0, stdout: shown ?? "", stderr: "" });
}

async function isSafeUnit({ text }: Block): Promise<void> {
  // The program is where the text has it installed, and not here.
  const file = newFile("linechat.service", text.replace(/(?<=^ExecStart=)\S+/m, "/bin/true"));
  const nothing = { code: 0, stdout: "", stderr: "" };
  expect(await runToEnd(["systemd-analyze", "verify", "--man=no", file])).toEqual(nothing);
  const rate = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15"];
  const rated = await runToEnd([...rate, file]);
  expect(rated.stdout).toMatch(/Overall exposure level for linechat\.service: 1\.\d OK/);
  expect(rated.code).toBe(0);
}

async function isTakenByNginx({ text }: Block): Promise<void> {
  const [cert, key] = [newFile("cert", CERTIFICATE.cert), newFile("key", CERTIFICATE.key)];
  const here = text.replace(/(?<=ssl_certificate )[^;]+/, cert).replace(/(?<=_key )[^;]+/, key);
  const file = newFile("nginx.conf", `pid ${newFolder()}/pid; events {} http {\n${here}}\n`);
  const { code, stderr } = await runToEnd(["nginx", "-t", "-c", file]);
  expect([code, stderr]).toEqual([0, expect.stringContaining("test is successful")]);
}

async function isTakenByHaproxy({ text }: Block): Promise<void> {
  const { code, stderr } = await runToEnd(["haproxy", "-c", "-f", newFile("haproxy.cfg", text)]);
  expect([code, stderr]).toEqual([0, ""]);
}
