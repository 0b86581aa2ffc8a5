/** Mistakes in the server and in extras that no simulated world notices, each with the test that does. */

import { caughtBy, type ProgramMutant } from "../harness/faults.ts";

export const SERVER_MUTANTS: readonly ProgramMutant[] = [
  ...caughtBy("test/extras/names.test.ts", "lib/extras/names/named-lines.ts", {
    "a line of a name and nothing is lost at the end of input":
      'isEmptyLine ? "\\n" : ==> isEmptyLine ? "" :',
  }),
  ...caughtBy("test/server/log.test.ts", "lib/server/event-log.ts", {
    "each refusal of an address is logged": [
      "refusals.size === REFUSALS_MAX || refusals.has(refusal)",
      "refusals.size === REFUSALS_MAX",
    ],
    "with --quiet, nobody is told of slow readers":
      "/^(too slow|line too long)$/ ==> /^line too long$/",
  }),
  ...caughtBy("test/defaults.test.ts", "lib/server/listen.ts", {
    "a stop waits for no slow reader": ["stop(graceMs = 5_000)", "stop(graceMs = 0)"],
  }),
  ...caughtBy("test/server/listen.test.ts", "lib/server/listen.ts", {
    "a start that fails leaves its port open": [
      "    await stop(0);\n    throw error;",
      "    throw error;",
    ],
  }),
  ...caughtBy("test/server/ranges.test.ts", "lib/server/listen.ts", {
    "an arrival may have no time at all": ["arrivalMs: [1, DAY_MS]", "arrivalMs: [0, DAY_MS]"],
  }),
  ...caughtBy("test/server/unix.test.ts", "lib/server/listen.ts", {
    "a Unix socket is also that of its owner's group":
      "place.unixMode ?? 0o600 ==> place.unixMode ?? 0o660",
  }),
  ...caughtBy("test/server/unix.test.ts", "lib/server/unix-path.ts", {
    "of two servers that find a stale socket, one removes the other's": "lock(path, opened); ==>",
  }),
  ...caughtBy("test/server/file-limit.test.ts", "lib/server/options.ts", {
    "no files are kept for the ports of HTTP":
      "free - Math.max(...spare) ==> free - Math.min(0, ...spare)",
  }),
  ...caughtBy("test/server/signals.test.ts", "server.ts", {
    "a signal that comes while the server starts ends it by default": [
      '  onSignal("SIGTERM", stop);\n',
      '  setTimeout(() => onSignal("SIGTERM", stop), 1000).unref();\n',
    ],
  }),
  ...caughtBy("test/server/people.test.ts", "lib/extras/names/names.ts", {
    "one that has sent the first line of all is told to have sent its name only":
      "member.cursor.lastRun < 0 ==> member.cursor.lastRun <= 0",
  }),
];
