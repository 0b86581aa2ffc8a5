/** Mistakes in the page, its WebSockets, ports of HTTP and figures, each of which a test has to notice. */

import type { ProgramMutant } from "../harness/faults.ts";

export const WEB_MUTANTS: readonly ProgramMutant[] = [
  {
    fault: "the page may be shown in a frame of another one",
    file: "lib/web/page.ts",
    code: `"frame-ancestors 'none'",`,
    becomes: `"frame-ancestors *",`,
    test: "test/web/web.test.ts",
  },
  {
    fault: "the first address of X-Forwarded-For is believed, which a browser can send itself",
    file: "lib/web/web.ts",
    code: `split(",").reverse() ?? []`,
    becomes: `split(",") ?? []`,
    test: "test/web/web.test.ts",
  },
  {
    fault: "a WebSocket that is sent something counts as there",
    file: "lib/web/heartbeat.ts",
    code: "this.#sentBytes += bytes;",
    becomes: "this.#sentBytes += bytes;\n    this.#silentBeats = 0;",
    test: "test/web/heartbeat.test.ts",
  },
  {
    fault: "a question is answered before its sender is in the room",
    file: "lib/web/web-socket.ts",
    code: "return this.#data instanceof Member && this.#late === undefined;",
    becomes: "return this.#late === undefined;",
    test: "test/web/web.test.ts",
  },
  {
    fault: "the reserve of files is never looked after",
    file: "lib/http/http-port.ts",
    code: "if (library === undefined || filesMax - countOpenFiles() >= enough) return;",
    becomes: "if (library === undefined || filesMax - countOpenFiles() >= 0) return;",
    test: "test/http/http-port.test.ts",
  },
  {
    fault: "processor time is in ms, and called seconds",
    file: "lib/metrics/metrics.ts",
    code: "(user + system) / 1e6",
    becomes: "(user + system) / 1e3",
    test: "test/metrics/metrics.test.ts",
  },
  {
    fault: "a health check is 200 while the server stops",
    file: "lib/metrics/metrics.ts",
    code: `room.isStopping ? "stopping" : ailment`,
    becomes: "ailment",
    test: "test/metrics/metrics.test.ts",
  },
  {
    fault: "a line counts as received although the question after it has no answer",
    file: "lib/web/page/connection.ts",
    code: "underWay.splice(0, asked ?? 0)",
    becomes: "underWay.splice(0)",
    test: "test/web/page.test.ts",
  },
];
