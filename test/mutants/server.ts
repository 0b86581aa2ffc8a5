/** Mistakes in the server and in extras that no simulated world notices, each with the test that does. */

import type { ProgramMutant } from "../harness/faults.ts";

export const SERVER_MUTANTS: readonly ProgramMutant[] = [
  {
    fault: "each refusal of an address is logged",
    file: "lib/server/event-log.ts",
    code: "refusals.size === REFUSALS_MAX || refusals.has(refusal)",
    becomes: "refusals.size === REFUSALS_MAX",
    test: "test/server/log.test.ts",
  },
  {
    fault: "with --quiet, nobody is told of slow readers",
    file: "lib/server/event-log.ts",
    code: "/^(too slow|line too long)$/",
    becomes: "/^line too long$/",
    test: "test/server/log.test.ts",
  },
  {
    fault: "a stop waits for no slow reader",
    file: "lib/server/listen.ts",
    code: "stop(graceMs = 5_000)",
    becomes: "stop(graceMs = 0)",
    test: "test/defaults.test.ts",
  },
  {
    fault: "a start that fails leaves its port open",
    file: "lib/server/listen.ts",
    code: "    await stop(0);\n    throw error;",
    becomes: "    throw error;",
    test: "test/server/listen.test.ts",
  },
  {
    fault: "an arrival may have no time at all",
    file: "lib/server/listen.ts",
    code: "arrivalMs: [1, DAY_MS]",
    becomes: "arrivalMs: [0, DAY_MS]",
    test: "test/server/ranges.test.ts",
  },
  {
    fault: "a Unix socket is also that of its owner's group",
    file: "lib/server/listen.ts",
    code: "place.unixMode ?? 0o600",
    becomes: "place.unixMode ?? 0o660",
    test: "test/server/unix.test.ts",
  },
  {
    fault: "of two servers that find a stale socket, one removes the other's",
    file: "lib/server/unix-path.ts",
    code: "    lock(path, opened);\n",
    becomes: "",
    test: "test/server/unix.test.ts",
  },
  {
    fault: "no files are kept for the ports of HTTP",
    file: "lib/server/options.ts",
    code: "free - Math.max(...spare)",
    becomes: "free - Math.min(0, ...spare)",
    test: "test/server/file-limit.test.ts",
  },
  {
    fault: "a signal that comes while the server starts ends it by default",
    file: "server.ts",
    code: '  onSignal("SIGTERM", stop);\n',
    becomes: '  setTimeout(() => onSignal("SIGTERM", stop), 1000).unref();\n',
    test: "test/server/signals.test.ts",
  },
  {
    fault: "one that has sent the first line of all is told to have sent its name only",
    file: "lib/extras/names/names.ts",
    code: "member.cursor.lastRun < 0",
    becomes: "member.cursor.lastRun <= 0",
    test: "test/server/people.test.ts",
  },
];
