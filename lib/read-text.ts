/** Files that a user names. */

import { readFileSync } from "node:fs";

import { codeOf, UserError } from "./user-error.ts";

/**
 * The text of a file.
 *
 * @throws {UserError} that names the file and says why it cannot be read
 */
export function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const code = codeOf(error) || String(error);
    const words: Record<string, string> = {
      ENOENT: "no such file",
      EACCES: "permission denied",
      EISDIR: "it is a directory",
    };
    throw new UserError(`cannot read ${file}: ${words[code] ?? code}`);
  }
}
