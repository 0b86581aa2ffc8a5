/** The name of the user at a terminal, as far as the system knows it. */

import { readFileSync } from "node:fs";

import { isName, NAME_LENGTH_MAX } from "../program/name.ts";

/** The login name, without what `--name` does not take; empty when there is none. */
export function loginName(): string {
  const { USER, LOGNAME, USERNAME } = process.env;
  const name = USER || LOGNAME || USERNAME || nameInPasswd();
  const word = [...name.replace(/[\s:\p{C}]/gu, "")].slice(0, NAME_LENGTH_MAX).join("");
  return isName(word) ? word : "";
}

/** By passwd(5); `os.userInfo` of Bun knows no more than `$USER`. */
function nameInPasswd(): string {
  try {
    const users = readFileSync("/etc/passwd", "utf8").split("\n");
    const fields = users.map((user) => user.split(":"));
    return fields.find(([, , id]) => id === `${process.getuid?.()}`)?.[0] ?? "";
  } catch {
    return "";
  }
}
