/** The name of the user at a terminal, as far as the system knows it. */

import { isName, NAME_LENGTH_MAX } from "../program/name.ts";

/** The login name, without what `--name` does not take; empty when there is none. */
export function loginName(): string {
  const { USER, LOGNAME, USERNAME } = process.env;
  const name = USER || LOGNAME || USERNAME || nameById();
  const word = [...name.replace(/[\s:\p{C}]/gu, "")].slice(0, NAME_LENGTH_MAX).join("");
  return isName(word) ? word : "";
}

/** By id(1); `os.userInfo` of Bun knows no more than `$USER`. */
function nameById(): string {
  return `${Bun.spawnSync(["sh", "-c", "id -un"], { stderr: "ignore" }).stdout}`;
}
