/** Why it cannot connect, in words for the user; loaded when that has happened. */

import { accessSync, constants, statSync } from "node:fs";

import { codeOf, explain, UserError } from "../program/system-errors.ts";
import type { Place } from "./addresses.ts";

/** The system's error, by what it means for such a place. */
export function inWords(error: unknown, place: Place): unknown {
  const code = codeOf(error);
  if (error instanceof UserError) return error;
  if ("unix" in place) return pathFailure(place.unix) ?? error;
  if (code === "DNS_ENOTFOUND")
    return new UserError("unknown host", { cause: error, code: "ENOTFOUND" });
  if (code.startsWith("DNS_"))
    return new UserError("the name service does not answer", { cause: error });
  if (code !== "EINVAL") return error;
  const words = place.host.includes("%")
    ? "this machine has no such interface"
    : "a link-local address needs its interface, like fe80::1%eth0";
  return new UserError(words, { cause: error, permanent: true });
}

/** What is wrong with a path, if anything is: Bun takes most of it for ECONNREFUSED. */
function pathFailure(path: string): UserError | undefined {
  try {
    accessSync(path, constants.W_OK);
    if (statSync(path).isSocket()) return undefined;
    return new UserError("it is not a socket", { code: "ENOTSOCK", permanent: true });
  } catch (cause) {
    return new UserError(explain(cause, { ENOENT: "no such socket" }), { cause });
  }
}
