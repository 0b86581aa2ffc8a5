/** The READMEs: their links lead somewhere, they name all options, and what they show works. */

import { expect, test } from "bun:test";
import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { DISCONNECTS, LASTING, REFUSALS } from "../lib/program/server-messages.ts";
import { endAfterEach, newFile, newFolder, ROOT, runToEnd, ServerProgram } from "./harness.ts";
import { type Block, blocksOf, runBlock } from "./harness/blocks.ts";
import { besideWith, installTypes } from "./harness/tools.ts";
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

test("what a README of lib/ says is read in a few minutes", () => {
  for (const file of READMES.filter((file) => /^lib\/./.test(file) && file !== "lib/README.md"))
    expect([file, read(file).length < 6 << 10]).toEqual([file, true]);
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

interface Rule {
  /** What is in the blocks that it is for. */
  readonly has: RegExp;
  /** What is done with them; none if that is done elsewhere. */
  readonly how: string;
  readonly check?: (block: Block) => Promise<void>;
  readonly needs?: readonly string[];
}

/** How blocks are checked; the first rule that fits is that of a block. Others only show text. */
const RULES: readonly Rule[] = [
  { has: /^sh\nsystemd-run /, how: "needs a systemd that runs" },
  { has: /^sh\nnpx /, how: "is run word for word by .ci/run, in a fresh copy without Bun" },
  {
    has: /^sh\n[^]*redis:/,
    how: "runs as it stands",
    check: runBlock,
    needs: ["redis-server", "nc"],
  },
  { has: /^sh\n/, how: "runs as it stands", check: runBlock, needs: ["nc", "openssl"] },
  { has: /^ts\n[^]*part\.ts"/, how: "is a file that is added", check: addAnExtra },
  { has: /^ts\n {2}\w+: entry\(/, how: "is an entry that is added with that file" },
  { has: /^ts\n/, how: "runs and prints what is shown", check: printsWhatIsShown },
  { has: /^ini\n\[Unit\]/, how: "is a safe unit", check: isSafeUnit, needs: ["systemd-analyze"] },
  { has: /^nginx\n/, how: "is taken by nginx", check: isTakenByNginx, needs: ["nginx"] },
  { has: /\nfrontend /, how: "is taken by haproxy", check: isTakenByHaproxy, needs: ["haproxy"] },
];

for (const file of READMES.filter((file) => !file.startsWith("test/")))
  for (const block of blocksOf(file, read(file))) {
    const { language, text } = block;
    const rule = RULES.find(({ has }) => has.test(`${language}\n${text}`));
    const name = `${file}, "${text.slice(0, text.indexOf("\n")).trim()}"`;
    if (rule?.check)
      besideWith(...(rule.needs ?? []))(`${name} ${rule.how}`, async () => rule.check?.(block));
    else if (rule) test.skip(`${name} ${rule.how}`, () => {});
    else if (language !== "")
      test(`${name} is of no language that is checked`, () => expect.unreachable());
  }

test("each rule for blocks is for some", () => {
  const blocks = READMES.flatMap((file) => blocksOf(file, read(file)));
  const unused = RULES.filter(
    ({ has }) => !blocks.some(({ language, text }) => has.test(`${language}\n${text}`)),
  );
  expect(unused.map(({ how }) => how)).toEqual([]);
});

/** Its program, and then the block after it, which is what that prints. */
async function printsWhatIsShown({ file, text }: Block): Promise<void> {
  const blocks = blocksOf(file, read(file));
  const shown = blocks[blocks.findIndex((one) => one.text === text) + 1];
  const { code, stdout, stderr } = await runToEnd([process.execPath, "-e", text]);
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: shown?.text ?? "", stderr: "" });
}

async function addAnExtra({ file, text }: Block): Promise<void> {
  const blocks = blocksOf(file, read(file));
  const entry = blocks[blocks.findIndex((one) => one.text === text) + 1]?.text ?? "";
  installTypes();
  const copy = newFolder();
  for (const name of ["server.ts", "client.ts", "lib", "package.json", "tsconfig.json"])
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  writeFileSync(join(copy, "lib/extras/box.ts"), text);
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
