/** The package as others get it: packed, and installed into a project of theirs, without a registry. */

import { beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { engines, version } from "../package.json";
import { endAfterEach, newFolder, Program, ROOT, ServerProgram, startShared } from "./harness.ts";
import { blocksOf } from "./harness/blocks.ts";
import { installTypes, testWith } from "./harness/tools.ts";
import { webUrl } from "./harness/web-peer.ts";

endAfterEach();

/** Nobody listens there, so nothing can come from a registry. */
const OFFLINE = { ...process.env, BUN_CONFIG_REGISTRY: "http://127.0.0.1:1" };
const OLDEST_BUN = engines.bun.replace(">=", "");
/** A program that uses what the package gives, with the types it promises. */
const USES_ALL = `
import * as linechat from "linechat";
import type { Connection, ConnectOptions, EmbeddedRoom, Life, ListenOptions, MemberView } from "linechat";
import type { OpenRoomOptions, Place, RoomEvents, RoomSocket, Secrets, Server } from "linechat";

const options: ListenOptions = { host: "127.0.0.1", port: 0, allow: ["127.0.0.0/8"] };
const server: Server = await linechat.listen(options);
const place: ConnectOptions = { host: "127.0.0.1", port: server.port };
const ann: Connection = await linechat.connect(place);
ann.endOutput();
await server.stop();
const failure = await linechat.connect(place).catch((error: unknown) => error);
if (!(failure instanceof linechat.UserError)) throw failure;
const about: OpenRoomOptions = { now: () => performance.now(), wake() {} };
const room: EmbeddedRoom = linechat.openRoom(about);
console.log(failure.code, await ann.read(), room.size, Object.keys(linechat).sort().join(" "));
export type Others = [Life, MemberView, Place, RoomEvents, RoomSocket, Secrets];
`;
/** Options that a project may have beside those of `bun init`; a package of .ts has to pass them all. */
const AS_STRICT = [
  ...["--module", "nodenext", "--moduleResolution", "nodenext", "--strict"],
  ...["--erasableSyntaxOnly", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess"],
  ...["--isolatedModules", "--verbatimModuleSyntax", "--noPropertyAccessFromIndexSignature"],
  ...["--noImplicitReturns", "--noImplicitOverride", "--noUnusedLocals", "--noUnusedParameters"],
];

const folder = startShared(newFolder);
const tarball = join(folder, `linechat-${version}.tgz`);
const project = join(folder, "project");
const installed = join(project, "node_modules", "linechat");

function run(command: string[], cwd = project) {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd, env: OFFLINE, stdin: null });
  return { code: exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

function bun(...words: string[]) {
  return run([process.execPath, ...words]);
}

beforeAll(() => {
  installTypes();
  run([process.execPath, "pm", "pack", "--destination", folder], ROOT);
  run([process.execPath, "init", "--yes", "project"], folder);
  // What `bun init` wants from the registry is here already.
  writeFileSync(join(project, "package.json"), '{ "type": "module", "private": true }');
  expect(bun("add", tarball).code).toBe(0);
  for (const name of ["@types", "bun-types", "undici-types"])
    symlinkSync(join(ROOT, "node_modules", name), join(project, "node_modules", name));
  writeFileSync(join(project, "index.ts"), USES_ALL);
  const [bot] = blocksOf("lib/library.md").filter(({ language }) => language === "ts");
  writeFileSync(join(project, "bot.ts"), bot?.text ?? "");
});

test("the tarball has the programs, lib/, and of test/ only what the READMEs show", () => {
  const files = run(["tar", "-tzf", tarball], folder).stdout.trim().split("\n");
  const expected = [
    /^(package\.json|README\.md|LICENSE|(server|client)\.ts|lib\/.*\.(ts|md|html|css))$/,
    /^test\/(README\.md|(picture|people)\.svg|page-(light|dark)\.png|bench\/\w+\.svg)$/,
  ];
  const names = files.map((file) => file.replace("package/", ""));
  expect(names.filter((name) => !expected.some((one) => one.test(name)))).toEqual([]);
  const link = /(?<=\]\()(?!https?:)[^)#]+|(?<=src(?:set)?=")[^"]+/g;
  for (const readme of names.filter((name) => name.endsWith(".md"))) {
    const links = readFileSync(join(installed, readme), "utf8").match(link) ?? [];
    const targets = links.map((link) => join(installed, dirname(readme), link));
    expect(targets.filter((target) => !existsSync(target))).toEqual([]);
  }
});

test("in a project elsewhere it passes type checks, as `bun init` has them and stricter, and runs", () => {
  expect(bun("check")).toMatchObject({ code: 0, stdout: "" });
  const programs = ["server.ts", "client.ts"].map((name) => join(installed, name));
  for (const options of [AS_STRICT, ["--strict", "false"]]) {
    const checked = bun("check", ...options, "index.ts", ...programs);
    expect([options, checked]).toMatchObject([options, { code: 0, stdout: "" }]);
  }
  writeFileSync(join(project, "wrong.ts"), 'import { nothing } from "linechat";\nnothing();\n');
  expect(bun("check").stdout).toContain("nothing");
  const stdout = "ECONNREFUSED undefined 0 UserError connect listen openRoom\n";
  expect(bun("index.ts")).toEqual({ code: 0, stdout, stderr: "" });
  expect(bun("bot.ts")).toMatchObject({ code: 0, stderr: "" });
});

describe("its commands", () => {
  const command = (name: string) => join(project, "node_modules", ".bin", name);
  /** A folder with these programs, for a search path. */
  const binWith = (programs: Record<string, string>) => {
    const bin = newFolder();
    for (const [name, path] of Object.entries(programs)) symlinkSync(path, join(bin, name));
    return bin;
  };
  /** What runs one where there is a Bun. */
  const withBun = (name = "", ...words: string[]) => {
    const bin = binWith({ bun: process.execPath });
    return ["env", `PATH=${bin}:${process.env["PATH"]}`, command(name), ...words];
  };

  test("talk to each other, each by its own name and by that of the package", async () => {
    const options = ["--host", "127.0.0.1", "--web", "0", "0"];
    for (const words of [["linechat", "server"], ["linechat-server"]] as const) {
      const room = await ServerProgram.run(withBun(...words, ...options));
      expect(await (await fetch(await webUrl(room))).text()).toStartWith("<!doctype html>");
      const ann = await room.join();
      const client = words.map((word) => word.replace("server", "client"));
      const bob = new Program(withBun(...client, "127.0.0.1", `${room.port}`));
      bob.say("hello\n");
      await ann.hears("hello\n");
      bob.endInput();
      expect(await bob.exited).toBe(0);
      ann.endInput();
      // The signal goes to the server, and not to a shell before it.
      expect(await room.stop()).toBe(0);
    }
  });

  test("linechat tells what it is, and what is wrong", () => {
    const linechat = (...words: string[]) => run(withBun("linechat", ...words));
    expect(linechat("--version")).toMatchObject({ code: 0, stdout: `linechat ${version}\n` });
    const help = linechat("--help");
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout).toContain("linechat client localhost 8080 ");
    expect(bun("x", "linechat", "client", "--version").stdout).toBe(`linechat client ${version}\n`);
    for (const [words, message] of [
      [[], "<server|client> missing, as in linechat server 8080"],
      [["sevrer", "8080"], 'unknown command "sevrer"; did you mean server or client?'],
    ] as const) {
      const stderr = `linechat: ${message} (see --help)\n`;
      expect(linechat(...words)).toEqual({ code: 2, stdout: "", stderr });
    }
  });

  testWith("npm")("say so where npm has installed them and Bun is missing", () => {
    const prefix = newFolder();
    const words = ["install", "--offline", "--no-audit", "--global", "--prefix", prefix, tarball];
    expect(run(["npm", ...words]).code).toBe(0);
    const found = ["env", "sh", "echo", "node"].map((name) => [name, Bun.which(name) ?? ""]);
    const path = `PATH=${binWith(Object.fromEntries(found))}`;
    const stderr = `linechat needs Bun ${OLDEST_BUN} or later: https://bun.com\n`;
    for (const name of ["linechat", "linechat-server", "linechat-client"]) {
      const told = run(["env", path, join(prefix, "bin", name), "8080"]);
      expect(told).toEqual({ code: 127, stdout: "", stderr });
    }
  });

  test("say so where Bun is too old", () => {
    const needs = `Bun ${OLDEST_BUN} or later is needed, not`;
    const old = join(newFolder(), "old.ts");
    writeFileSync(old, "Bun.semver.order = () => -1;");
    const told = bun("--preload", old, join(installed, "client.ts"), "--version");
    const stderr = `linechat-client: ${needs} ${Bun.version}: https://bun.com\n`;
    expect(told).toEqual({ code: 1, stdout: "", stderr });
  });
});
