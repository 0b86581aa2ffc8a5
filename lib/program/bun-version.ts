/** Which Bun it takes: package managers do not look, as npm has an eye only for Node.js. */

import { UserError } from "./system-errors.ts";

/** The oldest that will do; `engines` in package.json says so too. */
export const OLDEST_BUN = "1.4.5";

/** @throws {UserError} when a version, that of this Bun by default, is too old */
export function requireBun(version: string = Bun.version): void {
  if (Bun.semver.order(version, OLDEST_BUN) >= 0) return;
  throw new UserError(`Bun ${OLDEST_BUN} or later is needed, this is ${version}: https://bun.com`);
}
