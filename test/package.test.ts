/** The package as others get it: packed, and installed into a project of theirs, without a registry. */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { version } from "../package.json";
import { ROOT } from "./harness.ts";

setDefaultTimeout(30_000);

/** Nobody listens there, so nothing can come from a registry. */
const OFFLINE = { ...process.env, BUN_CONFIG_REGISTRY: "http://127.0.0.1:1" };
/** A program that uses what the package gives, with the types it promises. */
const USES_ALL = `
import * as linechat from "linechat";
import { AddressRules, connect, Connection, listen, parseAddressRule, Room, UserError } from "linechat";
import type { AddressRule, ConnectOptions, Life, ListenOptions, Member, Place, RoomEvents } from "linechat";
import type { RoomOptions, RoomSocket, Secrets, Server, TlsMaterial } from "linechat";

const said: string[] = [];
const options: ListenOptions = { host: "127.0.0.1", port: 0, onLine: (line) => void said.push(line) };
const server: Server = await listen(options);
const place: ConnectOptions = { host: "127.0.0.1", port: server.port };
const ann: Connection = await connect(place);
await ann.write(new TextEncoder().encode("hello\\n"));
ann.endOutput();
const end: Uint8Array | undefined = await ann.read();
await server.stop();
const failure = await connect(place).catch((error: unknown) => error);
if (!(failure instanceof UserError)) throw failure;
const code: string = failure.code;
const rule: AddressRule | undefined = parseAddressRule("10.0.0.0/8");
const isAdmitted: boolean = new AddressRules(rule ? [rule] : [], []).admits("10.1.2.3");
console.log(said, end, code, isAdmitted, Object.keys(linechat).sort().join(" "));
export type Others = [Life, Member, Place, Room, RoomEvents, RoomOptions, RoomSocket, Secrets, TlsMaterial];
`;
/** Options that a project may have beside those of `bun init`; a package of .ts has to pass them all. */
const STRICTER = [
  "strict",
  "erasableSyntaxOnly",
  "exactOptionalPropertyTypes",
  "noUncheckedIndexedAccess",
  "isolatedModules",
  "verbatimModuleSyntax",
  "noPropertyAccessFromIndexSignature",
  "noImplicitReturns",
  "noImplicitOverride",
  "noUnusedLocals",
  "noUnusedParameters",
].map((option) => `--${option}`);

/** A link in a README, to a file. */
const LINK = /(?<=\]\()(?!https?:)[^)#]+/g;

const folder = mkdtempSync(join(tmpdir(), "linechat-package-"));
const tarball = join(folder, `linechat-${version}.tgz`);
const project = join(folder, "project");
const installed = join(project, "node_modules", "linechat");

function run(command: string[], cwd: string) {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd, env: OFFLINE, stdin: null });
  return { code: exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

function bun(...words: string[]) {
  return run([process.execPath, ...words], project);
}

beforeAll(() => {
  run([process.execPath, "pm", "pack", "--destination", folder], ROOT);
  run([process.execPath, "init", "--yes", "project"], folder);
  // What `bun init` wants from the registry is here already.
  writeFileSync(join(project, "package.json"), '{ "type": "module", "private": true }');
  expect(bun("add", tarball).code).toBe(0);
  for (const name of ["@types", "bun-types", "undici-types"])
    cpSync(join(ROOT, "node_modules", name), join(project, "node_modules", name), {
      recursive: true,
    });
  writeFileSync(join(project, "index.ts"), USES_ALL);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the tarball has the programs, lib/, and of test/ only what the READMEs show", () => {
  const files = run(["tar", "-tzf", tarball], folder).stdout.trim().split("\n");
  const isExpected = (file: string) =>
    /^(package\.json|README\.md|LICENSE|(server|client)\.ts|lib\/.*\.(ts|md))$/.test(file) ||
    /^test\/(README\.md|picture\.svg|bench\/\w+\.svg)$/.test(file);
  const names = files.map((file) => file.replace("package/", ""));
  expect(names.filter((name) => !isExpected(name))).toEqual([]);
  for (const readme of names.filter((name) => name.endsWith("README.md"))) {
    const links = readFileSync(join(installed, readme), "utf8").match(LINK) ?? [];
    const targets = links.map((link) => join(installed, dirname(readme), link));
    expect(targets.filter((target) => !existsSync(target))).toEqual([]);
  }
});

describe("in a project elsewhere", () => {
  test("it passes a type check as `bun init` sets it up", () => {
    expect(bun("check")).toMatchObject({ code: 0, stdout: "" });
    writeFileSync(join(project, "wrong.ts"), 'import { nothing } from "linechat";\nnothing();\n');
    expect(bun("check").stdout).toContain("nothing");
    rmSync(join(project, "wrong.ts"));
  });

  test("it passes one with stricter options", () => {
    const programs = ["server.ts", "client.ts"].map((name) => join(installed, name));
    const checked = bun("check", ...STRICTER, "index.ts", ...programs);
    expect(checked).toMatchObject({ code: 0, stdout: "" });
  });

  test("it runs", () => {
    const names = "AddressRules Connection Room UserError connect listen parseAddressRule";
    const stdout = `[ "hello" ] undefined ECONNREFUSED true ${names}\n`;
    expect(bun("index.ts")).toEqual({ code: 0, stdout, stderr: "" });
  });
});
