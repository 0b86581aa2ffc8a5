/** Mistakes in what connects a room to Redis, which the simulator's stream stands in for. */

import type { ProgramMutant } from "../harness/faults.ts";

export const REDIS_MUTANTS: readonly ProgramMutant[] = [
  {
    fault: "lines that are apart are never trimmed",
    file: "lib/redis/scripts.ts",
    code: "redis.call('XTRIM', apart, 'MINID', tail)",
    becomes: "redis.call('XLEN', apart)",
    test: "test/redis/redis.test.ts",
  },
  {
    fault: "lines that are apart are trimmed only when more of them come",
    file: "lib/redis/scripts.ts",
    code: "redis.call('XTRIM', apart, 'MINID', tail)",
    becomes: "if #lines > ${APART_BYTES} then redis.call('XTRIM', apart, 'MINID', tail) end",
    test: "test/redis/connection.test.ts",
  },
  {
    fault: "a server joins a room of which Redis does not know who has joined",
    file: "lib/redis/scripts.ts",
    code: "local common = redis.call('HGET', servers, 'options')",
    becomes: "local common = redis.call('HGET', servers, 'options') or options",
    test: "test/redis/redis.test.ts",
  },
  {
    fault: "what has no lines any more is in the way of those that start",
    file: "lib/redis/link.ts",
    code: "const forget = (id: string) => {\n",
    becomes: "const forget = (id: string) => {\n      id = '0-0';\n",
    test: "test/redis/redis.test.ts",
  },
  {
    fault: "lines of a room with other options stay in Redis",
    file: "lib/redis/scripts.ts",
    code: "  redis.call('XTRIM', apart, 'MAXLEN', '0')\n",
    becomes: "",
    test: "test/redis/start.test.ts",
  },
  {
    fault: "a server that leaves stays in the hash of servers",
    file: "lib/redis/scripts.ts",
    code: "if leaves then forget(name) end",
    becomes: "return leaves",
    test: "test/redis/start.test.ts",
  },
  {
    fault: "lines of others that are apart are left out",
    file: "lib/redis/link.ts",
    code: 'entry.by === by || String(values[at + 3]) !== "apart"',
    becomes: 'entry.by !== by || String(values[at + 3]) !== "apart"',
    test: "test/redis/redis.test.ts",
  },
  {
    fault: "all rooms of a Redis are one",
    file: "lib/redis/link.ts",
    code: "const key = `linechat:{${room}}`;",
    becomes: 'const key = "linechat:{linechat}"; void room;',
    test: "test/redis/redis.test.ts",
  },
  {
    fault: "an answer is given up as late after half a second",
    file: "lib/redis/connection.ts",
    code: "const LATE_MS = 5_000;",
    becomes: "const LATE_MS = 500;",
    test: "test/redis/start.test.ts",
  },
  {
    fault: "answers that came while the server stood still are given up",
    file: "lib/redis/connection.ts",
    code: "setInterval(() => this.#passed(), LATE_MS / STEPS);",
    becomes: "setInterval(() => (this.#waited = STEPS) && this.#passed(), LATE_MS);",
    test: "test/redis/connection.test.ts",
  },
  {
    fault: "the password of the environment is not used",
    file: "lib/redis/redis.ts",
    code: 'address.password ||= encodeURIComponent(process.env["REDIS_PASSWORD"] ?? "");',
    becomes: "",
    test: "test/redis/start.test.ts",
  },
  {
    fault: "a balancer is told that all is well while Redis is away",
    file: "lib/redis/session.ts",
    code: 'return this.order.isHere ? undefined : "redis is away";',
    becomes: 'return this.order.isMember ? undefined : "redis is away";',
    test: "test/redis/redis.test.ts",
  },
  {
    fault: "clients join before all of the history is in the log",
    file: "lib/redis/stream-order.ts",
    code: "    this.position = id;\n",
    becomes: "    this.position = id;\n    this.isMember = this.isHere;\n",
    test: "test/redis/order.test.ts",
  },
  {
    fault: "heartbeats wait until what was sent before is read",
    file: "lib/redis/session.ts",
    code: "if (now >= this.#dueAtMs) {",
    becomes: "if (now >= this.#dueAtMs && !this.order.isHeldUp()) {",
    test: "test/redis/faults.test.ts",
  },
];
