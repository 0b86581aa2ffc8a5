/** Mistakes in the page, its WebSockets, ports of HTTP and figures, each of which a test has to notice. */

import { caughtBy, type ProgramMutant } from "../harness/faults.ts";

export const WEB_MUTANTS: readonly ProgramMutant[] = [
  ...caughtBy("test/web/web.test.ts", "lib/web/page.ts", {
    "the page may be shown in a frame of another one":
      '"frame-ancestors \'none\'", ==> "frame-ancestors *",',
  }),
  ...caughtBy("test/web/web.test.ts", "lib/web/web.ts", {
    "the first address of X-Forwarded-For is believed, which a browser can send itself":
      'split(",").reverse() ?? [] ==> split(",") ?? []',
  }),
  ...caughtBy("test/web/web.test.ts", "lib/web/web-socket.ts", {
    "a question is answered before its sender is in the room": [
      "return this.#data instanceof Member && this.#late === undefined;",
      "return this.#late === undefined;",
    ],
  }),
  ...caughtBy("test/web/heartbeat.test.ts", "lib/web/heartbeat.ts", {
    "a WebSocket that is sent something counts as there":
      "this.#sentBytes += bytes; ==> this.#sentBytes += bytes;\n    this.#silentBeats = 0;",
  }),
  ...caughtBy("test/http/http-port.test.ts", "lib/http/http-port.ts", {
    "the reserve of files is never looked after": [
      "if (library === undefined || filesMax - countOpenFiles() >= enough) return;",
      "if (library === undefined || filesMax - countOpenFiles() >= 0) return;",
    ],
  }),
  ...caughtBy("test/metrics/metrics.test.ts", "lib/metrics/metrics.ts", {
    "processor time is in ms, and called seconds":
      "(user + system) / 1e6 ==> (user + system) / 1e3",
    "a health check is 200 while the server stops": 'room.isStopping ? "stopping" : ==>',
  }),
  ...caughtBy("test/web/page.test.ts", "lib/web/page/connection.ts", {
    "a line counts as received although the question after it has no answer":
      "underWay.splice(0, asked ?? 0) ==> underWay.splice(0)",
  }),
];
