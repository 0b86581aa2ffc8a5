/** What the options of a server name: what will not do is one line, before it listens. */

import { expect, test } from "bun:test";

import { key, pem } from "../certificates.ts";
import { settingsFor } from "./served.ts";

const FILES: Record<string, string> = {
  CERT: pem("server"),
  KEY: key("server"),
  NONE: "/nowhere/at/all",
};
const UNREADABLE = "cannot read /nowhere/at/all: no such file or directory";
const MODE = "--unix-mode takes the permissions of a file, like 600, not";

test.each([
  ["--pass-file NONE 0", UNREADABLE],
  ["--tls-cert NONE --tls-key KEY 0", UNREADABLE],
  ["--tls-cert CERT --tls-key NONE 0", UNREADABLE],
  ["--tls-cert CERT --tls-key KEY --tls-ca NONE 0", UNREADABLE],
  ["--unix room --unix-mode 99 8080", `${MODE} "99" (see --help)`],
  ["--room x 8080", "--room needs --redis (see --help)"],
  ["--tls-ca x 8080", "--tls-ca needs --tls-cert (see --help)"],
  ["--tls-cert x 8080", "--tls-cert needs --tls-key (see --help)"],
  ["--host ::1 --unix room", "--host and --unix cannot be used together (see --help)"],
  ["--allow ::1 --unix room", "--allow and --unix cannot be used together (see --help)"],
])("%s cannot be meant: %s", async (words, message) => {
  const told = settingsFor(...words.split(" ").map((word) => FILES[word] ?? word));
  expect(await told.catch(String)).toBe(`UserError: ${message}`);
});
