/** Mistakes in what connects a room to Redis, which the simulator's stream stands in for. */

import { caughtBy, type ProgramMutant } from "../harness/faults.ts";

export const REDIS_MUTANTS: readonly ProgramMutant[] = [
  ...caughtBy("test/redis/redis.test.ts", "lib/redis/scripts.ts", {
    "lines that are apart are never trimmed":
      "redis.call('XTRIM', apart, 'MINID', tail) ==> redis.call('XLEN', apart)",
    "a server joins a room of which Redis does not know who has joined":
      "call('HGET', servers, 'options') ==> call('HGET', servers, 'options') or options",
  }),
  ...caughtBy("test/redis/redis.test.ts", "lib/redis/link.ts", {
    "what has no lines any more is in the way of those that start": [
      "const forget = (id: string) => {\n",
      "const forget = (id: string) => {\n      id = '0-0';\n",
    ],
    "lines of others that are apart are left out":
      "entry.by === by || String ==> entry.by !== by || String",
  }),
  ...caughtBy("test/redis/faults.test.ts", "lib/redis/scripts.ts", {
    "lines of a room with other options stay in Redis":
      "redis.call('XTRIM', apart, 'MAXLEN', '0') ==>",
  }),
  ...caughtBy("test/redis/faults.test.ts", "lib/redis/connection.ts", {
    "an answer is given up as late after half a second":
      "const LATE_MS = 5_000; ==> const LATE_MS = 500;",
    "answers that came while the server stood still are given up":
      "=> this.#passed(), LATE_MS / STEPS ==> => (this.#waited = STEPS) && this.#passed(), LATE_MS",
  }),
  ...caughtBy("test/redis/faults.test.ts", "lib/redis/session.ts", {
    "a balancer is told that all is well while Redis is away":
      'order.isHere ? undefined : "redis is away" ==> order.isMember ? undefined : "redis is away"',
    "heartbeats wait until what was sent before is read":
      "if (now >= this.#dueAtMs) { ==> if (now >= this.#dueAtMs && !this.order.isHeldUp()) {",
  }),
  ...caughtBy("test/redis/connection.test.ts", "lib/redis/scripts.ts", {
    "lines that are apart are trimmed only when more of them come": [
      "redis.call('XTRIM', apart, 'MINID', tail)",
      "if #lines > ${APART_BYTES} then redis.call('XTRIM', apart, 'MINID', tail) end",
    ],
  }),
  ...caughtBy("test/redis/start.test.ts", "lib/redis/scripts.ts", {
    "a server that leaves stays in the hash of servers":
      "if leaves then forget(name) end ==> return leaves",
  }),
  ...caughtBy("test/redis/start.test.ts", "lib/redis/link.ts", {
    "all rooms of a Redis are one":
      'const key = `linechat:{${room}}`; ==> const key = "linechat:{linechat}"; void room;',
  }),
  ...caughtBy("test/redis/start.test.ts", "lib/redis/redis.ts", {
    "the password of the environment is not used":
      'address.password ||= encodeURIComponent(process.env["REDIS_PASSWORD"] ?? ""); ==>',
  }),
  ...caughtBy("test/redis/order.test.ts", "lib/redis/session.ts", {
    "a server that leaves connects again when its connection is lost meanwhile":
      "this.#dueAtMs = this.#onLeft ? NEVER : now + ms; ==> this.#dueAtMs = now + ms;",
  }),
  ...caughtBy("test/redis/order.test.ts", "lib/redis/stream-order.ts", {
    "clients join before all of the history is in the log": [
      "    this.position = id;\n",
      "    this.position = id;\n    this.isMember = this.isHere;\n",
    ],
    "a seat stays taken whose lines wait for their turn": ".isSettled) done(); ==> .isSettled) ;",
    "a seat stays taken whose lines get no place": "of all) done?.(); ==> of all) void done;",
    "lines that come in its name are left out": "!isJoining && !own) ==> !isJoining && !id)",
    "what is sent after a restart is lost again": "this.position = START; ==>",
  }),
];
