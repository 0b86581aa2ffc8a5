#!/usr/bin/env sh
///usr/bin/env sh -c 'command -v bun' >/dev/null && exec bun "$0" "$@"
///usr/bin/env echo "linechat needs Bun 1.4.5 or later: https://bun.com" >&2; exit 127
/**
 * The command `linechat`: `linechat server` is server.ts, `linechat client` is client.ts. So
 * `bunx linechat` finds both by the name of the package.
 *
 * The first lines are for `sh`, which hands over to Bun or reports that it is missing; to Bun they
 * are comments.
 */

import { called, runCommand } from "./program/command-line.ts";
import { quote, usageError } from "./program/system-errors.ts";

const command = {
  name: "linechat",
  summary: "A chat room on a port, or a client of one; each has a --help of its own.",
  operands: ["server|client"],
  options: {},
  examples: [
    ["linechat server 8080", "a room on port 8080"],
    ["linechat client localhost 8080", "a client of it"],
    ["linechat server --help", "all options of a room"],
  ],
} as const;

const [, , name = ""] = process.argv;
if (name === "server" || name === "client") {
  process.argv.splice(2, 1);
  called.as = `linechat ${name}`;
  await (name === "server" ? import("../server.ts") : import("../client.ts"));
} else {
  process.argv.splice(3); // Of an unknown one, nobody looks at what follows.
  await runCommand(command, () => {
    throw usageError(`unknown command ${quote(name)}; did you mean server or client?`);
  });
}
