import { expect, test } from "bun:test";
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

import { History } from "../../lib/client/history.ts";
import { endAfterEach, newFolder, runToEnd } from "../harness.ts";

endAfterEach();

const newPath = () => join(newFolder(), "state", "linechat", "history");
const linesOf = (path: string) => readFileSync(path, "utf8").split("\n").slice(0, -1);

test("back and on again, and what was being typed is still there", () => {
  const history = new History();
  for (const line of ["one", "two", "two", "three"]) history.add(line);
  expect(history.go(1, "typed")).toBe("three");
  expect(history.go(1, "three")).toBe("two");
  expect(history.go(1, "two")).toBe("one");
  expect(history.go(1, "one")).toBe("one");
  expect(history.go(-1, "one")).toBe("two");
  expect(history.go(-1, "two")).toBe("three");
  expect(history.go(-1, "three")).toBe("typed");
  expect(history.go(-1, "typed")).toBe("typed");
});

test("it survives the program, for nobody else to read", () => {
  const path = newPath();
  new History(path).add("one");
  new History(path).add("two");
  expect(new History(path).go(1, "")).toBe("two");
  expect(linesOf(path)).toEqual(["one", "two"]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
});

test("a file that others could read is theirs no longer", () => {
  const path = newPath();
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, "one\n", { mode: 0o644 });
  expect(new History(path).go(1, "")).toBe("one");
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("two at once keep the lines of both", () => {
  const path = newPath();
  const [one, other] = [new History(path), new History(path)];
  one.add("a");
  other.add("b");
  one.add("c");
  one.close();
  other.close();
  expect(linesOf(path)).toEqual(["a", "b", "c"]);
});

test("it has at most a thousand lines, the last ones", () => {
  const path = newPath();
  const history = new History(path);
  for (let index = 0; index < 1500; index++) history.add(`line ${index}`);
  history.close();
  const last = Array.from({ length: 1000 }, (_, index) => `line ${index + 500}`);
  expect(linesOf(path)).toEqual(last);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(dirname(path))).toEqual(["history"]);
  let line = "";
  for (let index = 0; index < 2000; index++) line = history.go(1, line);
  expect(line).toBe("line 500");
});

test("the pass phrase, a line after a space and one of 8 MB are not kept", () => {
  const path = newPath();
  const history = new History(path, "secret");
  for (const line of ["secret", " private", "x".repeat(8 << 20), "", "kept"]) history.add(line);
  expect(linesOf(path)).toEqual(["kept"]);
  expect(history.go(1, "")).toBe("kept");
  expect(history.go(1, "")).toHaveLength(8 << 20);
  expect(history.go(1, "")).toBe(" private");
  expect(history.go(1, "")).toBe(" private");
});

test.each(["/dev/null/linechat/history", "/proc/linechat/history", "/dev"])(
  "without a file at %s it remembers all the same",
  (path) => {
    const history = new History(path);
    history.add("one");
    expect(history.go(1, "")).toBe("one");
    history.close();
  },
);

test("what is no file is left alone, such as /dev/null by a link", async () => {
  const path = join(newFolder(), "pipe");
  Bun.spawnSync(["mkfifo", "-m", "644", path]);
  const link = join(dirname(path), "history");
  symlinkSync(path, link);
  const module = join(import.meta.dir, "../../lib/client/history.ts");
  const code = `import { History } from "${module}";
    const history = new History("${link}");
    history.add("one");
    history.close();
    console.log(history.go(1, ""));`;
  const { stdout } = await runToEnd([process.execPath, "-e", code]);
  expect(stdout).toBe("one\n");
  expect(statSync(path).mode & 0o777).toBe(0o644);
});

test("a link to a file elsewhere stays one", () => {
  const path = join(newFolder(), "elsewhere");
  writeFileSync(path, "old\n".repeat(2000));
  const link = join(dirname(path), "history");
  symlinkSync(path, link);
  new History(link).close();
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(linesOf(path)).toHaveLength(1000);
});
