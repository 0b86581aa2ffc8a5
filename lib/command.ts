#!/usr/bin/env sh
///usr/bin/env sh -c 'command -v bun' >/dev/null && exec bun "$0" "$@"
///usr/bin/env echo "linechat needs Bun 1.4.5 or later: https://bun.com" >&2; exit 127
/**
 * The command `linechat`: `linechat server` is server.ts, `linechat client` is client.ts. So
 * `bunx linechat` finds both by the name of the package.
 *
 * What an installed command begins with is for `sh` too, which hands over to Bun, or says that it
 * is missing; to Bun these lines are comments.
 */

import { version } from "../package.json";
import { runCommand } from "./program/command-line.ts";
import { quote } from "./program/quote.ts";
import { usageError } from "./program/system-errors.ts";

const PROGRAMS: Readonly<Record<string, () => Promise<unknown>>> = {
  server: () => import("../server.ts"),
  client: () => import("../client.ts"),
};

const command = {
  name: "linechat",
  version,
  summary: "A chat room on a port, or a seat in one; each has a --help of its own.",
  operands: ["server|client"],
  options: {},
  examples: [
    ["linechat server 8080", "a room on port 8080"],
    ["linechat client localhost 8080", "a seat in it"],
    ["linechat server --help", "all that a room can do"],
  ],
} as const;

const [word = "", ...rest] = process.argv.slice(2);
const program = Object.hasOwn(PROGRAMS, word) ? PROGRAMS[word] : undefined;
if (program) {
  process.argv.splice(2, 1);
  await program();
} else {
  // What follows a word that means nothing is not looked at.
  process.argv.length -= rest.length;
  await runCommand(command, () => {
    throw usageError(`unknown command ${quote(word)}; did you mean server or client?`);
  });
}
