/**
 * `bun .ci/coverage.ts`: runs tests of what is in their own process, and shows which lines of `lib/`
 * they do not reach: none of `lib/room/`, and few of the other files that they load.
 */

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");
const TESTS = [
  "room",
  "extras",
  "program",
  "simulation",
  "server/listen.test.ts",
  "fuzz.test.ts",
].map((test) => `test/${test}`);
/** Of the lines that are not of `lib/room/`. */
const REACHED_MIN = 0.85;

const missing = TESTS.filter((test) => !existsSync(join(ROOT, test)));
if (missing.length > 0) throw new Error(`there is no ${missing.join(", ")}`); // Bun would not say so.

const folder = mkdtempSync(join(tmpdir(), "linechat-coverage-"));
const how = ["--coverage", "--coverage-reporter=lcov", `--coverage-dir=${folder}`];
const { exitCode } = Bun.spawnSync([process.execPath, "test", ...how, ...TESTS], {
  cwd: ROOT,
  stdio: ["ignore", "inherit", "inherit"],
});
const report = readFileSync(join(folder, "lcov.info"), "utf8");
rmSync(folder, { recursive: true });

const room = { lines: 0, missed: 0 };
const others = { lines: 0, missed: 0 };
for (const record of report.split("end_of_record")) {
  const [, file = ""] = /^SF:(.*)$/m.exec(record) ?? [];
  if (!file.startsWith("lib/")) continue;
  const counts = [...record.matchAll(/^DA:(\d+),(\d+)/gm)];
  const missed = counts.filter(([, , count]) => count === "0").map(([, line]) => line);
  const part = file.startsWith("lib/room/") ? room : others;
  part.lines += counts.length;
  part.missed += missed.length;
  if (missed.length > 0) console.log(`${file}: not reached: ${missed.join(", ")}`);
}
const reached = 1 - others.missed / others.lines;
console.log(
  `lib/room: ${room.missed} of ${room.lines} lines not reached; others: ${(100 * reached).toFixed(1)} % reached`,
);
const isEnough = room.lines > 0 && room.missed === 0 && reached >= REACHED_MIN;
process.exit(exitCode === 0 && isEnough ? 0 : 1);
