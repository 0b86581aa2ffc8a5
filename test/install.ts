/**
 * Runs before all tests, by bunfig.toml: in a fresh clone it installs the types of Bun, which the tests
 * of the package need, so that `bun test` is the only command.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");

if (!existsSync(join(ROOT, "node_modules", "bun-types"))) {
  // As under npx, there may be no `bun` on the path.
  const command = [process.execPath, "install", "--frozen-lockfile"];
  Bun.spawnSync(command, { cwd: ROOT, stdout: 2, stderr: 2 });
}
